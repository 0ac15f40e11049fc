//! When the next packet may leave: a bucket of bytes that fills at the pacing rate.
//!
//! Packets leave in bursts, never one by one: once the bucket is empty it must have filled for a
//! while before it opens again, so that a burst costs one timer and fills one batch of datagrams.

use std::time::{Duration, Instant};

/// A closed bucket opens when it has filled for this long.
const RELEASE: Duration = Duration::from_millis(5);

/// How fast, and how much at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// Bit/s.
    pub(super) bitrate: f64,
    /// The bucket holds what fills it in this time.
    pub(super) burst: Duration,
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacer {
    /// May be below zero: the last packet of a burst, and what is not paced.
    bytes: f64,
    at: Instant,
    opens: Option<Instant>,
}

impl Pacer {
    /// A full bucket.
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: f64::INFINITY, at: now, opens: None }
    }

    /// Whether a packet may leave now.
    pub(super) fn is_open(&mut self, now: Instant, pace: Pace) -> bool {
        let rate = pace.bitrate.max(1.0) / 8.0;
        // The packets of a batch leave at one moment.
        let passed =
            if now == self.at { 0.0 } else { now.saturating_duration_since(self.at).as_secs_f64() };
        self.at = now;
        self.bytes = (self.bytes + rate * passed).min(rate * pace.burst.as_secs_f64());
        if self.opens.is_some_and(|at| now < at) {
            return false;
        }
        self.opens = None;
        if self.bytes > 0.0 {
            return true;
        }
        let release = RELEASE.min(pace.burst).as_secs_f64();
        // A second at most: the pace may have risen by then.
        let wait = (release - self.bytes / rate).clamp(0.001, 1.0);
        self.opens = Some(now + Duration::from_secs_f64(wait));
        false
    }

    /// A packet leaves.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
    }

    /// When the bucket opens again, if it is closed.
    pub(super) fn opens(&self) -> Option<Instant> {
        self.opens
    }

    /// The pace has changed: ask again.
    pub(super) fn reconsider(&mut self) {
        self.opens = None;
    }
}
