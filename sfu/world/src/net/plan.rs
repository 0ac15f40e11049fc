//! What a link does, and when that changes.

use std::time::Duration;

use crate::time::{Time, millis};

/// Gilbert–Elliott loss: everything in the bad state is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Share lost in the long run, 0 to 1.
    pub share: f64,
    /// Mean length of a run of losses, in packets.
    pub mean: f64,
}

impl Burst {
    /// Probabilities of going bad and of going good again, for each packet.
    pub fn transitions(self) -> (f64, f64) {
        let good = 1.0 / self.mean.max(1.0);
        (good * self.share / (1.0 - self.share).max(1e-9), good)
    }
}

/// A change of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Bit/s.
    Rate(f64),
    /// Nothing gets through, or everything again.
    Blocked(bool),
}

/// One link, one way.
#[derive(Debug, Clone)]
pub struct LinkPlan {
    /// Bit/s of IP packets; `None` is without limit and without a queue.
    pub rate: Option<f64>,
    /// What the drop-tail queue in front of the limit holds, as the time it takes to drain.
    pub queue: Duration,
    /// One-way delay.
    pub delay: Duration,
    /// Deviation of a normal distribution around `delay`, cut at three deviations. Nothing is
    /// reordered (RFC 8868 §4.4.2).
    pub jitter: Duration,
    /// Share of packets lost at random, 0 to 1.
    pub loss: f64,
    /// Losses in runs.
    pub burst: Option<Burst>,
    /// Changes in order of time.
    pub steps: Vec<(Time, Step)>,
}

impl Default for LinkPlan {
    fn default() -> Self {
        Self {
            rate: None,
            queue: millis(300),
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            burst: None,
            steps: Vec::new(),
        }
    }
}

impl LinkPlan {
    /// A link without limit.
    pub fn free(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// A link with a rate that changes at certain seconds.
    pub fn limited(delay: Duration, rates: &[(f64, f64)]) -> Self {
        let steps = rates.iter().map(|&(at, rate)| (Time::secs(at), Step::Rate(rate))).collect();
        Self { delay, rate: rates.first().map(|&(_, rate)| rate), steps, ..Self::default() }
    }
}
