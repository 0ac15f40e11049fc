//! Whether the queue grows: the slope of the smoothed delay over time.

use std::collections::VecDeque;

use super::groups::Delta;

const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const MOST_DELTAS: f64 = 60.0;
/// Milliseconds above the threshold before it counts.
const OVERUSE_TIME: f64 = 10.0;
const THRESHOLD: f64 = 12.5;
const THRESHOLD_RANGE: (f64, f64) = (6.0, 600.0);
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
/// A trend this far above the threshold is a spike and moves nothing.
const SPIKE: f64 = 15.0;

/// What the queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Usage {
    #[default]
    Normal,
    Over,
    Under,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Trendline {
    usage: Usage,
    history: VecDeque<(f64, f64)>,
    accumulated: f64,
    smoothed: f64,
    deltas: f64,
    first_arrival: Option<i64>,
    threshold: Option<f64>,
    threshold_at: Option<i64>,
    over_for: Option<f64>,
    over_count: u32,
    before: f64,
}

impl Trendline {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn update(&mut self, delta: Delta, arrival: i64) {
        let millis = |micros: i64| micros as f64 / 1_000.0;
        self.deltas = (self.deltas + 1.0).min(1_000.0);
        self.accumulated += millis(delta.arrival - delta.sent);
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        let first = *self.first_arrival.get_or_insert(arrival);
        self.history.push_back((millis(arrival - first), self.smoothed));
        if self.history.len() > WINDOW {
            self.history.pop_front();
        }
        let trend = if self.history.len() == WINDOW {
            self.slope().unwrap_or(self.before)
        } else {
            self.before
        };
        self.detect(trend, millis(delta.sent), arrival);
    }

    fn slope(&self) -> Option<f64> {
        let count = self.history.len() as f64;
        let (sum_x, sum_y) =
            self.history.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (mut above, mut below) = (0.0, 0.0);
        for (x, y) in &self.history {
            above += (x - mean_x) * (y - mean_y);
            below += (x - mean_x) * (x - mean_x);
        }
        (below > 0.0).then(|| above / below)
    }

    fn detect(&mut self, trend: f64, passed: f64, arrival: i64) {
        let modified = self.deltas.min(MOST_DELTAS) * trend * GAIN;
        let threshold = self.threshold.unwrap_or(THRESHOLD);
        if modified > threshold {
            let over = self.over_for.map_or(passed / 2.0, |over| over + passed);
            self.over_for = Some(over);
            self.over_count += 1;
            if over > OVERUSE_TIME && self.over_count > 1 && trend >= self.before {
                self.over_for = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = None;
            self.over_count = 0;
            self.usage = if modified < -threshold { Usage::Under } else { Usage::Normal };
        }
        self.before = trend;
        self.adapt(modified.abs(), threshold, arrival);
    }

    fn adapt(&mut self, modified: f64, threshold: f64, arrival: i64) {
        let since = arrival - self.threshold_at.unwrap_or(arrival);
        self.threshold_at = Some(arrival);
        if modified > threshold + SPIKE {
            return;
        }
        let gain = if modified < threshold { THRESHOLD_DOWN } else { THRESHOLD_UP };
        let millis = (since as f64 / 1_000.0).clamp(0.0, 100.0);
        let moved = threshold + gain * (modified - threshold) * millis;
        self.threshold = Some(moved.clamp(THRESHOLD_RANGE.0, THRESHOLD_RANGE.1));
    }
}
