//! What Chromium takes off its encoder's target for repeats: the share that they had of the video it sent in the
//! last second, half at most (libwebrtc, `FecControllerDefault::UpdateFecRates`).

use std::time::Duration;

use super::recent::Recent;
use crate::time::{Time, millis};

const WINDOW: Duration = millis(1_000);
const MOST: f64 = 0.5;

/// Video that was sent lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Protection {
    all: Recent,
    repeats: Recent,
}

impl Protection {
    /// A packet of the video or a repeat of one was sent.
    pub(super) fn sent(&mut self, now: Time, size: usize, is_repeat: bool) {
        self.all.add(now, size);
        if is_repeat {
            self.repeats.add(now, size);
        }
    }

    /// The share of the target that the encoder does not get.
    pub(super) fn share(&mut self, now: Time) -> f64 {
        let all = self.all.bytes(now, WINDOW);
        let repeats = self.repeats.bytes(now, WINDOW);
        if all == 0 { 0.0 } else { (repeats as f64 / all as f64).min(MOST) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_of_the_last_second_are_taken_off_up_to_half() {
        let mut protection = Protection::default();
        assert!(protection.share(Time::ZERO).abs() < 1e-9);
        let mut now = Time::ZERO;
        for n in 0..400 {
            now = now + millis(5);
            protection.sent(now, 1_000, n >= 200 && n % 10 == 0);
        }
        assert!((protection.share(now) - 0.1).abs() < 0.01, "{}", protection.share(now));
        for _ in 0..600 {
            protection.sent(now, 1_000, true);
        }
        assert!((protection.share(now) - MOST).abs() < 1e-9);
        assert!(protection.share(now + 2 * WINDOW).abs() < 1e-9);
    }
}
