//! Bytes sent lately.

use std::{collections::VecDeque, time::Duration};

use crate::time::Time;

/// Counts bytes in a sliding window.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    sent: VecDeque<(Time, usize)>,
    bytes: usize,
}

impl Recent {
    /// Takes what was sent.
    pub(super) fn add(&mut self, now: Time, bytes: usize) {
        self.sent.push_back((now, bytes));
        self.bytes += bytes;
    }

    /// Bytes of the last `window`; what is older is forgotten.
    pub(super) fn bytes(&mut self, now: Time, window: Duration) -> usize {
        while self.sent.front().is_some_and(|&(at, _)| now.since(at) > window) {
            self.bytes -= self.sent.pop_front().map_or(0, |(_, bytes)| bytes);
        }
        self.bytes
    }
}
