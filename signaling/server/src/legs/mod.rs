//! Legs: which page's transport is on which node.
//!
//! A page's offer becomes a leg on the node that is best for it ([`serve`]); the desk is told and decides
//! what happens to it ([`Legs`] carries that out); what nodes say about legs goes to the desk
//! ([`DeskEvents`]).

mod bridges;
mod evading;
mod events;

use std::{collections::HashSet, sync::Arc, time::Instant};

use dashmap::DashMap;
use signaling_desk::{
    Seat, SocketId,
    placement::{self, Ground, Join, LegPlace, Side, Wish},
};
use signaling_wire::{
    browser::CandidateNode,
    control::{CarriedCall, LegReject, Remote, SignalingMessage},
    ids::{CallId, LegId, NodeId},
    limits::MAX_SDP,
    problem::{Code, Problem, Stage},
};

use tokio::sync::{mpsc, watch};

pub use self::events::DeskEvents;
use self::{
    bridges::{Bridges, Part},
    evading::Evading,
};
use crate::{
    app::App,
    control::{Incarnation, Node, Nodes, OpenError},
};

/// What a page asks for.
#[derive(Debug)]
pub enum Request {
    /// A new leg.
    Open {
        /// The offer.
        sdp: String,
        /// What is known about where the page is.
        wish: Wish,
    },
    /// New ICE credentials for a leg.
    Restart {
        /// The leg.
        leg: LegId,
        /// The offer.
        sdp: String,
    },
}

impl Request {
    fn sdp(&self) -> &str {
        match self {
            Self::Open { sdp, .. } | Self::Restart { sdp, .. } => sdp,
        }
    }
}

/// Has a node answer a page's offer.
///
/// # Errors
/// What the page is told when it cannot be done; the leg that it has is untouched.
pub async fn serve(
    app: &App,
    legs: &Legs,
    socket: SocketId,
    seat: Seat,
    request: Request,
) -> Result<(LegId, String), Problem> {
    if request.sdp().len() > MAX_SDP {
        return Err(Problem::new(Code::TooLarge, Stage::Leg));
    }
    let result = match request {
        Request::Restart { leg, sdp } => {
            legs.restart(seat, leg, sdp).await.map(|answer| (leg, answer))
        }
        Request::Open { sdp, wish } => {
            let leg = LegId::random(&mut rand::rng());
            match legs.choose(seat, &wish) {
                Some(chosen) => {
                    app.metrics.leg_placed(chosen.node.region(), chosen.ground);
                    legs.open(socket, seat, leg, sdp, (chosen, wish))
                        .await
                        .map(|answer| (leg, answer))
                }
                None => Err(OpenError::NoNode),
            }
        }
    };
    result.map_err(|error| {
        tracing::info!(%error, "leg failed");
        app.metrics.leg_failed(error);
        let problem = Problem::new(error.code(), Stage::Leg);
        match error {
            // The next try goes to another node.
            OpenError::NoAnswer => problem,
            OpenError::NoNode | OpenError::Rejected(_) => problem.retry_after(1),
        }
    })
}

/// Where a leg is, and whose it is.
#[derive(Debug, Clone)]
struct Placed {
    on: Incarnation,
    /// What was known about its page when it was placed.
    wish: Arc<Wish>,
    /// Why it is there.
    why: String,
    /// None for a leg that a node reported after this process was restarted, until its page
    /// shows up.
    seat: Option<Seat>,
    /// Who asked for it, until it is answered.
    asked_by: Option<SocketId>,
}

/// Where a leg is to be opened.
#[derive(Debug)]
struct Chosen {
    node: Arc<Node>,
    why: String,
    ground: Ground,
}

/// What follows from what a page measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reconsidered {
    /// The leg is well where it is, for this reason.
    Stays(LegPlace),
    /// The page should open another leg; it will come to a better node.
    Move,
}

/// Legs that may wait to be reported as given up.
const GIVEN_UP: usize = 1_024;

/// The legs of all pages.
#[derive(Debug)]
pub struct Legs {
    nodes: Arc<Nodes>,
    placed: DashMap<LegId, Placed>,
    bridges: Bridges,
    /// Where the next leg of a seat has to be: on the node of the other side of its call.
    wanted: DashMap<Seat, NodeId>,
    evading: Evading,
    /// The node that carries a seat's call.
    carried: DashMap<Seat, (CallId, NodeId)>,
    given_up: mpsc::Sender<LegId>,
    /// The nodes that have said what they carry.
    heard: watch::Sender<HashSet<Incarnation>>,
}

impl Legs {
    /// No legs yet. The receiver tells of legs that were given up here, for the desk.
    #[must_use]
    pub fn new(nodes: Arc<Nodes>) -> (Self, mpsc::Receiver<LegId>) {
        let (given_up, on_give_up) = mpsc::channel(GIVEN_UP);
        let (placed, wanted) = (DashMap::new(), DashMap::new());
        let (bridges, evading) = (Bridges::default(), Evading::default());
        let carried = DashMap::new();
        let heard = watch::Sender::default();
        let legs = Self { nodes, placed, bridges, wanted, evading, carried, given_up, heard };
        (legs, on_give_up)
    }

    async fn open(
        &self,
        socket: SocketId,
        seat: Seat,
        leg: LegId,
        sdp: String,
        (Chosen { node, why, .. }, wish): (Chosen, Wish),
    ) -> Result<String, OpenError> {
        let on = node.incarnation();
        tracing::info!(%leg, node = %on.node, region = node.region(), why, "leg placed");
        let placed =
            Placed { on, wish: Arc::new(wish), why, seat: Some(seat), asked_by: Some(socket) };
        self.placed.insert(leg, placed);
        let answer = node.open(leg, sdp).await;
        if answer.is_err() {
            self.placed.remove(&leg);
            if answer == Err(OpenError::NoAnswer) {
                // It may still come to be: then nobody knows about it.
                node.send(SignalingMessage::CloseLeg { leg });
            }
        }
        answer
    }

    fn choose(&self, seat: Seat, wish: &Wish) -> Option<Chosen> {
        let wanted = self.wanted.remove(&seat).and_then(|(_, node)| self.nodes.eligible(node));
        if let Some(node) = wanted {
            let why = "where the other side of the call is".to_owned();
            return Some(Chosen { node, why, ground: Ground::Call });
        }
        let avoid = self.evading.of(seat, Instant::now());
        let at = self.carried.get(&seat).map(|carried| carried.1);
        let (node, place, ground) = self.nodes.choose(&Wish { avoid, at, ..wish.clone() })?;
        Some(Chosen { node, why: place.why, ground })
    }

    /// A page has measured: what is known about the leg's place now, and whether it should rather
    /// be elsewhere. None for a leg that is not this seat's.
    pub fn measured(&self, seat: Seat, leg: LegId, wish: Wish) -> Option<Reconsidered> {
        let (on, stays) = {
            let mut placed = self.placed.get_mut(&leg)?;
            if placed.seat != Some(seat) {
                return None;
            }
            let node = placed.on.node;
            if self.nodes.better_place(node, &wish).is_some() {
                placed.wish = Arc::new(wish);
                return Some(Reconsidered::Move);
            }
            if let Some(why) = self.nodes.why(node, &wish) {
                placed.why = why;
            }
            placed.wish = Arc::new(wish);
            (placed.on, placed.why.clone())
        };
        Some(Reconsidered::Stays(self.place_of(on, stays)))
    }

    fn place_of(&self, on: Incarnation, why: String) -> LegPlace {
        let region = self.node(on).map(|node| node.region().to_owned()).unwrap_or_default();
        LegPlace { node: on.node, region, why }
    }

    async fn restart(&self, seat: Seat, leg: LegId, sdp: String) -> Result<String, OpenError> {
        let unknown = OpenError::Rejected(LegReject::UnknownLeg);
        let placed = self.place(leg).ok_or(unknown)?;
        if placed.seat.is_some_and(|owner| owner != seat) {
            return Err(unknown);
        }
        self.node(placed.on).ok_or(OpenError::NoNode)?.restart(leg, sdp).await
    }

    fn place(&self, leg: LegId) -> Option<Placed> {
        self.placed.get(&leg).map(|placed| placed.clone())
    }

    fn node(&self, on: Incarnation) -> Option<Arc<Node>> {
        self.nodes.get(on.node).filter(|node| node.incarnation() == on)
    }

    /// Tells a node something, unless it is out of reach.
    fn tell(&self, on: Incarnation, command: SignalingMessage) {
        if let Some(node) = self.node(on) {
            node.send(command);
        }
    }

    /// Closes a leg. A node out of reach says that it still has it when it dials again.
    pub fn close(&self, leg: LegId) {
        if let Some((_, placed)) = self.placed.remove(&leg) {
            self.tell(placed.on, SignalingMessage::CloseLeg { leg });
        }
    }

    /// Joins the legs of a shopper and an agent into a call.
    pub fn bridge(&self, call: CallId, epoch: u32, legs: [LegId; 2]) {
        let [Some(shopper), Some(agent)] = legs.map(|leg| self.place(leg)) else {
            // One was lost this moment; the desk hears of it next.
            return tracing::info!(%call, epoch, "a leg to bridge is gone");
        };
        let [here, there] = legs;
        let remotes = self.remote(here, shopper.on.node).zip(self.remote(there, agent.on.node));
        let between_ms =
            remotes.as_ref().map(|_| self.nodes.between_ms(shopper.on.node, agent.on.node));
        let join = placement::join(self.side(&shopper), self.side(&agent), between_ms);
        tracing::info!(%call, epoch, ?join, between_ms, "bridge");
        let parts = match (join, remotes) {
            (Join::On(_), _) => {
                let command = SignalingMessage::Bridge { call, epoch, legs };
                vec![Part { on: agent.on, command }]
            }
            (Join::Relay, Some((to_shopper, to_agent))) => {
                let part = |on, leg, remote| {
                    let command = SignalingMessage::BridgeRemote { call, epoch, leg, remote };
                    Part { on, command }
                };
                vec![part(shopper.on, here, to_agent), part(agent.on, there, to_shopper)]
            }
            (Join::Gather(node), _) if node == shopper.on.node => {
                return self.gather(there, &agent, node);
            }
            (Join::Gather(_) | Join::Relay, _) => {
                return self.gather(here, &shopper, agent.on.node);
            }
        };
        self.bridges.made(call, epoch, parts.clone());
        for placed in [&shopper, &agent] {
            if let Some(seat) = placed.seat {
                self.carried.insert(seat, (call, placed.on.node));
            }
        }
        for Part { on, command } in parts {
            self.tell(on, command);
        }
    }

    /// The next legs of these seats are to be elsewhere than on `node`; those of both sides of a
    /// call where they can be joined.
    pub fn evade(&self, seats: [Option<Seat>; 2], node: NodeId) {
        let now = Instant::now();
        for seat in seats.into_iter().flatten() {
            self.evading.note(seat, node, now);
            self.wanted.remove(&seat);
        }
        let [Some(shopper), Some(agent)] = seats else { return };
        let mut avoid = [shopper, agent].map(|seat| self.evading.of(seat, now)).concat();
        // The one to leave now is the last to come back to.
        avoid.retain(|known| *known != node);
        avoid.push(node);
        let wishes = [shopper, agent].map(|seat| {
            let placed = self.placed.iter().find(|placed| placed.seat == Some(seat));
            placed.map(|placed| Wish::clone(&placed.wish)).unwrap_or_default()
        });
        let best = |wish: &Wish| {
            let (best, ..) = self.nodes.choose(&Wish { avoid: avoid.clone(), ..wish.clone() })?;
            Some(best.incarnation().node)
        };
        let [Some(to_shopper), Some(to_agent)] = [best(&wishes[0]), best(&wishes[1])] else {
            return;
        };
        for (seat, node) in
            [shopper, agent].into_iter().zip(self.meet([to_shopper, to_agent], &wishes))
        {
            self.wanted.insert(seat, node);
        }
    }

    /// Where both sides of a call go whose next legs would be best on these nodes: there, if the nodes relay and
    /// that is the shorter way, else both to one, so that no page has to move twice.
    fn meet(&self, nodes: [NodeId; 2], wishes: &[Wish; 2]) -> [NodeId; 2] {
        let side =
            |index: usize| Side { node: nodes[index], wish: &wishes[index], takes_legs: true };
        let relay = nodes.into_iter().all(|node| self.nodes.relay_of(node).is_some());
        let between_ms = relay.then(|| self.nodes.between_ms(nodes[0], nodes[1]));
        match placement::join(side(0), side(1), between_ms) {
            Join::Relay => nodes,
            Join::On(node) | Join::Gather(node) => [node; 2],
        }
    }

    /// A leg as another node reaches it; none when its node relays nothing.
    fn remote(&self, leg: LegId, node: NodeId) -> Option<Remote> {
        Some(Remote { leg, node, addresses: self.nodes.relay_of(node)? })
    }

    fn side<'a>(&self, placed: &'a Placed) -> Side<'a> {
        let node = placed.on.node;
        Side { node, wish: &placed.wish, takes_legs: self.nodes.eligible(node).is_some() }
    }

    /// The page of this leg opens another on that node, and the desk bridges again when it is
    /// warm.
    fn gather(&self, leg: LegId, placed: &Placed, to: NodeId) {
        tracing::info!(%leg, from = %placed.on.node, %to, "leg has to move");
        if let Some(seat) = placed.seat {
            self.wanted.insert(seat, to);
        }
        self.close(leg);
        if self.given_up.try_send(leg).is_err() {
            tracing::error!(%leg, "nobody hears that a leg was given up");
        }
    }

    /// Ends a call's forwarding.
    pub fn unbridge(&self, call: CallId, epoch: u32) {
        for on in self.bridges.end(call, epoch, Instant::now()) {
            self.tell(on, SignalingMessage::Unbridge { call, epoch });
        }
        self.carried.retain(|_, (carried, _)| *carried != call);
    }

    /// The node has dialled again: what it may have missed is said once more.
    fn remind(&self, on: Incarnation) {
        for command in self.bridges.replay(on) {
            self.tell(on, command);
        }
    }

    /// A node has answered: who asked for the leg, if it is a new one, and where it is.
    fn answered(&self, leg: LegId) -> Option<(SocketId, LegPlace)> {
        let mut placed = self.placed.get_mut(&leg)?;
        let socket = placed.asked_by.take()?;
        let (on, why) = (placed.on, placed.why.clone());
        Some((socket, self.place_of(on, why)))
    }

    /// The leg is gone.
    fn forget(&self, leg: LegId) {
        self.placed.remove(&leg);
    }

    /// Waits until these nodes have said what they carry.
    pub(crate) async fn heard_of(&self, nodes: HashSet<Incarnation>) {
        // It cannot fail: this holds the sender.
        let _ = self.heard.subscribe().wait_for(|heard| nodes.is_subset(heard)).await;
    }

    /// A node has said all that it carries.
    fn heard(&self, on: Incarnation) {
        self.heard.send_modify(|heard| {
            heard.insert(on);
        });
    }

    /// A node carries these legs and bridges; gives the legs that it has lost.
    fn reconcile(&self, on: Incarnation, carried: &[LegId], calls: &[CarriedCall]) -> Vec<LegId> {
        self.bridges.forget_former(on);
        for call in calls {
            self.bridges.found(on, call);
        }
        let carried: HashSet<_> = carried.iter().copied().collect();
        let lost: Vec<_> = self
            .placed
            .iter()
            .filter(|placed| placed.on.node == on.node)
            .filter(|placed| placed.on.epoch != on.epoch || !carried.contains(placed.key()))
            .map(|placed| *placed.key())
            .collect();
        for leg in &lost {
            self.placed.remove(leg);
        }
        for leg in carried {
            self.placed.entry(leg).or_insert_with(|| Placed {
                on,
                wish: Arc::default(),
                why: String::new(),
                seat: None,
                asked_by: None,
            });
        }
        lost
    }

    /// The nodes that a page of whom this is known should measure.
    pub fn to_measure(&self, wish: &Wish) -> Vec<CandidateNode> {
        self.nodes.to_measure(wish)
    }

    /// How many legs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.placed.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use signaling_wire::ids::NodeEpoch;

    use super::*;

    fn incarnation(epoch: u128) -> Incarnation {
        Incarnation { node: NodeId::from_bits(1), epoch: NodeEpoch::from_bits(epoch) }
    }

    fn leg(bits: u128) -> LegId {
        LegId::from_bits(bits)
    }

    #[test]
    fn a_node_that_dials_again_keeps_its_legs_and_a_restarted_one_has_lost_them() {
        let (legs, _) = Legs::new(Arc::default());
        assert!(legs.reconcile(incarnation(1), &[leg(1), leg(2)], &[]).is_empty());
        assert_eq!(legs.len(), 2, "after our own restart the node's legs are learned from it");
        assert!(legs.reconcile(incarnation(1), &[leg(1), leg(2)], &[]).is_empty());
        assert_eq!(legs.reconcile(incarnation(1), &[leg(1)], &[]), [leg(2)]);
        assert_eq!(legs.reconcile(incarnation(2), &[], &[]), [leg(1)]);
        assert!(legs.is_empty());
    }
}
