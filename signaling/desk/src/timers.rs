//! One timer for each thing that can wait.

use std::collections::{BTreeMap, BTreeSet};

use signaling_wire::ids::{AgentId, CallId, LinkId};

use crate::Millis;

/// Whose timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A shopper's seat.
    Shopper(LinkId),
    /// An agent's seat.
    Agent(AgentId),
    /// A call.
    Call(CallId),
    /// The next round of queue positions.
    Places,
    /// The next legs to be taken off draining nodes.
    Drain,
    /// The next try of the store.
    Outbox,
    /// The next sign of life.
    Alive,
}

/// All timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    at: BTreeMap<Timer, Millis>,
    order: BTreeSet<(Millis, Timer)>,
}

impl Timers {
    /// Sets, moves or clears a timer.
    pub(crate) fn set(&mut self, timer: Timer, at: Option<Millis>) {
        let before = match at {
            Some(at) => self.at.insert(timer, at),
            None => self.at.remove(&timer),
        };
        if before != at {
            if let Some(before) = before {
                self.order.remove(&(before, timer));
            }
            if let Some(at) = at {
                self.order.insert((at, timer));
            }
        }
    }

    /// Whether the timer is running.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.at.contains_key(&timer)
    }

    /// The earliest time of any.
    pub(crate) fn next(&self) -> Option<Millis> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one timer that is due.
    pub(crate) fn pop(&mut self, now: Millis) -> Option<Timer> {
        let (at, timer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.set(timer, None);
        Some(timer)
    }
}
