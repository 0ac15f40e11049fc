//! A way that has taken back what it gave.
//!
//! Some ways swing: a phone between two cells, a wireless network that others use now and then. Whoever climbs at once
//! to what such a way gives has its queue full within a tenth of a second when it is taken back, and a picture
//! that stands still; that costs more than the better picture before it was worth. So a climb that has not lasted
//! is remembered: for a while no more is used than what a fall to the same level makes wait, but not overflow.

use std::time::{Duration, Instant};

/// A queue longer than this is full, or soon will be.
pub(crate) const FULL_QUEUE: Duration = Duration::from_millis(150);
/// More that the way has carried for fewer seconds than this has not lasted…
const LASTS: usize = 12;
/// …and for fewer than this, was a probe that had found too much.
const FOUND: usize = 3;
/// A fall leaves less than this share of what was there in the last seconds.
const FELL: f64 = 0.5;
const LATELY: usize = 3;
/// A fall from less than this, bit/s, makes nothing overflow that a small picture has not filled by itself.
const WORTH: f64 = 500_000.0;
/// So many times what is left is more.
const MORE: f64 = 1.3;
/// So many times what was left is used from then on. A queue of a fifth of a second or more, which is what
/// access lines have, holds the surplus until the sender has heard of the next fall.
const CEILING: f64 = 1.25;
/// For so long, and for longer from the second time on.
const ONCE: Duration = Duration::from_secs(45);
const AGAIN: Duration = Duration::from_secs(90);
/// What is left shows within this long after the fall.
const SHOWS: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wary {
    /// Highest rates of the latest seconds, bit/s, the newest first. Zero: not known.
    peaks: [f32; LASTS],
    /// When the newest second began.
    since: Option<Instant>,
    bite: Option<Bite>,
}

#[derive(Debug, Clone, Copy)]
struct Bite {
    at: Instant,
    /// What was left, bit/s.
    left: f64,
    lasts: Duration,
}

impl Wary {
    /// The way carries this much at the moment, as far as is known, bit/s.
    pub(crate) fn note(&mut self, now: Instant, rate: f64) {
        let since = *self.since.get_or_insert(now);
        let seconds = now.saturating_duration_since(since).as_secs();
        if seconds > 0 {
            let passed = (seconds as usize).min(LASTS);
            self.peaks.rotate_right(passed);
            self.peaks[..passed].fill(rate as f32);
            self.since = Some(since + Duration::from_secs(seconds));
        }
        self.peaks[0] = self.peaks[0].max(rate as f32);
    }

    /// A queue is full, and no more than this comes through, bit/s.
    pub(crate) fn fell(&mut self, now: Instant, through: f64) {
        if let Some(bite) = &mut self.bite
            && now.saturating_duration_since(bite.at) < SHOWS
        {
            bite.left = bite.left.min(through);
            return;
        }
        let peak = self.peaks.iter().take(LATELY).copied().fold(0.0, f32::max);
        if f64::from(peak) < WORTH || through >= FELL * f64::from(peak) {
            return;
        }
        let is_more = |peak: &f32| f64::from(*peak) > MORE * through;
        let lasted = self.peaks.iter().take_while(|peak| is_more(peak)).count();
        let has_climbed =
            lasted >= FOUND && self.peaks.get(lasted).is_some_and(|before| *before > 0.0);
        self.peaks = [0.0; LASTS];
        if has_climbed {
            let lasts = if self.is_bitten(now) { AGAIN } else { ONCE };
            self.bite = Some(Bite { at: now, left: through, lasts });
        }
    }

    /// It was others who have filled the way.
    pub(crate) fn forget(&mut self) {
        self.bite = None;
    }

    fn is_bitten(&self, now: Instant) -> bool {
        self.bite.is_some_and(|bite| now.saturating_duration_since(bite.at) < AGAIN)
    }

    /// No more is used, bit/s.
    pub(crate) fn ceiling(&self, now: Instant) -> Option<f64> {
        let bite = self.bite?;
        (now.saturating_duration_since(bite.at) < bite.lasts).then_some(CEILING * bite.left)
    }
}
