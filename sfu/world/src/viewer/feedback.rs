//! Transport-wide feedback as Chromium sends it (`RemoteEstimatorProxy`).

use std::time::Duration;

use sfu_core::{
    rtcp::transport_feedback::{self, MAX_REPORTED},
    rtp::{SequenceUnwrapper, Ssrc, Unwrapped},
};

use crate::time::{Time, millis};

/// Feedback takes this share of the bitrate that the page sends…
const SHARE: f64 = 0.05;
/// …with messages of so many bytes, headers included…
const MESSAGE: f64 = 68.0;
/// …but is no more frequent and no rarer than this.
const INTERVAL: (f64, f64) = (0.05, 0.25);
/// Arrivals remembered; a power of two.
const KEPT: u64 = 2_048;

/// Arrivals, and when they are told.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    unwrapper: SequenceUnwrapper,
    kept: Vec<(u64, i64)>,
    next: u64,
    fresh: bool,
    due: Time,
    number: u8,
}

impl Arrivals {
    pub(super) fn new(start: Time) -> Self {
        Self {
            unwrapper: SequenceUnwrapper::default(),
            kept: vec![(0, 0); KEPT as usize],
            next: 0,
            fresh: false,
            due: start,
            number: 0,
        }
    }

    pub(super) fn on_packet(&mut self, now: Time, number: u16) {
        let first = self.unwrapper.highest().is_none();
        let number = match self.unwrapper.unwrap(number) {
            Unwrapped::Known(number) | Unwrapped::Restarted(number) => number,
            Unwrapped::Stray => return,
        };
        if first {
            self.next = number;
        }
        let slot = &mut self.kept[(number % KEPT) as usize];
        if slot.0 != number {
            *slot = (number, now.as_micros());
            self.next = self.next.min(number);
            self.fresh = true;
        }
    }

    pub(super) fn due(&self) -> Time {
        if self.fresh { self.due } else { Time::NEVER }
    }

    /// Writes a message. `sending` is what this page may send itself, bit/s.
    pub(super) fn write(
        &mut self,
        now: Time,
        out: &mut [u8],
        sender: Ssrc,
        media: Ssrc,
        sending: f64,
    ) -> Option<usize> {
        let interval = (MESSAGE * 8.0 / (SHARE * sending)).clamp(INTERVAL.0, INTERVAL.1);
        self.due = now + Duration::from_secs_f64(interval);
        let highest = self.unwrapper.highest()?;
        self.next = self.next.max((highest + 1).saturating_sub(MAX_REPORTED as u64));
        let base = self.next;
        let (len, covered) = transport_feedback::write(
            out,
            sender,
            media,
            self.number,
            base as u16,
            (highest - base + 1) as usize,
            |index| {
                let number = base + index as u64;
                let (kept, at) = self.kept[(number % KEPT) as usize];
                (kept == number).then_some(at)
            },
        )?;
        self.number = self.number.wrapping_add(1);
        self.next = base + covered as u64;
        self.fresh = self.next <= highest;
        if self.fresh {
            self.due = now + millis(1);
        }
        Some(len)
    }
}
