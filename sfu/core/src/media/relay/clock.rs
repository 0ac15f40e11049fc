//! The other node's time in ours.

use std::time::{Duration, Instant};

/// A longer way than the shortest moves the mapping by this share with each datagram: it follows a
/// drifting clock within seconds and ignores a queue.
const DRIFT_SHARE: i64 = 1_024;
/// A way that seems to have become this much longer is another way, or another clock.
const STEP: i64 = 2_000_000;

/// Microseconds since a channel was made, modulo 2^32 (71 minutes): what datagrams carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) u32);

impl Stamp {
    /// How long before `later` this was, if that is below half an hour.
    pub(super) fn before(self, later: Self) -> Option<Duration> {
        let passed = later.0.wrapping_sub(self.0);
        (passed <= u32::MAX / 2).then(|| Duration::from_micros(u64::from(passed)))
    }
}

/// One clock of a channel: ours, and where the peer's stands in it.
///
/// The offset contains the shortest transit seen. That is what lip-sync needs: both streams of a
/// call are shifted by the same amount.
#[derive(Debug, Clone)]
pub(super) struct HopClock {
    began: Instant,
    /// The peer's stamps, unwrapped, and ours less the peer's.
    peer: Option<(i64, i64)>,
}

impl HopClock {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, peer: None }
    }

    fn micros(&self, at: Instant) -> i64 {
        at.saturating_duration_since(self.began).as_micros() as i64
    }

    pub(super) fn stamp(&self, at: Instant) -> Stamp {
        Stamp(self.micros(at) as u32)
    }

    /// Notes a datagram that the peer stamped, and gives the moment of that stamp in our time.
    pub(super) fn heard(&mut self, now: Instant, stamp: Stamp) -> Instant {
        let ours = self.micros(now);
        let (theirs, offset) = match self.peer {
            Some((latest, offset)) => {
                let moved = i64::from(stamp.0.wrapping_sub(latest as u32) as i32);
                let theirs = latest + moved;
                let change = ours - theirs - offset;
                let offset = if change <= 0 || change > STEP {
                    ours - theirs
                } else {
                    offset + change / DRIFT_SHARE
                };
                (theirs, offset)
            }
            None => (i64::from(stamp.0), ours - i64::from(stamp.0)),
        };
        let latest = self.peer.map_or(theirs, |(latest, _)| latest.max(theirs));
        self.peer = Some((latest, offset));
        let at = u64::try_from(theirs + offset).unwrap_or_default();
        self.began + Duration::from_micros(at)
    }
}
