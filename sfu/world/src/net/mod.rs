//! Packets, and the links they cross.

mod link;
mod packet;
mod plan;
#[cfg(test)]
mod tests;

pub use self::{
    link::{Link, Outcome, Sent},
    packet::{Class, Endpoint, FlowId, Packet, PacketId, Packets, Route, RouteId},
    plan::{Burst, LinkPlan, Step},
};

/// Which link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub usize);
