//! How long the repair of a publisher's packets takes, for the viewer's jitter buffer.
//!
//! A viewer's browser waits as long as a repair on its own way takes. Of the publisher's way it
//! knows nothing: what was lost and repaired there comes too late for it, and the picture stutters.
//! The node knows, and asks the viewer to wait that long (`playout-delay`).

use std::time::{Duration, Instant};

/// Weights of a repair that took longer than is known, and of one that took less: about four of
/// five repairs are to be in time.
const RISE: f64 = 0.2;
const FALL: f64 = 0.05;
/// How often there is a loss to repair is looked at over so many seconds.
const OVER: f64 = 3.0;
/// Repairs closer together are of one loss: a queue that runs over when a call starts takes many packets at once,
/// and will not soon again.
const ONE_LOSS: Duration = Duration::from_millis(200);
/// More losses a second than this are worth a delay, which everybody feels in every word; once
/// they are, fewer than that are not.
const OFTEN: f64 = 1.0;
const SELDOM: f64 = 0.3;
/// What overflows a queue of the publisher's own is repaired behind that queue. Both are gone when the publisher has heard
/// of it: what comes until so long after it says nothing of the next repair.
const AFTER_QUEUE: Duration = Duration::from_secs(1);
/// Added to a repair: a loss is seen only when the next frame comes; jitter, decoding.
const SLACK: Duration = Duration::from_millis(20);
/// A conversation bears no more.
const LONGEST: Duration = Duration::from_millis(300);

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RepairTime {
    /// Seconds that a repair takes.
    takes: f64,
    /// Losses a second, as of the latest one.
    rate: f64,
    /// When the latest loss was first repaired.
    latest: Option<Instant>,
    worth_it: bool,
    /// When a queue of the publisher's own stood last.
    queued: Option<Instant>,
}

impl RepairTime {
    /// A queue of the publisher's own stands on its way, and will be gone soon.
    pub(super) fn queued(&mut self, now: Instant) {
        self.queued = Some(now);
    }

    /// A missing packet has come, so long after it was missed.
    pub(super) fn note(&mut self, now: Instant, after: Duration) {
        if self.queued.is_some_and(|at| now.saturating_duration_since(at) < AFTER_QUEUE) {
            return;
        }
        let after = after.as_secs_f64();
        let weight = if after > self.takes { RISE } else { FALL };
        self.takes += weight * (after - self.takes);
        if self.latest.is_none_or(|latest| now.saturating_duration_since(latest) >= ONE_LOSS) {
            self.rate = self.rate(now) + 1.0 / OVER;
            self.latest = Some(now);
        }
    }

    /// How long the viewer should wait at least; zero where nearly nothing is lost.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let rate = self.rate(now);
        self.worth_it = rate > if self.worth_it { SELDOM } else { OFTEN };
        if self.worth_it {
            (Duration::from_secs_f64(self.takes) + SLACK).min(LONGEST)
        } else {
            Duration::ZERO
        }
    }

    fn rate(&self, now: Instant) -> f64 {
        let Some(latest) = self.latest else { return 0.0 };
        let passed = now.saturating_duration_since(latest).as_secs_f64();
        self.rate * (-passed / OVER).exp()
    }
}
