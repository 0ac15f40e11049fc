//! The publisher's way may carry more than the publisher has found out.
//!
//! A browser that its own estimate holds back raises it by some percent a second, and does not probe. The
//! node sees what the browser cannot: that on its way nothing has waited for a while, although it sends less
//! than it may. It says so, and the page lets its browser try (`video_room`, `uplink.js`).

use std::time::{Duration, Instant};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Whoever sends this share of what it may is held back by the viewer's way, not by its own.
const HELD_BACK: f64 = 0.85;
/// Whoever sends this share of what the way's narrowest link carries has little to gain: a try makes something wait, and the browser
/// goes down by more than that.
const FULL: f64 = 0.7;
/// So many times that is to be tried at most. The limit stays, so it is to be more than the way carries; a probe of a few packets at
/// that pace makes them wait for some milliseconds.
pub(super) const TRIED: f64 = 1.2;
/// Nothing must have waited for this long, and for so much longer for each bit/s that is sent: of several who
/// share a way, the one with the least tries first.
const CALM: Duration = Duration::from_millis(1_000);
const CALM_FOR_EACH: f64 = 1.5e-6;
/// A try has shown what it can after this long. One that has brought this factor is followed by the next
/// as soon as nothing has waited for a moment.
const SETTLED: Duration = Duration::from_millis(700);
const GREW: f64 = 1.3;
const MOMENT: Duration = Duration::from_millis(300);
/// At least so long between two tries. Twice as long after each one that has neither brought more nor made
/// anything wait: then it is the camera that needs no more.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A try that has made something wait may have cost as well: the browser goes down to 0.85 of what came through, and tries
/// in a row would take it to a fraction of what its way carries. The next one waits until this share of what came through
/// before comes through, or for long enough to grow back.
const REGAINED: f64 = 0.95;
const REGAINED_WITHIN: Duration = Duration::from_secs(10);
/// For that, what comes through is smoothed over so long: pictures differ in size by more than such a try costs.
const SMOOTHED_OVER: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    looked: Option<Instant>,
    tried: Option<Try>,
    pause: Duration,
    /// What comes through, smoothed, bit/s.
    usual: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Try {
    at: Instant,
    /// What came through before it, bit/s, and smoothed.
    through: f64,
    usual: f64,
}

/// What is known of the publisher's way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// For how long hardly anything has waited.
    pub(super) calm: Duration,
    /// What comes through, bit/s.
    pub(super) through: f64,
    /// What the narrowest link of its way carries, bit/s, where that shows.
    pub(super) carries: Option<f64>,
    /// What the publisher may send, bit/s.
    pub(super) told: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { looked: None, tried: None, pause: PAUSE, usual: None }
    }
}

impl Room {
    /// Whether it is time to look.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.looked.is_none_or(|at| now.saturating_duration_since(at) >= LOOK);
        if due {
            self.looked = Some(now);
        }
        due
    }

    /// Whether the publisher should try for more.
    pub(super) fn look(&mut self, now: Instant, seen: Seen) -> bool {
        let Seen { calm, through, carries, told } = seen;
        let before = self.usual.unwrap_or(through);
        let usual = before + LOOK.div_duration_f64(SMOOTHED_OVER) * (through - before);
        self.usual = Some(usual);
        let full = carries.is_some_and(|carries| usual > FULL * carries);
        if through > HELD_BACK * told as f64 || full {
            return false;
        }
        let mut needed = CALM + Duration::from_secs_f64(CALM_FOR_EACH * through);
        let mut pause = PAUSE;
        if let Some(tried) = self.tried {
            let since = now.saturating_duration_since(tried.at);
            let has_waited = calm < since;
            if since < SETTLED {
                return false;
            }
            let regained = usual >= REGAINED * tried.usual || since >= REGAINED_WITHIN;
            if has_waited && !regained {
                return false;
            }
            if through > GREW * tried.through {
                needed = MOMENT;
            } else {
                if !has_waited {
                    pause = self.pause;
                }
                if since < pause {
                    return false;
                }
                if !has_waited {
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
        if calm < needed {
            return false;
        }
        self.pause = pause;
        self.tried = Some(Try { at: now, through, usual });
        true
    }
}
