//! Signaling's end of the control links (see [`signaling_wire::control`]).
//!
//! [`endpoint`] accepts QUIC connections, [`link`] speaks with one node over one of them, and
//! [`Nodes`] is the registry: the set of live links *is* the set of known nodes.

pub mod endpoint;
pub mod health;
mod link;
mod node;
mod nodes;
mod relays;

use async_trait::async_trait;
use signaling_wire::{
    control::{CallEvent, CarriedCall, LegQuality, LegState},
    ids::{CallId, LegId, NodeEpoch, NodeId},
};

pub use self::{
    node::{Eligibility, Node, OpenError},
    nodes::{NodeStates, Nodes},
};

/// One start of a node: what a leg is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// The node.
    pub node: NodeId,
    /// Its start.
    pub epoch: NodeEpoch,
}

/// Who is told what nodes say. Called on the link's task, in the order of the link.
#[async_trait]
pub trait NodeEvents: Send + Sync + 'static {
    /// A node has registered and carries these legs and calls. Any leg thought to be on it that is
    /// not among them is gone.
    async fn registered(&self, node: &Node, legs: Vec<LegId>, calls: Vec<CarriedCall>);
    /// The node can be told things from now on.
    async fn linked(&self, node: &Node);
    /// The node knows that this instance leads in this term, and carries these legs and calls.
    async fn carries(&self, node: &Node, term: u64, legs: Vec<LegId>, calls: Vec<CarriedCall>);
    /// The node has answered an offer. Comes before anything else about a new leg, and before its
    /// page hears of it.
    async fn leg_answered(&self, leg: LegId);
    /// A leg changed.
    async fn leg_state(&self, leg: LegId, state: LegState);
    /// Something happened in a call.
    async fn call_event(&self, call: CallId, epoch: u32, leg: LegId, event: CallEvent, at_us: u64);
    /// Whether the network lets a leg have the other side's picture.
    async fn leg_video(&self, call: CallId, epoch: u32, leg: LegId, paused: bool);
    /// The way from a leg's page may carry more than it uses.
    async fn leg_room(&self, call: CallId, epoch: u32, leg: LegId, up_to_kbps: Option<u32>);
    /// Quality of a leg.
    async fn leg_quality(&self, call: CallId, leg: LegId, quality: LegQuality);
}
