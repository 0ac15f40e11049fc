//! What Chromium takes off its encoder's target for repeats: the share that they had of the video it sent in the
//! last second, half at most (libwebrtc, `FecControllerDefault::UpdateFecRates`).

use std::{collections::VecDeque, time::Duration};

use crate::time::{Time, millis};

const WINDOW: Duration = millis(1_000);
const MOST: f64 = 0.5;

/// Video that was sent lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Protection {
    sent: VecDeque<(Time, Sent)>,
    total: Sent,
}

/// Bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    all: u64,
    repeats: u64,
}

impl Protection {
    /// A packet of the video or a repeat of one was sent.
    pub(super) fn sent(&mut self, now: Time, size: u32, is_repeat: bool) {
        let all = u64::from(size);
        let repeats = if is_repeat { all } else { 0 };
        self.sent.push_back((now, Sent { all, repeats }));
        self.total.all += all;
        self.total.repeats += repeats;
        self.forget(now);
    }

    /// The share of the target that the encoder does not get.
    pub(super) fn share(&mut self, now: Time) -> f64 {
        self.forget(now);
        let Sent { all, repeats } = self.total;
        if all == 0 { 0.0 } else { (repeats as f64 / all as f64).min(MOST) }
    }

    fn forget(&mut self, now: Time) {
        while let Some((at, sent)) = self.sent.front().copied()
            && now.since(at) > WINDOW
        {
            self.total.all -= sent.all;
            self.total.repeats -= sent.repeats;
            self.sent.pop_front();
        }
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
