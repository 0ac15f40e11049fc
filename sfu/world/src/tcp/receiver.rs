//! The receiving end: acknowledges every segment.

use std::collections::BTreeSet;

use super::Segment;

/// What has arrived of the current transfer.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    transfer: u32,
    cumulative: u64,
    ahead: BTreeSet<u64>,
}

impl Receiver {
    /// Takes a segment: the acknowledgement, and whether it was new.
    pub fn receive(&mut self, transfer: u32, number: u64) -> (Segment, bool) {
        if transfer != self.transfer {
            *self = Self { transfer, ..Self::default() };
        }
        let fresh = number >= self.cumulative && self.ahead.insert(number);
        while self.ahead.remove(&self.cumulative) {
            self.cumulative += 1;
        }
        (Segment::Ack { transfer, cumulative: self.cumulative, number }, fresh)
    }
}
