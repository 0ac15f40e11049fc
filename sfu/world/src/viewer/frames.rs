//! The video's jitter buffer: packets become frames, frames are decoded in order and shown.

use std::{collections::BTreeMap, time::Duration};

use super::playout::{Came, Playout};
use crate::{
    page::frame::{FrameInfo, Part},
    time::{Time, millis},
};

/// Decoded frames that others may need.
const DECODED_KEPT: usize = 64;
/// Waiting for a key frame, Chromium asks again after this, unless one is coming in: a packet of it
/// came within this…
const KEY_FRAME_WAIT: Duration = millis(200);
/// …and otherwise when nothing could be decoded for so long.
const FRAME_WAIT: Duration = millis(3_000);
/// Frames that wait; more means that something is lost for good.
const MOST_WAITING: usize = 300;

#[derive(Debug, Clone)]
struct Waiting {
    info: FrameInfo,
    received: Vec<bool>,
    have: u16,
    came: Came,
    completed: Option<Time>,
}

/// A frame that was shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// When.
    pub at: Time,
    /// How long after capture it was complete.
    pub delay: Duration,
    /// How long after capture it was shown.
    pub latency: Duration,
}

impl Shown {
    /// The same, so much sooner.
    pub fn before(self, lead: Duration) -> Self {
        Self { at: self.at - lead, ..self }
    }
}

/// The buffer.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    waiting: BTreeMap<u32, Waiting>,
    decoded: Vec<u32>,
    last: u32,
    pub(super) playout: Playout,
    last_decoded: Option<Time>,
    asked: Option<Time>,
    /// The latest packet of a key frame.
    key_part: Option<Time>,
    begun: bool,
    /// The first frame to be complete, and whether it is a key frame.
    first: Option<(Time, bool)>,
    /// Frames shown, in order.
    pub shown: Vec<Shown>,
}

impl Frames {
    /// Takes a packet that was not there before, and how it came.
    pub fn on_part(&mut self, now: Time, part: Part, came: Came, rtt: Duration) {
        let Part { frame, index, count } = part;
        self.begun = true;
        self.last_decoded.get_or_insert(now);
        if frame.key {
            self.key_part = Some(now);
        }
        if frame.number <= self.last {
            return;
        }
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_first();
        }
        let waiting = self.waiting.entry(frame.number).or_insert_with(|| Waiting {
            info: frame,
            received: vec![false; usize::from(count)],
            have: 0,
            came: Came::Whole,
            completed: None,
        });
        if let Some(received) = waiting.received.get_mut(usize::from(index))
            && !std::mem::replace(received, true)
        {
            waiting.have += 1;
            if came == Came::Repaired {
                waiting.came = came;
            }
            if waiting.have == count {
                waiting.completed = Some(now);
                self.first.get_or_insert((now, frame.key));
                self.playout.on_complete(now, frame.captured, waiting.came, rtt);
            }
        }
        self.decode(now);
    }

    /// When [`Self::decode`] has something to do.
    pub fn due(&self) -> Time {
        self.decodable().map_or(Time::NEVER, |(number, waiting)| {
            // Frames before it may still come: they are waited for until it is to be shown.
            let ready = self.waiting.keys().next() == Some(&number);
            if ready { Time::ZERO } else { self.playout.target(waiting.info.captured) }
        })
    }

    /// Decodes what is due.
    pub fn decode(&mut self, now: Time) {
        while self.due() <= now {
            let Some((number, waiting)) = self.decodable() else { return };
            let (info, completed) = (waiting.info, waiting.completed.unwrap_or(now));
            let at = now.max(self.playout.target(info.captured));
            let captured = Time::ZERO + micros(info.captured);
            let (delay, latency) = (completed.since(captured), at.since(captured));
            self.shown.push(Shown { at, delay, latency });
            self.last = number;
            self.last_decoded = Some(now);
            self.asked = None;
            if self.decoded.len() == DECODED_KEPT {
                self.decoded.remove(0);
            }
            self.decoded.push(number);
            self.waiting = self.waiting.split_off(&(number + 1));
        }
    }

    /// The first frame that is complete and has all it needs.
    fn decodable(&self) -> Option<(u32, &Waiting)> {
        let has = |number: &u32| *number == 0 || self.decoded.contains(number);
        self.waiting
            .iter()
            .find(|(_, waiting)| {
                let reachable = waiting.info.key || self.last > 0;
                waiting.completed.is_some() && reachable && waiting.info.needs.iter().all(has)
            })
            .map(|(&number, waiting)| (number, waiting))
    }

    /// When a key frame is to be asked for.
    pub fn key_frame_due(&self) -> Time {
        let Some(last) = self.last_decoded.filter(|_| self.begun) else { return Time::NEVER };
        // What comes first cannot be decoded: Chromium asks at once.
        if let (Some((first, false)), None, 0) = (self.first, self.asked, self.last) {
            return first;
        }
        let wait = if self.last == 0 { KEY_FRAME_WAIT } else { FRAME_WAIT };
        // Asked once, Chromium waits for a key frame and asks again soon.
        let due = self.asked.map_or(last + wait, |asked| asked + KEY_FRAME_WAIT);
        self.key_part.map_or(due, |part| due.max(part + KEY_FRAME_WAIT))
    }

    /// A key frame is asked for.
    pub fn asked(&mut self, now: Time) {
        self.asked = Some(now);
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(micros.max(0) as u64)
}
