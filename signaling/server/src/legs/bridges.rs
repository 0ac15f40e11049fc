//! The bridges that nodes were told to make and end.
//!
//! A command into a link that dies a moment later is lost. When the node dials again it is told
//! once more: commands carry epochs, so what it knows already changes nothing.

use std::time::{Duration, Instant};

use dashmap::DashMap;
use signaling_wire::{
    control::SignalingMessage,
    ids::{CallId, LegId},
};

use crate::control::Incarnation;

/// How long the end of a bridge is remembered. A node that was out of reach for longer has lost
/// its pages as well: their consent expires after 30 s (RFC 7675).
const REMEMBER_END: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct Bridge {
    on: Incarnation,
    epoch: u32,
    legs: [LegId; 2],
    ended: Option<Instant>,
}

/// What nodes were told about calls.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    by_call: DashMap<CallId, Bridge>,
}

impl Bridges {
    /// A node is told to make a bridge.
    pub(super) fn made(&self, call: CallId, on: Incarnation, epoch: u32, legs: [LegId; 2]) {
        self.by_call.insert(call, Bridge { on, epoch, legs, ended: None });
    }

    /// The node of the call's bridge, which is to end it; none when there is none so old.
    pub(super) fn end(&self, call: CallId, epoch: u32, now: Instant) -> Option<Incarnation> {
        self.by_call.retain(|_, bridge| {
            bridge.ended.is_none_or(|ended| now.saturating_duration_since(ended) < REMEMBER_END)
        });
        let mut bridge = self.by_call.get_mut(&call).filter(|bridge| bridge.epoch <= epoch)?;
        bridge.ended = Some(now);
        Some(bridge.on)
    }

    /// What a node that dials again has to be told.
    pub(super) fn replay(&self, on: Incarnation) -> Vec<SignalingMessage> {
        let of_node = self.by_call.iter().filter(|bridge| bridge.on == on);
        of_node
            .map(|bridge| {
                let (call, Bridge { epoch, legs, ended, .. }) = (*bridge.key(), *bridge.value());
                match ended {
                    None => SignalingMessage::Bridge { call, epoch, legs },
                    Some(_) => SignalingMessage::Unbridge { call, epoch },
                }
            })
            .collect()
    }

    /// Another start of the node: its bridges are gone.
    pub(super) fn forget_former(&self, on: Incarnation) {
        self.by_call.retain(|_, bridge| bridge.on.node != on.node || bridge.on == on);
    }
}

#[cfg(test)]
mod tests {
    use signaling_wire::ids::{NodeEpoch, NodeId};

    use super::*;

    fn on(node: u128, epoch: u128) -> Incarnation {
        Incarnation { node: NodeId::from_bits(node), epoch: NodeEpoch::from_bits(epoch) }
    }

    #[test]
    fn a_node_that_dials_again_is_told_what_it_may_have_missed() {
        let bridges = Bridges::default();
        let (going, over) = (CallId::from_bits(1), CallId::from_bits(2));
        let legs = [LegId::from_bits(1), LegId::from_bits(2)];
        let now = Instant::now();
        bridges.made(going, on(1, 1), 3, legs);
        bridges.made(over, on(1, 1), 1, legs);
        bridges.made(CallId::from_bits(3), on(2, 1), 1, legs);
        assert_eq!(bridges.end(over, 1, now), Some(on(1, 1)));
        assert_eq!(bridges.end(going, 2, now), None, "a newer bridge stays");
        let mut told = bridges.replay(on(1, 1));
        told.sort_by_key(|command| matches!(command, SignalingMessage::Unbridge { .. }));
        assert_eq!(
            told,
            [
                SignalingMessage::Bridge { call: going, epoch: 3, legs },
                SignalingMessage::Unbridge { call: over, epoch: 1 },
            ]
        );
    }

    #[test]
    fn ends_are_not_remembered_for_ever_nor_bridges_of_a_former_start() {
        let bridges = Bridges::default();
        let legs = [LegId::from_bits(1), LegId::from_bits(2)];
        let now = Instant::now();
        for call in 1..=2 {
            bridges.made(CallId::from_bits(call), on(1, 1), 1, legs);
        }
        bridges.end(CallId::from_bits(1), 1, now);
        bridges.end(CallId::from_bits(2), 1, now + REMEMBER_END);
        assert_eq!(bridges.replay(on(1, 1)).len(), 1);
        bridges.forget_former(on(1, 2));
        assert!(bridges.replay(on(1, 1)).is_empty());
    }
}
