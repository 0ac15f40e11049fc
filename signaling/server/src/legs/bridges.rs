//! The bridges that nodes were told to make and end.
//!
//! A command into a link that dies a moment later is lost. When the node dials again it is told
//! once more: commands carry epochs, so what it knows already changes nothing.

use std::time::{Duration, Instant};

use dashmap::DashMap;
use signaling_wire::{
    control::{CarriedCall, SignalingMessage},
    ids::CallId,
};

use crate::control::Incarnation;

/// How long the end of a bridge is remembered. A node that was out of reach for longer has lost
/// its pages as well: their consent expires after 30 s (RFC 7675).
const REMEMBER_END: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
struct Bridge {
    epoch: u32,
    parts: Vec<Part>,
    ended: Option<Instant>,
}

/// What one node does of a bridge: all of it, or one end.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) on: Incarnation,
    /// What it was told.
    pub(super) command: SignalingMessage,
}

/// What nodes were told about calls.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    by_call: DashMap<CallId, Bridge>,
}

impl Bridges {
    /// Nodes are told to make a bridge.
    pub(super) fn made(&self, call: CallId, epoch: u32, parts: Vec<Part>) {
        self.by_call.insert(call, Bridge { epoch, parts, ended: None });
    }

    /// A node says that it has this bridge, or its end of it, which another desk has ordered.
    pub(super) fn found(&self, on: Incarnation, found: &CarriedCall) {
        let part = Part { on, command: found.command() };
        let empty = Bridge { epoch: found.epoch, parts: Vec::new(), ended: None };
        let mut bridge = self.by_call.entry(found.call).or_insert(empty);
        let known = bridge.parts.iter().any(|part| part.on == on);
        if bridge.epoch == found.epoch && !known {
            bridge.parts.push(part);
        }
    }

    /// The nodes of the call's bridge, which are to end it; none when there is none so old.
    pub(super) fn end(&self, call: CallId, epoch: u32, now: Instant) -> Vec<Incarnation> {
        self.by_call.retain(|_, bridge| {
            bridge.ended.is_none_or(|ended| now.saturating_duration_since(ended) < REMEMBER_END)
        });
        let bridge = self.by_call.get_mut(&call).filter(|bridge| bridge.epoch <= epoch);
        let Some(mut bridge) = bridge else { return Vec::new() };
        bridge.ended = Some(now);
        bridge.parts.iter().map(|part| part.on).collect()
    }

    /// What a node that dials again has to be told.
    pub(super) fn replay(&self, on: Incarnation) -> Vec<SignalingMessage> {
        let mut commands = Vec::new();
        for bridge in &self.by_call {
            let (call, Bridge { epoch, parts, ended }) = bridge.pair();
            for part in parts.iter().filter(|part| part.on == on) {
                commands.push(match ended {
                    None => part.command.clone(),
                    Some(_) => SignalingMessage::Unbridge { call: *call, epoch: *epoch },
                });
            }
        }
        commands
    }

    /// Another start of the node: its parts of bridges are gone.
    pub(super) fn forget_former(&self, on: Incarnation) {
        self.by_call.retain(|_, bridge| {
            bridge.parts.retain(|part| part.on.node != on.node || part.on == on);
            !bridge.parts.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use signaling_wire::ids::{LegId, NodeEpoch, NodeId};

    use super::*;

    fn on(node: u128, epoch: u128) -> Incarnation {
        Incarnation { node: NodeId::from_bits(node), epoch: NodeEpoch::from_bits(epoch) }
    }

    fn command(call: u128, epoch: u32) -> SignalingMessage {
        let legs = [LegId::from_bits(1), LegId::from_bits(2)];
        SignalingMessage::Bridge { call: CallId::from_bits(call), epoch, legs }
    }

    /// The part of a node in a bridge.
    fn part(on: Incarnation, call: u128, epoch: u32) -> Part {
        Part { on, command: command(call, epoch) }
    }

    #[test]
    fn a_node_that_dials_again_is_told_what_it_may_have_missed() {
        let bridges = Bridges::default();
        let (going, over) = (CallId::from_bits(1), CallId::from_bits(2));
        let now = Instant::now();
        bridges.made(going, 3, vec![part(on(1, 1), 1, 3)]);
        bridges.made(over, 1, vec![part(on(1, 1), 2, 1), part(on(2, 1), 2, 1)]);
        bridges.made(CallId::from_bits(3), 1, vec![part(on(2, 1), 3, 1)]);
        assert_eq!(bridges.end(over, 1, now), [on(1, 1), on(2, 1)]);
        assert_eq!(bridges.end(going, 2, now), [], "a newer bridge stays");
        let mut told = bridges.replay(on(1, 1));
        told.sort_by_key(|command| matches!(command, SignalingMessage::Unbridge { .. }));
        assert_eq!(told, [command(1, 3), SignalingMessage::Unbridge { call: over, epoch: 1 },]);
    }

    #[test]
    fn ends_are_not_remembered_for_ever_nor_bridges_of_a_former_start() {
        let bridges = Bridges::default();
        let now = Instant::now();
        for call in 1..=2 {
            bridges.made(CallId::from_bits(call), 1, vec![part(on(1, 1), call, 1)]);
        }
        bridges.end(CallId::from_bits(1), 1, now);
        bridges.end(CallId::from_bits(2), 1, now + REMEMBER_END);
        assert_eq!(bridges.replay(on(1, 1)).len(), 1);
        bridges.forget_former(on(1, 2));
        assert!(bridges.replay(on(1, 1)).is_empty());
    }

    #[test]
    fn the_other_end_of_a_bridge_outlives_a_node() {
        let bridges = Bridges::default();
        bridges.made(CallId::from_bits(1), 1, vec![part(on(1, 1), 1, 1), part(on(2, 1), 1, 1)]);
        bridges.forget_former(on(1, 2));
        assert_eq!(bridges.replay(on(2, 1)), [command(1, 1)]);
        assert_eq!(bridges.end(CallId::from_bits(1), 1, Instant::now()), [on(2, 1)]);
    }
}
