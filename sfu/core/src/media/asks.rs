//! What the publisher is asked for: key frames and a bitrate, each no more often than it helps.

use std::{
    cmp::Ordering,
    time::{Duration, Instant},
};

/// Chromium ignores a key frame request that follows another within 300 ms; a round trip later the
/// answer to the former one would be here.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(300);
/// Where packets are lost a request is sent twice, so far apart: a lost one costs a round trip and 300 ms. The
/// second one is ignored where the first arrived.
const COPY_AFTER: Duration = Duration::from_millis(15);
/// A bitrate that must fall is told at once, but not closer than this.
const DECREASE_INTERVAL: Duration = Duration::from_millis(50);
/// A bitrate that may rise is told this often at most.
const INCREASE_INTERVAL: Duration = Duration::from_millis(200);
/// A bitrate is repeated this often, so that a lost message does no lasting harm…
const REFRESH_INTERVAL: Duration = Duration::from_millis(500);
/// …and after a decrease this often, until what comes shows that it was heard.
const REPEAT_INTERVAL: Duration = Duration::from_millis(100);
/// A publisher that does not obey after so many repeats will not obey.
const MAX_REPEATS: u8 = 20;
/// Encoders overshoot: this much above the bitrate is obedience.
const OBEDIENCE: f64 = 1.2;

/// Requests for key frames of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyFrameAsks {
    /// Since when one is wanted.
    wanted: Option<Instant>,
    last: Option<Instant>,
    /// The last one is to be sent again then.
    copy_due: Option<Instant>,
}

impl KeyFrameAsks {
    pub(super) fn want(&mut self, now: Instant) {
        self.wanted.get_or_insert(now);
    }

    /// A key frame has begun to arrive.
    pub(super) fn satisfied(&mut self) {
        self.wanted = None;
        self.copy_due = None;
    }

    /// When to ask, `None` if there is nothing to ask for. `latest` is the last packet of the
    /// stream: a publisher that sends nothing is asked once, not again and again.
    pub(super) fn due(&self, rtt: Duration, latest: Instant) -> Option<Instant> {
        let wanted = self.wanted?;
        if self.copy_due.is_some() {
            return self.copy_due;
        }
        match self.last {
            Some(last) if last >= wanted && latest <= last => None,
            Some(last) => Some(wanted.max(last + KEY_FRAME_INTERVAL + rtt)),
            None => Some(wanted),
        }
    }

    /// The request is being sent, `twice` where it may be lost. It stays wanted until a key frame comes.
    pub(super) fn asked(&mut self, now: Instant, twice: bool) {
        let is_copy = self.copy_due.take().is_some();
        self.copy_due = (twice && !is_copy).then_some(now + COPY_AFTER);
        self.last = Some(now);
    }
}

/// The bitrate that a publisher is held to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BitrateCap {
    /// What the viewer's way leaves, and the publisher's own: the lower one counts, since then.
    wished: Option<u64>,
    brake: Option<u64>,
    cap: Option<(Instant, u64)>,
    told: Option<(Instant, u64)>,
    /// Repeats left of a decrease that has not been obeyed yet.
    repeats: u8,
}

impl BitrateCap {
    pub(super) fn set(&mut self, now: Instant, bitrate: u64) {
        self.wished = Some(bitrate);
        self.apply(now);
    }

    /// The publisher's own way carries no more, or is left to it again.
    pub(super) fn brake(&mut self, now: Instant, limit: Option<u64>) {
        if self.brake != limit {
            self.brake = limit;
            self.apply(now);
        }
    }

    fn apply(&mut self, now: Instant) {
        let Some(wished) = self.wished else { return };
        self.cap = Some((now, self.brake.map_or(wished, |brake| brake.min(wished))));
    }

    /// When to tell it. `latest` is the last packet of the stream: a publisher that sends nothing
    /// needs no reminder.
    pub(super) fn due(&self, latest: Instant) -> Option<Instant> {
        let (since, cap) = self.cap?;
        let Some((at, told)) = self.told else { return Some(since) };
        let interval = match cap.cmp(&told) {
            Ordering::Less => DECREASE_INTERVAL,
            Ordering::Greater => INCREASE_INTERVAL,
            Ordering::Equal if latest <= at => return None,
            Ordering::Equal if self.repeats > 0 => REPEAT_INTERVAL,
            Ordering::Equal => REFRESH_INTERVAL,
        };
        Some(since.max(at + interval))
    }

    /// What it was told last, bit/s.
    pub(super) fn told(&self) -> Option<u64> {
        self.told.map(|(_, told)| told)
    }

    /// The bitrate to tell now, if it is due; `sends` is what the publisher sends, in bit/s.
    pub(super) fn tell(&mut self, now: Instant, sends: f64) -> Option<u64> {
        let (_, cap) = self.cap?;
        let before = self.told.map(|(_, told)| told);
        let obeys = sends <= cap as f64 * OBEDIENCE;
        self.repeats = match before {
            _ if obeys => 0,
            Some(told) if cap >= told => self.repeats.saturating_sub(1),
            _ => MAX_REPEATS,
        };
        if before == Some(cap)
            && obeys
            && self.told.is_some_and(|(at, _)| now < at + REFRESH_INTERVAL)
        {
            return None;
        }
        self.told = Some((now, cap));
        Some(cap)
    }
}
