//! The publisher's way fills up: the node sees it as it happens, and what comes through meanwhile.
//!
//! A browser learns of it from feedback and needs a second or two until it sends no more than fits; by then
//! the queue has overflowed, and the picture has stood still. So as soon as a queue has grown the node holds
//! the publisher to less than what comes through (REMB). Only for a moment: then the browser's own control
//! has had its time, and where others keep the queue full, who yields gets nothing.

use std::time::{Duration, Instant};

use super::{dispersion::Dispersion, fall::Fall, wishes::MIN_CAP};
use crate::bwe::{FULL_QUEUE, RateMeter, StandingQueue, Wary};

/// A queue this long is more than the browser's own control should have let grow…
const LONG: Duration = Duration::from_millis(70);
/// …and below this it is gone.
const SHORT: Duration = Duration::from_millis(40);
/// Longer than this is more than jitter: something waits.
const WAITS: Duration = Duration::from_millis(20);
/// The queue is to be gone in about this time, by sending less than what comes through: by the share that
/// this takes, within bounds.
const DRAIN: Duration = Duration::from_millis(600);
const LESS: (f64, f64) = (0.15, 0.5);
/// Right after that this share of it may be sent. From then on the limit grows by so much a second, faster
/// than browsers do.
const DRAINED: f64 = 0.95;
const GROWTH: f64 = 1.25;
/// The limit is lifted after this long.
const LIFTED_AFTER: Duration = Duration::from_secs(2);
/// A queue that has not gone after this long is not the publisher's own, and for so long nothing is done
/// about it or another one.
const PATIENCE: Duration = Duration::from_millis(2_000);
const HANDS_OFF: Duration = Duration::from_secs(20);
/// What comes through is measured over so many microseconds, for what is to be remembered over more.
const WINDOW: i64 = 200_000;
const LONG_WINDOW: i64 = 500_000;
/// What is gone sooner than this was no queue but a way that stood still for a moment, as radio does…
const HICCUP: Duration = Duration::from_millis(100);
/// …unless the publisher has just begun: then it is its first pictures that wait, and the shortest way known may be one
/// on which something waited already.
const BEGINS: Duration = Duration::from_secs(2);
/// On a way that loses much by itself no more than this share of what it carries is sent, in steps of so many bit/s: there a browser
/// that has filled it goes down further than elsewhere, to 0.85 of what came through of what it had sent.
const LOSSY_SHARE: f64 = 0.85;
const LOSSY_STEP: f64 = 25_000.0;
/// Packets of so long a time are looked at together: the one that waited least tells.
const LOOK: Duration = Duration::from_millis(30);
/// Send times have 24 bits, in seconds shifted by 18 (abs-send-time).
const TIME_BITS: u32 = 24;
const TIME_SHIFT: u32 = 18;
/// After a silence of this long nothing is known: half of the range would be ambiguous.
const SILENCE: i64 = 10_000_000;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Brake {
    state: State,
    queue: StandingQueue,
    fall: Fall,
    dispersion: Dispersion,
    through: RateMeter,
    /// What the way has taken back.
    wary: Wary,
    /// Send time of the newest packet as it came, and unwrapped; when it arrived, microseconds.
    latest: Option<(u32, i64, i64)>,
    /// When the first packet came.
    began: Option<Instant>,
    /// When something waited last.
    waited: Option<Instant>,
    /// Until when packets come that are looked at next.
    look: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// Nothing is wrong.
    #[default]
    Off,
    /// The queue drains.
    Draining { since: Instant, through: f64 },
    /// It has; the limit rises until it is lifted.
    Rising { since: Instant, through: f64 },
    /// The queue is not ours.
    Foreign { since: Instant },
}

impl Brake {
    /// Takes a packet from the publisher: `at` is `now` in microseconds, `sent` its send time. `true` if
    /// the publisher is to be braked from now on.
    pub(super) fn on_packet(
        &mut self,
        now: Instant,
        at: i64,
        sent: Option<[u8; 3]>,
        size: usize,
        rtt: Duration,
    ) -> bool {
        self.began.get_or_insert(now);
        self.through.add(at, size);
        let Some([high, middle, low]) = sent else { return false };
        let raw = u32::from_be_bytes([0, high, middle, low]);
        let ticks = match self.latest {
            Some((before, ticks, arrived)) if at - arrived < SILENCE => {
                let shift = u32::BITS - TIME_BITS;
                let passed = (raw.wrapping_sub(before) << shift) as i32 >> shift;
                let sent = f64::from(passed) * 1e3 / f64::from(1 << TIME_SHIFT);
                self.fall.add(sent, (at - arrived) as f64 / 1e3, size);
                self.dispersion.add(sent, at - arrived, size);
                ticks.saturating_add(i64::from(passed))
            }
            _ => {
                self.queue = StandingQueue::default();
                self.fall = Fall::default();
                self.dispersion = Dispersion::default();
                0
            }
        };
        let is_same_piece = self.latest.is_some_and(|(before, ..)| before == raw);
        self.latest = Some((raw, ticks, at));
        // Who leaps by half a minute with every packet gets nonsense, and no more than that.
        let way = at.saturating_sub(ticks.saturating_mul(1_000_000) >> TIME_SHIFT);
        if let Some(through) = self.falls(at) {
            self.queue.met(way);
            self.state = State::Draining { since: now, through };
            self.remember(now, at);
            self.waited = Some(now);
            return true;
        }
        // What was sent as one piece waits behind itself, and tells of no queue.
        if is_same_piece {
            return false;
        }
        self.queue.add(way);
        let look = *self.look.get_or_insert_with(|| now + LOOK);
        if now < look {
            return false;
        }
        self.look = None;
        self.queue.update(now);
        let next = self.next(now, at, rtt);
        let before = std::mem::replace(&mut self.state, next);
        self.remember(now, at);
        let waits = self.queue.get() > WAITS || !matches!(self.state, State::Off);
        if waits || self.waited.is_none() {
            self.waited = Some(now);
        }
        self.is_draining() && !matches!(before, State::Draining { .. })
    }

    /// The way has become much narrower: what comes through now, bit/s.
    fn falls(&mut self, at: i64) -> Option<f64> {
        if matches!(self.state, State::Draining { .. } | State::Foreign { .. }) {
            return None;
        }
        // A publisher that writes the same time into every packet has shown no way yet.
        self.queue.shortest()?;
        self.fall.leaves(&mut self.through, at)
    }

    /// Notes what the way carries, and when it has taken that back.
    fn remember(&mut self, now: Instant, at: i64) {
        match self.state {
            State::Foreign { .. } => self.wary.forget(),
            State::Draining { .. } if self.queue.get() > FULL_QUEUE => {
                if let Some(left) = self.through.rate(at, WINDOW) {
                    self.wary.fell(now, left);
                }
            }
            State::Draining { .. } => {}
            State::Off | State::Rising { .. } => {
                if let Some(through) = self.through.rate(at, LONG_WINDOW) {
                    self.wary.note(now, through);
                }
            }
        }
    }

    /// A queue stands that is the publisher's own.
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.state, State::Draining { .. })
    }

    /// More would be used, if there were more.
    pub(super) fn is_wary(&self, now: Instant) -> bool {
        self.wary.ceiling(now).is_some()
    }

    fn next(&mut self, now: Instant, at: i64, rtt: Duration) -> State {
        let queue = self.queue.get();
        let passed = |since: Instant| now.saturating_duration_since(since);
        let begins = self.began.is_none_or(|began| passed(began) < BEGINS);
        match self.state {
            State::Off | State::Rising { .. } if queue > LONG => {
                match self.through.rate(at, WINDOW) {
                    Some(through) => State::Draining { since: now, through },
                    None => State::Off,
                }
            }
            State::Draining { since, .. } if queue < SHORT && passed(since) < HICCUP && !begins => {
                State::Off
            }
            State::Draining { through, .. } if queue < SHORT => {
                State::Rising { since: now, through }
            }
            State::Draining { since, .. } if passed(since) > PATIENCE + 2 * rtt => {
                State::Foreign { since: now }
            }
            // At first part of it came before the way was full.
            State::Draining { since, through } if queue > LONG => {
                let lately = self.through.rate(at, WINDOW).unwrap_or(through);
                State::Draining { since, through: through.min(lately) }
            }
            State::Rising { since, .. } if passed(since) > LIFTED_AFTER => State::Off,
            State::Foreign { since } if queue < SHORT && passed(since) > HANDS_OFF => State::Off,
            state => state,
        }
    }

    /// For how long hardly anything has waited on the publisher's way.
    pub(super) fn calm(&self, now: Instant) -> Duration {
        self.waited.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// How long packets wait on the publisher's way.
    pub(super) fn queue(&self) -> Duration {
        self.queue.get()
    }

    /// What the narrowest link of the publisher's way carries, bit/s, where that shows.
    pub(super) fn carries(&self) -> Option<f64> {
        self.dispersion.carries()
    }

    /// What came through lately, bit/s; `at` is now in microseconds.
    pub(super) fn through(&mut self, at: i64) -> Option<f64> {
        self.through.rate(at, 2 * WINDOW)
    }

    /// No more should be sent, bit/s; `None` where the publisher is left to itself. `lossy`: its way loses much by itself.
    pub(super) fn limit(&self, now: Instant, lossy: bool) -> Option<u64> {
        let limit = match self.state {
            State::Off | State::Foreign { .. } => None,
            State::Draining { through, .. } => {
                let less = self.queue.get().as_secs_f64() / DRAIN.as_secs_f64();
                Some((1.0 - less.clamp(LESS.0, LESS.1)) * through)
            }
            State::Rising { since, through } => {
                let passed = now.saturating_duration_since(since).as_secs_f64();
                Some(DRAINED * through * GROWTH.powf(passed))
            }
        };
        let fits = if lossy { self.dispersion.carries() } else { None }
            .map(|carries| (LOSSY_SHARE * carries / LOSSY_STEP).floor() * LOSSY_STEP);
        let least = [limit, self.wary.ceiling(now), fits].into_iter().flatten().reduce(f64::min)?;
        Some((least as u64).max(MIN_CAP))
    }
}
