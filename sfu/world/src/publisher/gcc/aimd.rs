//! The estimate from the queue's trend: additive or multiplicative increase, multiplicative
//! decrease.

use std::time::Duration;

use super::trendline::Usage;
use crate::time::{Time, millis};

const BACKOFF: f64 = 0.85;
/// Growth per second while the limit is unknown.
const GROWTH: f64 = 0.08;
const LEAST_GROWTH: f64 = 1_000.0;
/// Growth near the limit is a packet in two response times, at least this much per second.
const LEAST_NEAR: f64 = 4_000.0;
/// Nothing beyond this multiple of what came through, and a little.
const BEYOND_ACKED: f64 = 1.5;
const BEYOND_ACKED_PLUS: f64 = 10_000.0;
/// Added to the round trip for the time that detection takes.
const DETECTION: Duration = millis(100);
const LOWEST: f64 = 5_000.0;

/// Mean and normalized variance of the bitrate at overuse, kbit/s.
#[derive(Debug, Clone, Copy)]
struct Capacity {
    mean: f64,
    variance: f64,
}

impl Capacity {
    const ALPHA: f64 = 0.05;

    fn spread(&self) -> f64 {
        3.0 * (self.variance * self.mean).sqrt()
    }

    fn sample(known: Option<Self>, kbps: f64) -> Self {
        let Some(Self { mean, variance }) = known else {
            return Self { mean: kbps, variance: 0.4 };
        };
        let moved = (1.0 - Self::ALPHA) * mean + Self::ALPHA * kbps;
        let error = moved - kbps;
        let variance =
            (1.0 - Self::ALPHA) * variance + Self::ALPHA * error * error / moved.max(1.0);
        Self { mean: moved, variance: variance.clamp(0.4, 2.5) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

#[derive(Debug, Clone)]
pub(super) struct Aimd {
    bitrate: f64,
    state: State,
    capacity: Option<Capacity>,
    changed: Time,
    decreased: Option<Time>,
}

impl Aimd {
    pub(super) fn new(bitrate: f64) -> Self {
        Self { bitrate, state: State::Hold, capacity: None, changed: Time::ZERO, decreased: None }
    }

    pub(super) fn bitrate(&self) -> f64 {
        self.bitrate
    }

    /// A probe has shown a bitrate.
    pub(super) fn set(&mut self, now: Time, bitrate: f64) {
        self.bitrate = bitrate.max(LOWEST);
        self.changed = now;
    }

    pub(super) fn update(&mut self, now: Time, usage: Usage, acked: Option<f64>, rtt: Duration) {
        match usage {
            Usage::Over => self.decrease(now, acked, rtt),
            Usage::Under => self.state = State::Hold,
            Usage::Normal => {
                if self.state == State::Hold {
                    self.state = State::Increase;
                    self.changed = now;
                }
                self.increase(now, acked, rtt);
            }
        }
    }

    fn increase(&mut self, now: Time, acked: Option<f64>, rtt: Duration) {
        let kbps = acked.unwrap_or(self.bitrate) / 1_000.0;
        if self.capacity.is_some_and(|known| kbps > known.mean + known.spread()) {
            self.capacity = None;
        }
        let limit = acked.map_or(f64::INFINITY, |acked| BEYOND_ACKED * acked + BEYOND_ACKED_PLUS);
        let passed = now.since(self.changed).as_secs_f64().min(1.0);
        if self.bitrate < limit {
            let growth = if self.capacity.is_some() {
                let response = (rtt + DETECTION).as_secs_f64() * 2.0;
                let per_frame = self.bitrate / 30.0 / 8.0;
                let packets = (per_frame / 1_200.0).ceil().max(1.0);
                (per_frame / packets * 8.0 / response).max(LEAST_NEAR) * passed
            } else {
                (self.bitrate * GROWTH * passed).max(LEAST_GROWTH * passed)
            };
            self.bitrate = (self.bitrate + growth).min(limit);
        }
        self.changed = now;
    }

    fn decrease(&mut self, now: Time, acked: Option<f64>, rtt: Duration) {
        let pause = rtt.clamp(millis(10), millis(200));
        let recent = self.decreased.is_some_and(|at| now.since(at) < pause);
        let Some(acked) = acked else {
            // Nothing is known yet: half, now and then.
            if !recent {
                self.bitrate = (self.bitrate * 0.5).max(LOWEST);
                self.decreased = Some(now);
            }
            return;
        };
        if recent && acked >= 0.5 * self.bitrate {
            return;
        }
        let mut wanted = BACKOFF * acked;
        if wanted > self.bitrate
            && let Some(capacity) = self.capacity
        {
            wanted = BACKOFF * capacity.mean * 1_000.0;
        }
        self.bitrate = self.bitrate.min(wanted).max(LOWEST);
        let kbps = acked / 1_000.0;
        if self.capacity.is_some_and(|known| kbps < known.mean - known.spread()) {
            self.capacity = None;
        }
        self.capacity = Some(Capacity::sample(self.capacity, kbps));
        self.state = State::Hold;
        self.changed = now;
        self.decreased = Some(now);
    }
}
