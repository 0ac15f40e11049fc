//! Where a call lives whose legs may be on different nodes.

use signaling_wire::ids::NodeId;

use super::Wish;

/// What relaying costs beyond the distance between the nodes, in milliseconds there and back: two
/// more machines handle each packet, and losses on that way are repaired there.
const RELAY_MS: f32 = 2.0;

/// What a call on one node has to save before a leg that is already warm elsewhere is given up: the
/// page needs three round trips and a handshake to open another.
const WORTH_MOVING_MS: f32 = 20.0;

/// One side of a call: where its leg is and what its page measured.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The node of its leg.
    pub node: NodeId,
    /// What is known about its page.
    pub wish: &'a Wish,
    /// The node may be given another leg.
    pub takes_legs: bool,
}

/// Where a call lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Both legs are on this node.
    On(NodeId),
    /// Each leg stays, and the two nodes relay.
    Relay,
    /// It lives on this node; the other side's page has to open a leg there.
    Gather(NodeId),
}

/// Where a call between these legs lives. `between_ms` is the longest that
/// the round trip between their nodes can be; none when they cannot relay to each other.
///
/// With a relay, sound and picture travel page → near node → near node → page. On one node they
/// travel page → node → page, over the open Internet for the far side. What is compared is the
/// whole round trip from page to page; unknown ways are taken for as long as the known detour.
#[must_use]
pub fn join(shopper: Side<'_>, agent: Side<'_>, between_ms: Option<f32>) -> Join {
    if shopper.node == agent.node {
        return Join::On(agent.node);
    }
    let between_ms = between_ms.map(|most| at_most(most, shopper, agent));
    let through = |at: Side<'_>, from: Side<'_>| {
        let way = if at.takes_legs { way_through(at, from, between_ms) } else { None };
        (way.unwrap_or(f32::MAX), at.node)
    };
    let (on_shoppers, on_agents) = (through(shopper, agent), through(agent, shopper));
    // With equal ways it is the agent's node: it is the one that has an agent for the next call too.
    let (way, node) = if on_shoppers.0 < on_agents.0 { on_shoppers } else { on_agents };
    let Some(between) = between_ms else { return Join::Gather(node) };
    let relayed = [shopper, agent].map(|side| side.wish.rtt_ms(side.node));
    match relayed {
        [Some(a), Some(b)] if way + WORTH_MOVING_MS < a + between + RELAY_MS + b => {
            Join::Gather(node)
        }
        _ => Join::Relay,
    }
}

/// Until the nodes have met there is what the pages measured to go by: the other node is as much
/// farther from a page than its own as the nodes are apart, if they are on one way.
fn at_most(between_ms: f32, shopper: Side<'_>, agent: Side<'_>) -> f32 {
    let apart = |side: Side<'_>, other: NodeId| {
        Some(side.wish.rtt_ms(other)? - side.wish.rtt_ms(side.node)?)
    };
    let apart = [apart(shopper, agent.node), apart(agent, shopper.node)];
    let farthest = apart.into_iter().flatten().max_by(f32::total_cmp);
    farthest.map_or(between_ms, |apart| between_ms.min(apart.max(0.0)))
}

/// Round trip from page to page through the first side's node.
fn way_through(at: Side<'_>, from: Side<'_>, between_ms: Option<f32>) -> Option<f32> {
    let near = at.wish.rtt_ms(at.node)?;
    let far = match from.wish.rtt_ms(at.node) {
        Some(measured) => measured,
        None => from.wish.rtt_ms(from.node)? + between_ms?,
    };
    Some(near + far)
}
