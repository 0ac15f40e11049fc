//! What a person would see of the packets that arrive: a decoder that needs every frame in order, a
//! jitter buffer, and freezes as WebRTC's statistics define them.

use std::{collections::VecDeque, time::Duration};

use sfu_world::{
    Time,
    page::frame::{FrameInfo, Part},
    viewer::{Came, Frames},
};

use super::stamp::Stamp;

/// The picture of one side.
///
/// Frames wait and are shown as in Chromium, by the model that judges the node's congestion control
/// in the simulated world ([`Frames`]).
#[derive(Debug, Default)]
pub struct Picture {
    frames: Frames,
    freezes: Freezes,
    stopped: bool,
}

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Way {
    /// It was asked for again.
    pub repaired: bool,
    /// What is known of the round trip.
    pub rtt: Duration,
}

/// What was seen since the last time.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct FreshPicture {
    /// How long the picture was watched.
    pub watched: Duration,
    /// How long it stood still meanwhile.
    pub frozen: Duration,
    /// Freezes that ended, with their whole length.
    pub freezes: Vec<Duration>,
    /// Frames shown.
    pub frames: u32,
}

/// Freezes as in `totalFreezesDuration` of WebRTC's statistics.
#[derive(Debug, Default)]
struct Freezes {
    last: Option<Duration>,
    recent: VecDeque<Duration>,
    sum: Duration,
    /// Until when `fresh` is told.
    told: Duration,
    /// Whether the frame that is shown has stood still for too long already.
    frozen: bool,
    fresh: FreshPicture,
    total: FreshPicture,
}

/// Durations of so many frames make the mean, fewer at first, but not too few.
const FRAMES: usize = 30;
const LEAST_FRAMES: usize = 5;
/// A frame that is shown for this many times the mean, and this much longer, is a freeze.
const FACTOR: u32 = 3;
const LONGER: Duration = Duration::from_millis(150);

impl Picture {
    /// A packet of the video arrived for the first time, and how.
    pub(super) fn part(&mut self, now: Duration, stamp: &Stamp, way: Way) {
        let number = stamp.frame.saturating_add(1);
        let frame = FrameInfo {
            number,
            key: stamp.key_frame,
            discardable: false,
            temporal: None,
            needs: [if stamp.key_frame { 0 } else { stamp.frame }, 0],
            captured: i64::try_from(stamp.sent_us).unwrap_or(i64::MAX),
        };
        let part = Part { frame, index: stamp.index, count: stamp.count };
        let came = if way.repaired { Came::Repaired } else { Came::Whole };
        self.frames.on_part(time(now), part, came, way.rtt);
        self.note();
    }

    /// When [`Picture::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Duration> {
        let due = self.frames.due();
        (due != Time::NEVER).then(|| due.elapsed())
    }

    /// Shows what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.frames.decode(time(now));
        self.note();
    }

    /// When a key frame is to be asked for, because nothing can be decoded without.
    pub fn key_frame_due(&self) -> Option<Duration> {
        let due = self.frames.key_frame_due();
        (due != Time::NEVER).then(|| due.elapsed())
    }

    /// A key frame was asked for.
    pub fn key_frame_asked(&mut self, now: Duration) {
        self.frames.asked(time(now));
    }

    /// The picture is watched no longer, whatever may still come; what stands still now did not freeze.
    pub fn stop(&mut self, now: Duration) {
        self.stopped = true;
        self.freezes.stop(now);
    }

    /// What was seen since the last time.
    pub(super) fn take(&mut self, now: Duration) -> FreshPicture {
        self.freezes.take(now)
    }

    /// What was seen in all, as far as it was taken.
    pub fn total(&self) -> &FreshPicture {
        &self.freezes.total
    }

    fn note(&mut self) {
        for shown in std::mem::take(&mut self.frames.shown) {
            if !self.stopped {
                self.freezes.shown(shown.at.elapsed());
            }
        }
    }
}

impl Freezes {
    fn shown(&mut self, at: Duration) {
        self.fresh.frames += 1;
        if let Some(last) = self.last {
            let shown_for = at.saturating_sub(last);
            self.settle(at);
            if std::mem::take(&mut self.frozen) {
                self.fresh.freezes.push(shown_for);
            }
            if self.recent.len() == FRAMES {
                self.sum -= self.recent.pop_front().unwrap_or_default();
            }
            self.recent.push_back(shown_for);
            self.sum += shown_for;
        } else {
            self.told = at;
        }
        self.last = Some(at);
    }

    /// Counts the time since the last settlement. A frame that turns out to have stood still for
    /// too long was frozen from its beginning: the time before the threshold is counted late.
    fn settle(&mut self, now: Duration) {
        let Some(last) = self.last else { return };
        let since = self.told.max(last);
        if now <= since {
            return;
        }
        self.fresh.watched += now - since;
        self.told = now;
        if self.frozen {
            self.fresh.frozen += now - since;
        } else if self.is_freeze(now - last) {
            self.frozen = true;
            self.fresh.frozen += now - last;
        }
    }

    /// Whether a frame that is shown for so long is a freeze. As in Chromium, its own time counts in
    /// the mean.
    fn is_freeze(&self, shown_for: Duration) -> bool {
        let left_out = if self.recent.len() == FRAMES { self.recent.front() } else { None };
        let frames = self.recent.len() + 1 - usize::from(left_out.is_some());
        let sum = self.sum - left_out.copied().unwrap_or_default() + shown_for;
        let mean = sum / frames as u32;
        frames >= LEAST_FRAMES && shown_for >= (mean * FACTOR).max(mean + LONGER)
    }

    fn stop(&mut self, now: Duration) {
        // A freeze is over when the next frame comes; none will.
        self.settle(now);
        self.last = None;
        self.frozen = false;
    }

    fn take(&mut self, now: Duration) -> FreshPicture {
        self.settle(now);
        let fresh = std::mem::take(&mut self.fresh);
        self.total.watched += fresh.watched;
        self.total.frozen += fresh.frozen;
        self.total.freezes.extend_from_slice(&fresh.freezes);
        self.total.frames += fresh.frames;
        fresh
    }
}

fn time(at: Duration) -> Time {
    Time::ZERO + at
}

#[cfg(test)]
mod tests;
