//! What was sent, what arrived, and how long it took.

use hdrhistogram::Histogram;

use light_peer::{Happening, media::Stamp};

/// Longest forwarding time that is told apart, nanoseconds: anything longer is this long.
const LONGEST: u64 = 10_000_000_000;

/// A histogram of nanoseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are constants")
}

/// Counts of one measurement. Packets belong to it by the time they were sent, so that those on the
/// way at its ends are neither lost nor counted twice.
pub struct Tally {
    /// Beginning and end, nanoseconds since the Unix epoch.
    pub window: (u64, u64),
    /// Media packets sent.
    pub sent: u64,
    /// Of them received by the other peer.
    pub received: u64,
    /// From sealing a packet to the kernel's receiving it for the other peer.
    pub latency: Histogram<u64>,
    /// How late frames were sent.
    pub late: Histogram<u64>,
    /// Sends that the kernel refused.
    pub unsent: u64,
    /// NACKs of the node.
    pub asked: u64,
    /// Packets that the peers have repeated.
    pub repeated: u64,
    /// NACKs of the peers.
    pub requested: u64,
    /// Repeated or probing packets received.
    pub repairs: u64,
    /// Datagrams that are not authentic or not understood.
    pub strange: u64,
}

impl Tally {
    /// Nothing counts yet.
    #[allow(clippy::new_without_default, reason = "histograms are no default")]
    pub fn new() -> Self {
        Self {
            window: (0, 0),
            sent: 0,
            received: 0,
            latency: histogram(),
            late: histogram(),
            unsent: 0,
            asked: 0,
            repeated: 0,
            requested: 0,
            repairs: 0,
            strange: 0,
        }
    }

    /// Packets were sent.
    pub fn sent(&mut self, at: u64, packets: u64, late: u64) {
        if self.counts(at) {
            self.sent += packets;
            self.late.saturating_record(late);
        }
    }

    /// A peer that lacks something has asked for it, or had asked a moment ago.
    pub fn requested(&mut self, at: u64, asks: bool) {
        self.requested += u64::from(asks && self.counts(at));
    }

    /// A datagram was received at `at`.
    pub fn received(&mut self, at: u64, happening: Happening) {
        match happening {
            Happening::Media(Stamp { sent, .. }) if self.counts(sent) => {
                self.received += 1;
                self.latency.saturating_record(at.saturating_sub(sent).max(1));
            }
            Happening::Asked(repeated) if self.counts(at) => {
                self.asked += 1;
                self.repeated += u64::from(repeated);
            }
            Happening::Repair if self.counts(at) => self.repairs += 1,
            Happening::Strange if self.counts(at) => self.strange += 1,
            _ => {}
        }
    }

    fn counts(&self, at: u64) -> bool {
        (self.window.0..self.window.1).contains(&at)
    }
}
