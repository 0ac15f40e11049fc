//! Each message once and in its turn, although some come twice: on the first connection, where all
//! come in order, and as copies on the second.

use std::collections::BTreeMap;

/// Copies that may wait for what was said before them. Only what crosses on the way is missing for
/// long enough to be noticed, and a copy that is not kept costs no more than no copy.
const MOST_HELD: usize = 4;

/// What became of a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came<M> {
    /// It is the first to come, and its turn.
    First(M),
    /// It is the first to come, and waits for those before it.
    Early,
    /// The message has come already.
    Late,
    /// Too many wait.
    Refused,
}

/// Counts the messages of one connection, from 1.
#[derive(Debug)]
pub(super) struct Order<M> {
    /// The last one that came on the first connection.
    seen: u32,
    /// The one whose turn it is: above `seen`.
    next: u32,
    held: BTreeMap<u32, M>,
}

impl<M> Order<M> {
    pub(super) fn new() -> Self {
        Self { seen: 0, next: 1, held: BTreeMap::new() }
    }

    /// The next message has come on the first connection. False when its copy was before it.
    pub(super) fn original(&mut self) -> bool {
        self.seen = self.seen.saturating_add(1);
        if self.seen < self.next {
            return false;
        }
        self.next = self.seen.saturating_add(1);
        true
    }

    /// A copy of the message with this number has come.
    pub(super) fn copy(&mut self, number: u32, message: M) -> Came<M> {
        if number < self.next {
            Came::Late
        } else if number == self.next {
            self.next = self.next.saturating_add(1);
            Came::First(message)
        } else if self.held.len() < MOST_HELD || self.held.contains_key(&number) {
            self.held.insert(number, message);
            Came::Early
        } else {
            Came::Refused
        }
    }

    /// A copy that has waited and whose turn it is now.
    pub(super) fn due(&mut self) -> Option<M> {
        let message = self.held.remove(&self.next)?;
        self.next = self.next.saturating_add(1);
        Some(message)
    }
}

#[cfg(test)]
mod tests;
