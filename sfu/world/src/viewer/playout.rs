//! When a frame is shown: a delay that follows the spread of the frames' delays, as Chromium's
//! jitter estimate does. Simpler than its Kalman filter; what matters here is that jitter is
//! smoothed and that a stall is not. Frames that were repaired do not count in it; instead a round
//! trip is added where packets are asked for again, and what the sender wishes are the least and the most
//! (`JitterEstimator`, `VCMTiming`).

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
/// So many repaired frames make the buffer wait for repairs (`kNackLimit`)…
const REPAIRED: u32 = 3;
/// …until there was none for so long (`kNackCountTimeout`), seconds.
const REPAIRED_FOR: f64 = 60.0;

/// How a complete frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// All of it at first.
    Whole,
    /// Some of it was asked for again.
    Repaired,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Playout {
    /// Delays of recent frames in order of time, each smaller than those after it.
    least: VecDeque<(u64, f64)>,
    count: u64,
    mean: f64,
    variance: f64,
    extra: f64,
    last: Option<Time>,
    repaired: u32,
    last_repaired: Time,
    /// Least and most delay that the sender wishes, seconds.
    pub(super) wished: Option<[f64; 2]>,
}

impl Playout {
    /// A frame is complete. `rtt` is what is known of the round trip.
    pub(super) fn on_complete(&mut self, now: Time, captured: i64, came: Came, rtt: Duration) {
        let delay = now.as_secs() - captured as f64 / 1e6;
        match came {
            Came::Whole => self.on_whole(delay),
            Came::Repaired => {
                self.repaired += 1;
                self.last_repaired = now;
            }
        }
        if now.since(self.last_repaired).as_secs_f64() > REPAIRED_FOR {
            self.repaired = 0;
        }
        let repair = if self.repaired >= REPAIRED { rtt.as_secs_f64() } else { 0.0 };
        let jitter = self.mean - self.base() + DEVIATIONS * self.variance.sqrt() + SLACK;
        let wanted = (jitter + repair).min(LONGEST);
        let passed = self.last.map_or(0.1, |last| now.since(last).as_secs_f64());
        self.last = Some(now);
        self.extra += (wanted - self.extra).clamp(-SLEW * passed, SLEW * passed);
    }

    fn on_whole(&mut self, delay: f64) {
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
    }

    /// When a frame is to be shown.
    pub(super) fn target(&self, captured: i64) -> Time {
        let captured = Duration::from_micros(captured.max(0) as u64);
        // What is wished holds at once.
        let [least, most] = self.wished.unwrap_or([0.0, LONGEST]);
        let extra = self.extra.max(least).min(most);
        Time::ZERO + captured + Duration::from_secs_f64((self.base() + extra).max(0.0))
    }

    fn base(&self) -> f64 {
        self.least.front().map_or(0.0, |&(_, delay)| delay)
    }
}
