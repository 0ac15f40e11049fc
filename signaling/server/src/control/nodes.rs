//! The node registry and the choice of a node.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::DashMap;
use signaling_desk::{
    NodeHealth,
    placement::{self, Candidate, Ground, LegPlace, Wish},
};
use signaling_wire::{
    browser::CandidateNode,
    control::{MAX_PEERS, SignalingMessage},
    ids::NodeId,
};

use super::{Eligibility, Node, relays::Relays};
use crate::geo::{Geo, Location};

/// How many nodes there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeStates {
    /// Taking new legs.
    pub serving: u32,
    /// Draining, full, or silent for longer than the lease.
    pub not_eligible: u32,
    /// Of either kind, with another version of the software than ours.
    pub other_version: u32,
}

/// The nodes with a live control link.
#[derive(Debug, Default)]
pub struct Nodes {
    by_id: DashMap<NodeId, Arc<Node>>,
    geo: Option<Geo>,
    relays: Relays,
}

impl Nodes {
    /// No nodes yet; `geo` says where addresses are.
    #[must_use]
    pub fn new(geo: Option<Geo>) -> Self {
        Self { geo, ..Self::default() }
    }

    /// The node, if its link is up.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<Arc<Node>> {
        self.by_id.get(&id).map(|node| Arc::clone(&node))
    }

    /// All nodes, in the order of their ids.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Node>> {
        let mut all: Vec<_> = self.by_id.iter().map(|node| Arc::clone(&node)).collect();
        all.sort_by_key(|node| node.incarnation().node);
        all
    }

    /// The node, if it may be given legs.
    #[must_use]
    pub fn eligible(&self, id: NodeId) -> Option<Arc<Node>> {
        let eligible =
            |node: &Arc<Node>| matches!(node.eligibility(Instant::now()), Eligibility::Eligible(_));
        self.get(id).filter(eligible)
    }

    /// The nodes that may be given legs.
    #[must_use]
    pub fn candidates(&self, wish: &Wish) -> Vec<Candidate> {
        let now = Instant::now();
        let page = wish.from.and_then(|address| self.geo.as_ref()?.locate(address));
        let candidate = |node: &Arc<Node>| match node.eligibility(now) {
            Eligibility::Eligible(load) => Some(Candidate {
                node: node.incarnation().node,
                region: node.region().to_owned(),
                load,
                same_version: node.is_same_version(),
                distance_km: page.zip(self.location(node)).map(|(page, node)| page.km_to(node)),
            }),
            _ => None,
        };
        self.by_id.iter().filter_map(|node| candidate(&node)).collect()
    }

    /// Where a node is, by the first of its addresses that is known.
    fn location(&self, node: &Node) -> Option<Location> {
        let geo = self.geo.as_ref()?;
        node.addresses().iter().find_map(|address| geo.locate(address.ip()))
    }

    /// How every node with a live link is.
    #[must_use]
    pub fn health(&self) -> HashMap<NodeId, NodeHealth> {
        let now = Instant::now();
        self.by_id.iter().map(|node| (*node.key(), node.health(now))).collect()
    }

    /// The node for a leg, and why it is that one. One that has missed heartbeats only when there
    /// is no other.
    #[must_use]
    pub fn choose(&self, wish: &Wish) -> Option<(Arc<Node>, LegPlace, Ground)> {
        let (place, ground) = self.chosen(wish)?;
        Some((self.get(place.node)?, place, ground))
    }

    fn chosen(&self, wish: &Wish) -> Option<(LegPlace, Ground)> {
        let candidates = self.candidates(wish);
        placement::choose_on_grounds(&candidates, &self.wary(wish, &candidates))
    }

    /// The same wish, which stays away from nodes that have missed heartbeats.
    fn wary(&self, wish: &Wish, candidates: &[Candidate]) -> Wish {
        let now = Instant::now();
        let silent = |node: &NodeId| {
            self.get(*node).is_some_and(|node| node.health(now) == NodeHealth::Silent)
        };
        let silent: Vec<NodeId> = candidates.iter().map(|c| c.node).filter(silent).collect();
        let avoid = [wish.avoid.as_slice(), &silent].concat();
        Wish { avoid, ..wish.clone() }
    }

    /// Where a node takes relay connections; none for one that relays nothing.
    #[must_use]
    pub fn relay_of(&self, id: NodeId) -> Option<Vec<SocketAddr>> {
        self.relays.addresses(id)
    }

    /// Round trip between two nodes in milliseconds: what they measured, or the detour over here
    /// as long as they have not met.
    #[must_use]
    pub fn between_ms(&self, a: NodeId, b: NodeId) -> f32 {
        let to = |id| self.get(id).map_or(Duration::ZERO, |node| node.control_rtt());
        self.relays.rtt_ms(a, b).unwrap_or_else(|| (to(a) + to(b)).as_secs_f32() * 1_000.0)
    }

    pub(super) fn relays(&self) -> &Relays {
        &self.relays
    }

    /// Where a leg on this node should rather be; none when it is well where it is.
    #[must_use]
    pub fn better_place(&self, at: NodeId, wish: &Wish) -> Option<LegPlace> {
        let candidates = self.candidates(wish);
        placement::better_place(at, &candidates, &self.wary(wish, &candidates))
    }

    /// Why a page of whom this is known is placed on this node, if it is what it would be given.
    #[must_use]
    pub fn why(&self, at: NodeId, wish: &Wish) -> Option<String> {
        self.chosen(wish).filter(|(best, _)| best.node == at).map(|(best, _)| best.why)
    }

    /// The nodes that a page of whom this is known should measure; none when there is nothing to
    /// choose between.
    #[must_use]
    pub fn to_measure(&self, wish: &Wish) -> Vec<CandidateNode> {
        let candidates = self.candidates(wish);
        let measured = placement::to_measure(&candidates, wish);
        measured.iter().filter_map(|candidate| self.get(candidate.node)?.to_measure()).collect()
    }

    /// How many nodes there are of each kind.
    #[must_use]
    pub fn states(&self) -> NodeStates {
        let now = Instant::now();
        self.by_id.iter().fold(NodeStates::default(), |mut states, node| {
            match node.eligibility(now) {
                Eligibility::Eligible(_) => states.serving += 1,
                _ => states.not_eligible += 1,
            }
            states.other_version += u32::from(!node.is_same_version());
            states
        })
    }

    pub(super) fn insert(&self, node: Arc<Node>) {
        self.by_id.insert(node.incarnation().node, node);
    }

    /// Introduces a node that has registered and those that are there to each other.
    pub(super) fn introduce(&self, node: &Node) {
        let id = node.incarnation().node;
        let Some(newcomer) = self.relays.peer(id) else { return };
        let mut peers = Vec::new();
        for other in self.all().iter().filter(|other| other.incarnation().node != id) {
            if let Some(peer) = self.relays.peer(other.incarnation().node)
                && peers.len() < MAX_PEERS
            {
                peers.push(peer);
                other.send(SignalingMessage::Meet { peers: vec![newcomer.clone()] });
            }
        }
        if !peers.is_empty() {
            node.send(SignalingMessage::Meet { peers });
        }
    }

    /// Forgets the node unless a newer link has taken its place.
    pub(super) fn remove(&self, node: &Arc<Node>) {
        node.forget_requests();
        self.by_id.remove_if(&node.incarnation().node, |_, known| Arc::ptr_eq(known, node));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signaling_desk::placement::Measured;
    use signaling_wire::{
        PROTOCOL,
        control::{Load, NodeState, Register, SignalingMessage},
        ids::{LegId, NodeEpoch},
    };
    use tokio::sync::mpsc;

    use super::{
        super::node::{COMMAND_QUEUE, OpenError},
        *,
    };
    use crate::geo;

    /// Round trip of every control link here.
    const RTT: Duration = Duration::from_millis(80);

    fn register(id: u128, load: Load) -> Register {
        Register {
            protocol: PROTOCOL,
            node: NodeId::from_bits(id),
            epoch: NodeEpoch::from_bits(1),
            region: "local".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            addresses: Vec::new(),
            capacity: 10,
            load,
            legs: Vec::new(),
            calls: Vec::new(),
            proof: String::new(),
            measure: None,
            relay: Vec::new(),
        }
    }

    fn node(id: u128, load: Load) -> (Arc<Node>, mpsc::Receiver<SignalingMessage>) {
        let (commands, received) = mpsc::channel(COMMAND_QUEUE);
        (Arc::new(Node::new(register(id, load), RTT, commands)), received)
    }

    fn load(legs: u32) -> Load {
        Load { state: NodeState::Serving, legs, calls: legs / 2, busy: 0.0 }
    }

    fn chosen(nodes: &Nodes) -> Option<NodeId> {
        nodes.choose(&Wish::default()).map(|(_, place, _)| place.node)
    }

    /// The node opens a leg that it is asked for.
    async fn open(node: &Node, link: &mut mpsc::Receiver<SignalingMessage>, leg: u128) {
        let open = node.open(LegId::from_bits(leg), String::new());
        let answer = async {
            let Some(SignalingMessage::OpenLeg { request, .. }) = link.recv().await else {
                panic!("an open command");
            };
            node.answered(request, Ok("answer".to_owned()));
        };
        let (opened, ()) = tokio::join!(open, answer);
        assert_eq!(opened.as_deref(), Ok("answer"));
    }

    #[test]
    fn the_least_loaded_eligible_node_is_chosen() {
        let nodes = Nodes::default();
        assert!(chosen(&nodes).is_none());
        let (busy, _busy_link) = node(1, load(6));
        let (idle, _idle_link) = node(2, load(2));
        let (draining, _draining_link) = node(3, Load { state: NodeState::Draining, ..load(0) });
        let (full, _full_link) = node(4, load(20));
        let (cut, cut_link) = node(5, load(0));
        drop(cut_link);
        for node in [&busy, &idle, &draining, &full, &cut] {
            nodes.insert(Arc::clone(node));
        }
        assert_eq!(chosen(&nodes), Some(idle.incarnation().node));
        let states = NodeStates { serving: 2, not_eligible: 3, other_version: 0 };
        assert_eq!(nodes.states(), states);
        let names = [&idle, &draining, &full, &cut].map(|n| n.eligibility(Instant::now()).name());
        assert_eq!(names, ["serving", "draining", "full", "silent"]);
    }

    #[test]
    fn with_a_location_database_distance_decides_until_a_page_has_measured() {
        let nodes = Nodes::new(Some(geo::tests::two_places()));
        let at = |id, ip: [u8; 4]| {
            let (commands, link) = mpsc::channel(COMMAND_QUEUE);
            let register = Register {
                addresses: vec![SocketAddr::from((ip, 10_000))],
                ..register(id, load(4))
            };
            nodes.insert(Arc::new(Node::new(register, RTT, commands)));
            link
        };
        let _links = [at(1, [192, 0, 2, 1]), at(2, [198, 51, 100, 1])];
        let from = |ip: &str| Wish { from: ip.parse().ok(), ..Wish::default() };
        let chosen = |wish: &Wish| nodes.choose(wish).expect("eligible").1;
        assert_eq!(chosen(&from("192.0.2.9")).node, NodeId::from_bits(1));
        let far = chosen(&from("198.51.100.9"));
        assert_eq!(far.node, NodeId::from_bits(2));
        assert_eq!(far.why, "nearest by address, about 0 km");
        let measured = vec![Measured { node: NodeId::from_bits(1), rtt_ms: 9.0 }];
        let wish = Wish { measured, ..from("198.51.100.9") };
        assert_eq!(chosen(&wish).node, NodeId::from_bits(1), "a measurement says more");
        assert_eq!(chosen(&from("203.0.113.9")).why, "least loaded, 20 % in use");
    }

    #[test]
    fn a_node_is_silent_when_its_lease_is_over_and_comes_back_with_its_next_report() {
        let (node, _link) = node(1, load(0));
        let now = Instant::now();
        let later = now + Duration::from_secs(4);
        assert!(matches!(node.eligibility(now), Eligibility::Eligible(_)));
        assert_eq!(node.eligibility(later), Eligibility::Silent);
        node.heartbeat(later, load(0), RTT);
        assert!(matches!(node.eligibility(later), Eligibility::Eligible(_)));
    }

    #[tokio::test]
    async fn placements_count_until_they_are_in_a_report() {
        let nodes = Nodes::default();
        let (a, mut a_link) = node(1, load(2));
        let (b, _b_link) = node(2, load(3));
        nodes.insert(Arc::clone(&a));
        nodes.insert(Arc::clone(&b));
        for leg in 0..2 {
            open(&a, &mut a_link, leg).await;
        }
        assert_eq!(chosen(&nodes), Some(b.incarnation().node));
        // A report that left the node before it could know of them.
        let now = Instant::now();
        a.heartbeat(now, load(2), RTT);
        assert_eq!(chosen(&nodes), Some(b.incarnation().node));
        // One that has them, and one leg less.
        a.heartbeat(now + Duration::from_secs(1), load(2), RTT);
        assert_eq!(chosen(&nodes), Some(a.incarnation().node));
    }

    #[tokio::test]
    async fn a_lost_link_ends_the_wait_for_answers() {
        let nodes = Nodes::default();
        let (a, _link) = node(1, load(0));
        nodes.insert(Arc::clone(&a));
        let open = a.open(LegId::from_bits(1), String::new());
        let lose = async { nodes.remove(&a) };
        let (opened, ()) = tokio::join!(open, lose);
        assert_eq!(opened, Err(OpenError::NoAnswer));
        assert!(nodes.get(a.incarnation().node).is_none());
    }
}
