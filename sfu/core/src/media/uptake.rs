//! What a publisher makes of its bound. Chromium takes headers off it, and more, and its encoder sends less than
//! it is given: of a bound of 2 Mbit/s 1.6 come. It is told more by as much.

use std::time::Instant;

/// A publisher that sends less than this share of what it may is not held back by its bound, but by its camera or its
/// own way.
pub(super) const HELD_BACK: f64 = 0.7;
/// None is taken to send a smaller share: with the next picture it may send all of it.
const LEAST: f64 = 0.75;
/// Seconds in which more and less is believed. What comes on top of what a way carries waits.
const MORE_WITHIN: f64 = 0.4;
const LESS_WITHIN: f64 = 3.0;
/// What comes now was allowed so many seconds ago: a round trip, and the time over which it is measured.
const LAG: f64 = 0.4;
/// Of a smaller bound headers are most, bit/s.
const LEAST_BOUND: f64 = 50_000.0;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Uptake {
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    at: Instant,
    /// Video that was allowed when that was sent which comes now, bit/s.
    allowed: f64,
    /// The share of it that comes.
    share: f64,
}

impl Uptake {
    /// So much video came lately, and so much is allowed now, bit/s.
    pub(super) fn learn(&mut self, now: Instant, came: f64, allowed: f64) {
        if allowed < LEAST_BOUND {
            return;
        }
        let known = self.known.get_or_insert(Known { at: now, allowed, share: 1.0 });
        let passed = now.saturating_duration_since(known.at).as_secs_f64();
        let part = |time: f64| (passed / time).min(1.0);
        known.at = now;
        known.allowed += part(LAG) * (allowed - known.allowed);
        let share = (came / known.allowed).min(1.0);
        if share >= HELD_BACK {
            let within = if share > known.share { MORE_WITHIN } else { LESS_WITHIN };
            known.share += part(within) * (share - known.share);
        }
    }

    /// The bound at which so much video comes, bit/s.
    pub(super) fn bound(&self, video: f64) -> f64 {
        video / self.known.map_or(1.0, |known| known.share.max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Learns for so many seconds, from and to that time.
    fn learn(uptake: &mut Uptake, start: Instant, seconds: std::ops::Range<u64>, came: f64) {
        for tenth in seconds.start * 10..seconds.end * 10 {
            uptake.learn(start + Duration::from_millis(100 * tenth), came, 1e6);
        }
    }

    #[test]
    fn who_sends_less_than_it_may_is_told_more() {
        let (mut uptake, start) = (Uptake::default(), Instant::now());
        assert_eq!(uptake.bound(1e6), 1e6, "nothing is known yet");
        learn(&mut uptake, start, 0..15, 0.8e6);
        let bound = uptake.bound(1e6);
        assert!((1.24e6..1.26e6).contains(&bound), "{bound}");
        learn(&mut uptake, start, 15..17, 0.95e6);
        let bound = uptake.bound(1e6);
        assert!((1.05e6..1.07e6).contains(&bound), "more is believed soon: {bound}");
        learn(&mut uptake, start, 17..18, 0.8e6);
        assert!(uptake.bound(1e6) < 1.15e6, "less is not");
        learn(&mut uptake, start, 18..20, 1.4e6);
        assert!((1e6..1.01e6).contains(&uptake.bound(1e6)), "nobody is told less than is wanted");
    }

    #[test]
    fn who_is_not_held_back_is_told_nothing_else() {
        let (mut uptake, start) = (Uptake::default(), Instant::now());
        learn(&mut uptake, start, 0..15, 0.3e6);
        assert_eq!(uptake.bound(1e6), 1e6, "a still picture");
        learn(&mut uptake, start, 15..60, 0.71e6);
        assert_eq!(uptake.bound(0.75e6), 1e6, "bounded");
    }

    #[test]
    fn a_bound_that_falls_is_not_taken_for_more_that_comes() {
        let (mut uptake, start) = (Uptake::default(), Instant::now());
        learn(&mut uptake, start, 0..15, 0.8e6);
        let before = uptake.bound(1e6);
        // For a tenth of a second what comes was sent before the bound fell.
        let fallen = start + Duration::from_secs(15);
        uptake.learn(fallen, 0.8e6, 0.8e6);
        assert!(uptake.bound(1e6) > 0.93 * before, "{} after {before}", uptake.bound(1e6));
    }
}
