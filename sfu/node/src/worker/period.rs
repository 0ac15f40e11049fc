//! How busy a worker is, and when to say so.

use std::time::{Duration, Instant};

/// How often counters are copied out.
const PERIOD: Duration = Duration::from_secs(1);

/// The time between two copies of the counters.
pub(super) struct Period {
    since: Instant,
    asleep: Duration,
}

impl Period {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, asleep: Duration::ZERO }
    }

    pub(super) fn slept(&mut self, time: Duration) {
        self.asleep += time;
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.remaining(now).is_zero()
    }

    pub(super) fn remaining(&self, now: Instant) -> Duration {
        PERIOD.saturating_sub(now - self.since)
    }

    /// Starts the next one; the share of the former in which the worker was awake.
    pub(super) fn restart(&mut self, now: Instant) -> f32 {
        let whole = (now - self.since).as_secs_f32();
        let busy = 1.0 - self.asleep.as_secs_f32() / whole.max(f32::EPSILON);
        *self = Self::new(now);
        busy.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_the_share_not_slept() {
        let start = Instant::now();
        let mut period = Period::new(start);
        period.slept(Duration::from_millis(750));
        assert!(!period.is_over(start + PERIOD / 2));
        assert!(period.is_over(start + PERIOD));
        assert!((period.restart(start + PERIOD) - 0.25).abs() < 0.001);
        assert_eq!(period.remaining(start + PERIOD), PERIOD, "the next one has not started anew");
    }
}
