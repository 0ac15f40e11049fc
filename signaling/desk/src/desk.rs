//! The state machine.

use std::collections::VecDeque;

use rand::rngs::StdRng;

use crate::{Effect, Input, Millis, Rules, store::Restored};

/// Pairs shoppers with agents. See the crate's documentation.
pub struct Desk {
    rules: Rules,
    rng: StdRng,
    effects: VecDeque<Effect>,
}

/// What the desk has counted, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Shoppers in the queue now.
    pub waiting: usize,
    /// Calls active now.
    pub active: usize,
    /// Agents with a page open now.
    pub agents: usize,
    /// Shoppers with a seat now.
    pub shoppers: usize,
    /// Calls accepted so far.
    pub started: u64,
    /// Calls ended so far after they were accepted.
    pub ended: u64,
    /// Calls that ended before anybody accepted.
    pub abandoned: u64,
    /// Verbs that wait for the store.
    pub backlog: usize,
    /// Verbs given up: details dropped at a full backlog, and changes that the store refused.
    pub lost: u64,
}

impl Desk {
    /// An empty desk.
    pub fn new(rules: Rules, rng: StdRng) -> Self {
        Self { rules, rng, effects: VecDeque::new() }
    }

    /// A desk that carries on where the last one stopped: shoppers keep their place and calls
    /// their seats for the usual grace; calls of a desk that stopped longer ago than that end with
    /// `server_stopped` at the time it was last alive.
    pub fn restore(rules: Rules, rng: StdRng, now: Millis, restored: Restored) -> Self {
        let _ = (now, restored);
        Self::new(rules, rng)
    }

    /// Takes in one input; then drain [`Desk::poll_effect`].
    pub fn handle(&mut self, now: Millis, input: Input) {
        let _ = (now, input, self.rules, &self.rng);
    }

    /// To be called at (or after) [`Desk::next_timeout`].
    pub fn handle_timeout(&mut self, now: Millis) {
        let _ = now;
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Desk::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Millis> {
        None
    }

    /// After [`Input::Shutdown`]: nothing is left to be stored.
    pub fn is_drained(&self) -> bool {
        true
    }

    /// What the desk has counted.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
