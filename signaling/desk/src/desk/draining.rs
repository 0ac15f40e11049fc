//! A node that drains is emptied a few calls at a time, and nothing is left to be accepted on it.

use std::time::Duration;

use signaling_wire::{
    browser::ServerMessage,
    ids::{CallId, LegId, NodeId},
};

use super::{Desk, legs::Home};
use crate::{Effect, Millis, NodeHealth, Seat};

/// Between two looks at the nodes that drain.
const DRAIN_EVERY: Duration = Duration::from_millis(250);

/// Calls of one node that move at a time. Each costs four handshakes, and the node that takes them
/// has calls of its own.
const MOVES_AT_ONCE: usize = 8;

/// Legs without a call that are told to move in one look.
const IDLE_AT_ONCE: usize = 16;

/// When a page that was told to move an idle leg, and has not, is told again.
const IDLE_AGAIN: Duration = Duration::from_secs(10);

impl Desk {
    /// Takes the next legs off the nodes that drain, and idle ones off nodes that are lost.
    pub(super) fn drain(&mut self) {
        let unwell: Vec<(NodeId, NodeHealth)> =
            self.unwell.iter().map(|(node, health)| (*node, *health)).collect();
        for (node, health) in unwell {
            match health {
                NodeHealth::Draining => {
                    self.drain_calls(node);
                    self.move_idle(node);
                }
                // A call that is accepted on such a leg could not be bridged.
                NodeHealth::Lost => self.move_idle(node),
                NodeHealth::Silent | NodeHealth::Well => {}
            }
        }
    }

    fn drain_calls(&mut self, node: NodeId) {
        let calls = self.calls_on(node);
        let moves = |id: &CallId| {
            self.calls.get(id).and_then(|call| call.active()).is_some_and(|a| a.moving.is_some())
        };
        let (busy, waiting): (Vec<_>, Vec<_>) = calls.into_iter().partition(moves);
        for id in waiting.into_iter().take(MOVES_AT_ONCE.saturating_sub(busy.len())) {
            self.judge(id);
        }
    }

    fn move_idle(&mut self, node: NodeId) {
        let now = self.now;
        let seats: Vec<(Seat, LegId)> = self
            .legs
            .iter()
            .filter(|(_, home)| home.place.node == node)
            .map(|(leg, home)| (home.seat, *leg))
            .collect();
        let mut told = 0;
        for (seat, leg) in seats {
            if told == IDLE_AT_ONCE || self.active_call(seat).is_some() {
                continue;
            }
            let Some(page) = self.page(seat) else { continue };
            if page.contact.socket().is_none() {
                // A page that is back opens another leg in the flight of its hello, and may never be back.
                self.drop_leg(seat, leg);
                continue;
            }
            if page.warm != Some(leg) || page.opening.is_some() {
                continue;
            }
            let told_of = page.told_to_move.filter(|(told_of, _)| *told_of == leg);
            if told_of.is_some_and(|(_, at)| now.since(at) < IDLE_AGAIN) {
                continue;
            }
            page.told_to_move = Some((leg, now));
            told += 1;
            self.effects.push_back(Effect::Evade { seats: [Some(seat), None], node });
            self.send_seat(seat, ServerMessage::LegMove { leg });
        }
    }

    /// When to look again at nodes that drain: while they have legs.
    pub(super) fn drain_deadline(&self) -> Option<Millis> {
        let leaving = |home: &Home| {
            matches!(
                self.unwell.get(&home.place.node),
                Some(NodeHealth::Draining | NodeHealth::Lost)
            )
        };
        let any = !self.unwell.is_empty() && self.legs.values().any(leaving);
        any.then(|| self.now + DRAIN_EVERY)
    }
}
