//! When a frame is shown: a delay that follows the spread of the frames' delays, as Chromium's
//! jitter estimate does. Simpler than its Kalman filter; what matters here is that jitter is
//! smoothed and that a stall is not.

use std::{collections::VecDeque, time::Duration};

use crate::time::Time;

/// The shortest delay is looked for over so many frames: ten seconds.
const WINDOW: usize = 300;
/// Weight of a frame in mean and variance.
const ALPHA: f64 = 1.0 / 30.0;
/// So many deviations are waited for, and a little for decoding.
const DEVIATIONS: f64 = 2.33;
const SLACK: f64 = 0.010;
/// A frame that is later than this says nothing of jitter.
const OUTLIER: f64 = 0.150;
/// The delay changes by no more than this in a second (Chromium's `kDelayMaxChangeMsPerS`).
const SLEW: f64 = 0.100;
const LONGEST: f64 = 0.500;

#[derive(Debug, Clone, Default)]
pub(super) struct Playout {
    /// Delays of recent frames in order of time, each smaller than those after it.
    least: VecDeque<(u64, f64)>,
    count: u64,
    mean: f64,
    variance: f64,
    extra: f64,
    last: Option<Time>,
}

impl Playout {
    /// A frame is complete.
    pub(super) fn on_complete(&mut self, now: Time, captured: i64) {
        let delay = now.as_secs() - captured as f64 / 1e6;
        self.count += 1;
        while self.least.back().is_some_and(|&(_, least)| least >= delay) {
            self.least.pop_back();
        }
        self.least.push_back((self.count, delay));
        while self.least.front().is_some_and(|&(at, _)| at + WINDOW as u64 <= self.count) {
            self.least.pop_front();
        }
        if self.count == 1 {
            self.mean = delay;
        }
        let off = (delay - self.mean).min(OUTLIER);
        self.mean += ALPHA * off;
        self.variance += ALPHA * (off * off - self.variance);
        let base = self.base();
        let wanted = (self.mean - base + DEVIATIONS * self.variance.sqrt() + SLACK).min(LONGEST);
        let passed = self.last.map_or(0.1, |last| now.since(last).as_secs_f64());
        self.last = Some(now);
        self.extra += (wanted - self.extra).clamp(-SLEW * passed, SLEW * passed);
    }

    /// When a frame is to be shown.
    pub(super) fn target(&self, captured: i64) -> Time {
        let captured = Duration::from_micros(captured.max(0) as u64);
        Time::ZERO + captured + Duration::from_secs_f64((self.base() + self.extra).max(0.0))
    }

    fn base(&self) -> f64 {
        self.least.front().map_or(0.0, |&(_, delay)| delay)
    }
}
