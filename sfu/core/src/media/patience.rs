//! How long a viewer's jitter buffer is asked to wait (`playout-delay`).
//!
//! Chromium's buffer waits for the greatest round trip that it remembers once packets are repeated, and for
//! the spread of what was repaired on the publisher's way, which it takes for jitter. Both are more than a
//! repair takes. A queue makes it wait longer at once, and when that is gone it comes back by a tenth of a second in each
//! second. A key frame that took a moment on its way it remembers for the rest of the call. So it is told a limit as well: how late pictures
//! usually are ([`super::lateness`]), and where repairs are frequent, or it has reason to wait for
//! some ([`Habit`]), what they take.

use std::time::{Duration, Instant};

/// The extension counts in this unit.
const UNIT: Duration = Duration::from_millis(10);
/// No limit: libwebrtc's own most, in the unit.
const NO_LIMIT: u16 = 1_000;
/// A wait for repairs that is shorter by less than this is not worth a change, nor one for pictures that are late.
const WORTH_SHORTENING: u16 = 4;
const LATE_WORTH_SHORTENING: u16 = 2;
/// With a limit the buffer also has to make even what the way itself does, and to decode.
const ROOM: Duration = Duration::from_millis(20);
/// The same beside pictures that are usually late by so much: one in twenty is later, and a browser takes 10 ms to draw one.
const LATE_ROOM: Duration = Duration::from_millis(30);
/// No limit is lower: a buffer that expects less does not wait so long anyway…
const LEAST_LIMIT: Duration = Duration::from_millis(60);
/// …nor than this, where something is repaired: what phones' networks do to packets by themselves stays below it.
const LEAST_REPAIR: Duration = Duration::from_millis(100);
/// Chromium's buffer waits for repairs after so many (`kNackLimit`), until none was for so long
/// (`kNackCountTimeout`).
const HABIT_AFTER: u8 = 3;
const HABIT_FOR: Duration = Duration::from_secs(60);
/// Pictures that waited in a queue this long have made the buffer longer…
pub(super) const LONG_QUEUE: Duration = Duration::from_millis(60);
/// …and from half a second, its most, it comes back in this.
const LONG_FOR: Duration = Duration::from_secs(5);

/// How long repairs take; zero where nearly none is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Repairs {
    /// On the publisher's way: the viewer's browser cannot know.
    pub(super) before: Duration,
    /// On the viewer's own.
    pub(super) own: Duration,
}

/// Whether a viewer's buffer may wait for longer than it needs because of what it has met: repairs on its own way, a queue on
/// that or on the publisher's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Habit {
    repairs: u8,
    latest: Option<Instant>,
    /// The latest long queue.
    queued: Option<Instant>,
}

impl Habit {
    /// Packets that the viewer lacks are repeated.
    pub(super) fn repaired(&mut self, now: Instant) {
        let before = if self.is_over(now) { 0 } else { self.repairs };
        (self.repairs, self.latest) = (before.saturating_add(1), Some(now));
    }

    /// Packets wait in a queue for [`LONG_QUEUE`] or more.
    pub(super) fn queued(&mut self, now: Instant) {
        self.queued = Some(now);
    }

    /// Whether its buffer has reason to.
    pub(super) fn waits(&self, now: Instant) -> bool {
        let lately = |at: Instant| now.saturating_duration_since(at) < LONG_FOR;
        self.repairs >= HABIT_AFTER && !self.is_over(now) || self.queued.is_some_and(lately)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.latest.is_none_or(|latest| now.saturating_duration_since(latest) > HABIT_FOR)
    }
}

/// What the viewer was told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    /// The least and the most, in units; `None` as long as there was no reason to tell anything.
    told: Option<(u16, u16)>,
}

impl Patience {
    /// The extension's value for the next packet. The buffer keeps to it until it is told another,
    /// and any packet may be lost: once begun, all carry it.
    ///
    /// `late` is how late pictures usually are, where that is known.
    pub(super) fn tell(&mut self, repairs: Repairs, late: Option<Duration>) -> Option<[u8; 3]> {
        // With a least of zero a limit this low would turn the buffer off.
        let (least, most, worth) = if repairs != Repairs::default() {
            let most = (repairs.before + repairs.own + ROOM).max(LEAST_REPAIR);
            (units(repairs.before).max(1), units(most), WORTH_SHORTENING)
        } else if let Some(late) = late {
            (1, units((late + LATE_ROOM).max(LEAST_LIMIT)), LATE_WORTH_SHORTENING)
        } else {
            (0, NO_LIMIT, WORTH_SHORTENING)
        };
        let told = match self.told {
            None if most == NO_LIMIT => return None,
            Some(told) => (steady(told.0, least, worth), steady(told.1, most, worth)),
            None => (least, most),
        };
        self.told = Some(told);
        let bits = u32::from(told.0) << 12 | u32::from(told.1);
        let [_, value @ ..] = bits.to_be_bytes();
        Some(value)
    }
}

fn units(wait: Duration) -> u16 {
    (wait.as_millis() / UNIT.as_millis()).min(u128::from(NO_LIMIT)) as u16
}

fn steady(told: u16, wanted: u16, worth: u16) -> u16 {
    if wanted < told && wanted != 0 && told - wanted < worth { told } else { wanted }
}
