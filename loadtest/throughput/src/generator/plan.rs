//! What is due when.

use std::{cmp::Reverse, collections::BinaryHeap};

use light_peer::media::Kind;

/// What a peer has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Frame(Kind),
    Check,
    Handshake,
    Feedback,
    Report,
    /// Ask for what is missing.
    Ask,
}

/// One entry; ordered by time alone.
#[derive(Debug)]
struct Entry {
    due: u64,
    number: usize,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

/// The queue, by nanoseconds since the Unix epoch.
#[derive(Default)]
pub(super) struct Plan(BinaryHeap<Reverse<Entry>>);

impl Plan {
    pub(super) fn add(&mut self, due: u64, number: usize, what: What) {
        self.0.push(Reverse(Entry { due, number, what }));
    }

    /// The next that is due at `now`.
    pub(super) fn pop(&mut self, now: u64) -> Option<(u64, usize, What)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(Entry { due, number, what })| (due, number, what))
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.0.peek().map(|Reverse(entry)| entry.due)
    }
}
