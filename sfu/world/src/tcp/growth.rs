//! How the congestion window grows and shrinks, in segments.

use std::time::Duration;

use crate::time::Time;

/// Which rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 5681.
    Reno,
    /// RFC 9438, the default of today's systems.
    Cubic,
}

const FIRST_WINDOW: f64 = 10.0;
const RENO_BACKOFF: f64 = 0.5;
const CUBIC_BACKOFF: f64 = 0.7;
const CUBIC_SCALE: f64 = 0.4;

/// The window.
#[derive(Debug, Clone)]
pub(super) struct Window {
    algorithm: Algorithm,
    pub(super) size: f64,
    threshold: f64,
    /// CUBIC: window before the last loss, and when growth began again.
    before: f64,
    epoch: Option<(Time, f64)>,
    /// What Reno would have.
    friendly: f64,
}

impl Window {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            size: FIRST_WINDOW,
            threshold: f64::INFINITY,
            before: 0.0,
            epoch: None,
            friendly: 0.0,
        }
    }

    /// A segment was acknowledged outside recovery.
    pub(super) fn on_ack(&mut self, now: Time, rtt: Duration) {
        if self.size < self.threshold {
            self.size += 1.0;
            return;
        }
        match self.algorithm {
            Algorithm::Reno => self.size += 1.0 / self.size,
            Algorithm::Cubic => self.cubic(now, rtt),
        }
    }

    fn cubic(&mut self, now: Time, rtt: Duration) {
        let (start, k) = match self.epoch {
            Some(epoch) => epoch,
            None => {
                let short = (self.before - self.size).max(0.0);
                self.friendly = self.size;
                *self.epoch.insert((now, cube_root(short / CUBIC_SCALE)))
            }
        };
        let t = now.secs_since(start) + rtt.as_secs_f64() - k;
        let target = CUBIC_SCALE * t * t * t + self.before.max(self.size);
        let target = target.clamp(self.size, 1.5 * self.size);
        let alpha = 3.0 * (1.0 - CUBIC_BACKOFF) / (1.0 + CUBIC_BACKOFF);
        self.friendly += alpha / self.size;
        self.size = (self.size + (target - self.size) / self.size).max(self.friendly);
    }

    /// Segments were lost: once for each window.
    pub(super) fn on_loss(&mut self) {
        let backoff = match self.algorithm {
            Algorithm::Reno => RENO_BACKOFF,
            Algorithm::Cubic => {
                // Fast convergence: a flow that has less than last time leaves room.
                let shrinking = self.size < self.before;
                let share = if shrinking { (1.0 + CUBIC_BACKOFF) / 2.0 } else { 1.0 };
                self.before = self.size * share;
                CUBIC_BACKOFF
            }
        };
        self.threshold = (self.size * backoff).max(2.0);
        self.size = self.threshold;
        self.epoch = None;
    }

    /// Nothing came back for too long.
    pub(super) fn on_timeout(&mut self) {
        self.on_loss();
        self.size = 1.0;
    }
}

/// Newton's method: the standard library's root comes from the platform.
fn cube_root(x: f64) -> f64 {
    let mut root = x.max(1.0);
    if x <= 0.0 {
        return 0.0;
    }
    for _ in 0..40 {
        root -= (root * root * root - x) / (3.0 * root * root);
    }
    root
}
