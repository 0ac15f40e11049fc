//! How late pictures are complete at the viewer: later than the quickest of the last seconds, by so much.
//!
//! A jitter buffer guesses this from what it receives. Chromium's adds the time that the largest picture of the last minutes
//! would take, and what sound has to wait for; it remembers a key frame for the rest of the call. The
//! node knows when each picture's last packet came (transport-wide feedback) and when it was taken (its timestamp),
//! whatever has held it up since then, and can say how long is worth waiting for.

use std::time::Duration;

/// Timestamps of video a second (RFC 6184, 7741, 9628 and AV1's).
const TICKS_PER_MILLI: i64 = 90;
/// This share of the pictures is to be in time…
const IN_TIME: f64 = 0.95;
/// …and each moves what is reckoned with by so much, in the proportion that makes them that share: 57 ms within a
/// second in which all are late, back by 3 ms in one in which none is.
const STEP: f64 = 2_000.0;
/// What pictures are compared with is the quickest of one to two of these, in microseconds: clocks that differ by 100 millionths
/// make 2 ms of it.
const WINDOW: i64 = 10_000_000;
/// Nothing is said before so many pictures.
const ENOUGH: u32 = 30;
/// What is reckoned with at first.
const AT_FIRST: f64 = 30_000.0;
/// Timestamps that jump by more than this are another publisher's, or the camera was off.
const JUMP: i64 = 2_000_000;
/// Pictures later than this stand for an outage, not for jitter.
const LONGEST: f64 = 300_000.0;

/// See the module. Times in microseconds, of the viewer's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lateness {
    latest: Option<Latest>,
    /// The least difference between the clocks in this window, and in the one before.
    least: i64,
    least_before: i64,
    window_began: i64,
    seen: u32,
    usual: f64,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    timestamp: u32,
    /// The same, counted on where timestamps begin anew.
    taken: i64,
}

impl Lateness {
    pub(super) fn new() -> Self {
        Self {
            latest: None,
            least: i64::MAX,
            least_before: i64::MAX,
            window_began: 0,
            seen: 0,
            usual: AT_FIRST,
        }
    }

    /// The last packet of the picture with this timestamp came at `came`.
    pub(super) fn on_picture(&mut self, timestamp: u32, came: i64) {
        let (taken, begins) = match self.latest {
            None => (0, true),
            Some(latest) => {
                let ticks = i64::from(timestamp.wrapping_sub(latest.timestamp) as i32);
                let passed = ticks * 1_000 / TICKS_PER_MILLI;
                (latest.taken + passed, passed.abs() > JUMP)
            }
        };
        self.latest = Some(Latest { timestamp, taken });
        if begins || came - self.window_began > WINDOW {
            self.least_before = if begins { i64::MAX } else { self.least };
            (self.least, self.window_began) = (i64::MAX, came);
        }
        let difference = came - taken;
        self.least = self.least.min(difference);
        let late = (difference - self.least.min(self.least_before)) as f64;
        self.usual += STEP * if late > self.usual { IN_TIME } else { IN_TIME - 1.0 };
        self.usual = self.usual.clamp(0.0, LONGEST);
        self.seen = self.seen.saturating_add(1);
    }

    /// How late pictures usually are, once enough have been seen.
    pub(super) fn usual(&self) -> Option<Duration> {
        (self.seen >= ENOUGH).then(|| Duration::from_micros(self.usual as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: i64 = 33_333;

    /// After so many pictures at 30 a second, each late by what `late` says (microseconds).
    fn after(pictures: i64, late: impl Fn(i64) -> i64) -> Lateness {
        let mut lateness = Lateness::new();
        feed(&mut lateness, 0..pictures, late);
        lateness
    }

    fn feed(lateness: &mut Lateness, pictures: std::ops::Range<i64>, late: impl Fn(i64) -> i64) {
        for i in pictures {
            // Timestamps begin anew on the way.
            let timestamp = (u32::MAX - 90_000).wrapping_add((i * 3_000) as u32);
            lateness.on_picture(timestamp, 7_000_000 + i * PICTURE + late(i));
        }
    }

    fn millis(lateness: &Lateness) -> u128 {
        lateness.usual().unwrap().as_millis()
    }

    #[test]
    fn nothing_is_said_of_a_few_pictures() {
        assert_eq!(after(i64::from(ENOUGH) - 1, |_| 0).usual(), None);
        assert!(after(ENOUGH.into(), |_| 0).usual().is_some());
    }

    #[test]
    fn nineteen_of_twenty_are_in_time() {
        let evenly = after(3_000, |i| i * 7 % 100 * 1_000);
        assert!((88..=99).contains(&millis(&evenly)), "{}", millis(&evenly));
        let hardly_ever = after(3_000, |i| if i % 50 == 0 { 200_000 } else { 5_000 });
        assert!(millis(&hardly_ever) < 15, "{}", millis(&hardly_ever));
    }

    #[test]
    fn late_pictures_are_believed_sooner_than_punctual_ones() {
        let mut lateness = after(900, |_| 0);
        assert_eq!(millis(&lateness), 0);
        feed(&mut lateness, 900..930, |_| 80_000);
        assert!((50..=60).contains(&millis(&lateness)), "{}", millis(&lateness));
        feed(&mut lateness, 930..960, |_| 0);
        assert!(millis(&lateness) > 45, "{}", millis(&lateness));
    }

    #[test]
    fn way_that_has_become_longer_for_good_is_the_usual_one_in_the_end() {
        let mut lateness = after(300, |_| 0);
        feed(&mut lateness, 300..2_400, |_| 50_000);
        assert!(millis(&lateness) < 5, "{}", millis(&lateness));
    }

    #[test]
    fn clocks_may_differ() {
        // 200 millionths.
        let drifting = after(9_000, |i| i * PICTURE / 5_000);
        assert!(millis(&drifting) < 6, "{}", millis(&drifting));
    }

    #[test]
    fn another_publisher_begins_anew() {
        let mut lateness = after(900, |_| 0);
        for i in 0..300 {
            lateness.on_picture(500_000_000 + i * 3_000, 90_000_000 + i64::from(i) * PICTURE);
        }
        assert_eq!(millis(&lateness), 0);
    }

    #[test]
    fn hostile_clocks_stay_within_bounds() {
        let mut lateness = Lateness::new();
        for i in 0..10_000_u32 {
            let came = i64::from(i.wrapping_mul(2_654_435_761)) * 64_000;
            lateness.on_picture(i.wrapping_mul(0x9e37_79b9), came);
        }
        assert!(lateness.usual().unwrap() <= Duration::from_micros(LONGEST as u64));
    }
}
