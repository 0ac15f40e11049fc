//! Legs: which page's transport is on which node.
//!
//! A page's offer becomes a leg on the least loaded node ([`serve`]); the desk is told and decides
//! what happens to it ([`Legs`] carries that out); what nodes say about legs goes to the desk
//! ([`events`]).

mod events;

use std::sync::Arc;

use dashmap::DashMap;
use signaling_desk::{Input, Seat, SocketId};
use signaling_wire::{
    control::SignalingMessage,
    ids::{CallId, LegId},
    limits::MAX_SDP,
    problem::{Code, Problem, Stage},
};

pub use self::events::DeskEvents;
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
            Self::Open { sdp } | Self::Restart { sdp, .. } => sdp,
        }
    }
}

/// Has a node answer a page's offer.
///
/// # Errors
/// What the page is told when it cannot be done; the leg that it has is untouched.
pub async fn serve(
    app: &App,
    socket: SocketId,
    seat: Seat,
    request: Request,
) -> Result<(LegId, String), Problem> {
    if request.sdp().len() > MAX_SDP {
        return Err(Problem::new(Code::TooLarge, Stage::Leg));
    }
    let result = match request {
        Request::Restart { leg, sdp } => {
            app.legs.restart(seat, leg, sdp).await.map(|answer| (leg, answer))
        }
        Request::Open { sdp } => {
            let leg = LegId::random(&mut rand::rng());
            let opened = app.legs.open(seat, leg, sdp).await;
            if opened.is_ok() {
                // Before the answer leaves: nothing about this leg can be heard earlier.
                app.desk.send(Input::LegOpened { socket, leg }).await;
            }
            opened.map(|answer| (leg, answer))
        }
    };
    result.map_err(|error| {
        tracing::info!(%error, "leg failed");
        app.metrics.leg_failed(error);
        Problem::new(error.code(), Stage::Leg).retry_after(1)
    })
}

/// Where a leg is, and whose it is.
#[derive(Debug, Clone, Copy)]
struct Placed {
    on: Incarnation,
    /// None for a leg that a node reported after this process was restarted, until its page
    /// shows up.
    seat: Option<Seat>,
}

/// The legs of all pages.
#[derive(Debug)]
pub struct Legs {
    nodes: Arc<Nodes>,
    placed: DashMap<LegId, Placed>,
}

impl Legs {
    /// No legs yet.
    #[must_use]
    pub fn new(nodes: Arc<Nodes>) -> Self {
        Self { nodes, placed: DashMap::new() }
    }

    async fn open(&self, seat: Seat, leg: LegId, sdp: String) -> Result<String, OpenError> {
        let node = self.nodes.least_loaded().ok_or(OpenError::NoNode)?;
        self.placed.insert(leg, Placed { on: node.incarnation(), seat: Some(seat) });
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

    async fn restart(&self, seat: Seat, leg: LegId, sdp: String) -> Result<String, OpenError> {
        let unknown = OpenError::Rejected(signaling_wire::control::LegReject::UnknownLeg);
        let placed = *self.placed.get(&leg).ok_or(unknown)?;
        if placed.seat.is_some_and(|owner| owner != seat) {
            return Err(unknown);
        }
        self.node(placed).ok_or(OpenError::NoNode)?.restart(leg, sdp).await
    }

    fn node(&self, placed: Placed) -> Option<Arc<Node>> {
        self.nodes.get(placed.on.node).filter(|node| node.incarnation() == placed.on)
    }

    /// Closes a leg.
    pub fn close(&self, leg: LegId) {
        if let Some((_, placed)) = self.placed.remove(&leg)
            && let Some(node) = self.node(placed)
        {
            node.send(SignalingMessage::CloseLeg { leg });
        }
    }

    /// Joins two legs into a call.
    pub fn bridge(&self, call: CallId, epoch: u32, legs: [LegId; 2]) {
        match self.common_node(legs) {
            Some(node) => {
                tracing::info!(%call, epoch, node = %node.incarnation().node, "bridge");
                node.send(SignalingMessage::Bridge { call, epoch, legs });
            }
            None => tracing::error!(%call, epoch, ?legs, "the legs are not on one live node"),
        }
    }

    /// Ends a call's forwarding.
    pub fn unbridge(&self, call: CallId, epoch: u32, legs: [LegId; 2]) {
        // One of the legs may be gone already.
        let placed = legs.iter().find_map(|leg| self.placed.get(leg).map(|placed| *placed));
        if let Some(node) = placed.and_then(|placed| self.node(placed)) {
            node.send(SignalingMessage::Unbridge { call, epoch });
        }
    }

    fn common_node(&self, [a, b]: [LegId; 2]) -> Option<Arc<Node>> {
        let a = *self.placed.get(&a)?;
        let b = *self.placed.get(&b)?;
        (a.on == b.on).then(|| self.node(a)).flatten()
    }

    /// The leg is gone.
    fn forget(&self, leg: LegId) {
        self.placed.remove(&leg);
    }

    /// A node has registered with these legs; gives those that it has lost.
    fn reconcile(&self, on: Incarnation, carried: &[LegId]) -> Vec<LegId> {
        let carried: std::collections::HashSet<_> = carried.iter().copied().collect();
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
            self.placed.entry(leg).or_insert(Placed { on, seat: None });
        }
        lost
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
    use signaling_wire::ids::{NodeEpoch, NodeId};

    use super::*;

    fn incarnation(epoch: u128) -> Incarnation {
        Incarnation { node: NodeId::from_bits(1), epoch: NodeEpoch::from_bits(epoch) }
    }

    fn leg(bits: u128) -> LegId {
        LegId::from_bits(bits)
    }

    #[test]
    fn a_node_that_dials_again_keeps_its_legs_and_a_restarted_one_has_lost_them() {
        let legs = Legs::new(Arc::default());
        assert!(legs.reconcile(incarnation(1), &[leg(1), leg(2)]).is_empty());
        assert_eq!(legs.len(), 2, "after our own restart the node's legs are learned from it");
        assert!(legs.reconcile(incarnation(1), &[leg(1), leg(2)]).is_empty());
        assert_eq!(legs.reconcile(incarnation(1), &[leg(1)]), [leg(2)]);
        assert_eq!(legs.reconcile(incarnation(2), &[]), [leg(1)]);
        assert!(legs.is_empty());
    }
}
