//! How much of the time the way to the peer took nothing.
//!
//! TCP decides itself how much it sends. When it carries less than the estimate allows, its send
//! buffer is full most of the time; the delays that the peer reports do not show it, since what has
//! not been written has not been sent.

use std::time::Instant;

use super::MediaLeg;

/// Looked at over so many seconds: longer than TCP takes to open its window for a first key frame.
const OVER: f64 = 1.0;
/// Held up for more than this share of the time, the way carries less than we would send.
const TOO_MUCH: f64 = 0.6;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldUp {
    held_up: bool,
    at: Instant,
    share: f64,
}

impl HeldUp {
    pub(super) fn new(now: Instant) -> Self {
        Self { held_up: false, at: now, share: 0.0 }
    }

    /// Whether it is so too often.
    fn set(&mut self, now: Instant, held_up: bool) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let until_now = f64::from(u8::from(self.held_up));
        // What has been so for a while counts as much as it lasted.
        self.share += (1.0 - (-passed / OVER).exp()) * (until_now - self.share);
        (self.held_up, self.at) = (held_up, now);
        self.share > TOO_MUCH
    }
}

impl MediaLeg {
    /// The way to the peer takes nothing for now, or takes something again.
    pub fn set_held_up(&mut self, now: Instant, held_up: bool) {
        if self.outbound.held_up.set(now, held_up) && !held_up {
            self.outbound.estimator.on_held_up(now);
            self.unsettle();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_way_that_is_full_most_of_the_time_is_too_narrow() {
        let start = Instant::now();
        // Held up for so many of every 100 ms.
        let verdict = |held_up: u64| {
            let mut meter = HeldUp::new(start);
            (0..30).fold(false, |_, tenth| {
                let now = start + Duration::from_millis(100 * tenth);
                meter.set(now, true);
                meter.set(now + Duration::from_millis(held_up), false)
            })
        };
        assert!(!verdict(40));
        assert!(verdict(80));
    }

    #[test]
    fn a_single_long_wait_at_the_start_says_nothing() {
        let start = Instant::now();
        let mut meter = HeldUp::new(start);
        meter.set(start, true);
        assert!(!meter.set(start + Duration::from_millis(500), false));
    }
}
