//! Where nodes reach each other, and how far they are from each other.

use std::net::SocketAddr;

use dashmap::DashMap;
use signaling_wire::{
    control::{Peer, PeerRtt},
    ids::NodeId,
};

/// Nodes and pairs of nodes that are remembered. Nodes that take a new id with each start would
/// add up otherwise; then everything is learnt anew as they register and report.
const MOST: usize = 4_096;

/// What nodes said about their links to each other. Kept when a control link is lost: the node's
/// calls go on.
#[derive(Debug, Default)]
pub(super) struct Relays {
    addresses: DashMap<NodeId, Vec<SocketAddr>>,
    rtts_ms: DashMap<[NodeId; 2], f32>,
}

impl Relays {
    /// A node says where it takes relay connections; nowhere, if it relays nothing.
    pub(super) fn registered(&self, node: NodeId, addresses: Vec<SocketAddr>) {
        if self.addresses.len() >= MOST {
            self.addresses.clear();
        }
        if addresses.is_empty() {
            self.addresses.remove(&node);
        } else {
            self.addresses.insert(node, addresses);
        }
    }

    /// Where a node takes relay connections.
    pub(super) fn addresses(&self, node: NodeId) -> Option<Vec<SocketAddr>> {
        self.addresses.get(&node).map(|addresses| addresses.clone())
    }

    /// A node as others are told of it; none for one that relays nothing.
    pub(super) fn peer(&self, node: NodeId) -> Option<Peer> {
        Some(Peer { node, addresses: self.addresses(node)? })
    }

    /// A node says how far others are.
    pub(super) fn measured(&self, node: NodeId, rtts: &[PeerRtt]) {
        if self.rtts_ms.len() + rtts.len() > MOST {
            self.rtts_ms.clear();
        }
        for rtt in rtts {
            self.rtts_ms.insert(pair(node, rtt.node), rtt.rtt_ms.max(0.0));
        }
    }

    /// Round trip between two nodes.
    pub(super) fn rtt_ms(&self, a: NodeId, b: NodeId) -> Option<f32> {
        self.rtts_ms.get(&pair(a, b)).map(|rtt| *rtt)
    }
}

fn pair(a: NodeId, b: NodeId) -> [NodeId; 2] {
    [a.min(b), a.max(b)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_node_tells_how_far_they_are() {
        let relays = Relays::default();
        let [a, b, c] = [1, 2, 3].map(NodeId::from_bits);
        relays.measured(b, &[PeerRtt { node: a, rtt_ms: 80.0 }]);
        assert_eq!((relays.rtt_ms(a, b), relays.rtt_ms(b, a)), (Some(80.0), Some(80.0)));
        assert_eq!(relays.rtt_ms(a, c), None);
    }

    #[test]
    fn a_node_that_stops_relaying_is_known_as_such() {
        let relays = Relays::default();
        let (node, at) = (NodeId::from_bits(1), SocketAddr::from(([192, 0, 2, 1], 9_999)));
        relays.registered(node, vec![at]);
        assert_eq!(relays.addresses(node), Some(vec![at]));
        relays.registered(node, vec![]);
        assert_eq!(relays.addresses(node), None);
    }
}
