//! When a publisher's packets arrived, for its congestion control.

use std::time::{Duration, Instant};

use super::glance::LINE;
use crate::{
    rtcp::transport_feedback::{self, MAX_REPORTED},
    rtp::{SequenceUnwrapper, Ssrc, Unwrapped},
};

/// Arrivals that are remembered; a power of two above what one message can report.
const KEPT: u64 = 1_024;
/// Feedback goes out at the end of a frame, when the burst that shows a queue is complete, but not
/// closer than this.
const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// Without an end of a frame, feedback waits no longer than this.
const MAX_INTERVAL: Duration = Duration::from_millis(60);
/// Where media leaves for the publisher as well, feedback waits this long to leave behind it: the kernel takes
/// both in one call. Longer than it is from one packet of sound to the next.
const RIDE: Duration = Duration::from_millis(25);
/// The same where nothing comes from the publisher meanwhile, as seen by a timer: feedback that left with
/// media leaves its timer behind, so these are to be few.
const RIDE_IN_SILENCE: Duration = Duration::from_millis(100);
/// A packet this far behind is not reported again.
const MAX_LATE: u64 = MAX_REPORTED as u64;

/// Arrivals by transport-wide sequence number.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    unwrapper: SequenceUnwrapper,
    /// Sequence number and when it came in microseconds, at the number modulo [`KEPT`]. Empty until
    /// the first packet: an idle leg needs none.
    kept: Vec<(u64, i64)>,
    /// First packet of the next message.
    next: u64,
    due: Option<Due>,
    last_sent: Option<Instant>,
    number: u8,
}

/// When the next message is due.
#[derive(Debug, Clone, Copy)]
struct Due {
    /// From then on behind media…
    behind_media: Instant,
    /// …and from then on by itself.
    alone: Instant,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self {
            unwrapper: SequenceUnwrapper::default(),
            kept: Vec::new(),
            next: 0,
            due: None,
            last_sent: None,
            number: 0,
        }
    }

    /// See [`super::glance`]: where the next packets will be noted.
    pub(super) fn glance_places(&self, packets: usize) -> u64 {
        let next = self.unwrapper.highest().map_or(0, |highest| highest + 1);
        let place = |number: u64| self.kept.get((number % KEPT) as usize).map_or(0, |kept| kept.0);
        let step = LINE / size_of::<(u64, i64)>();
        (next..=next + packets as u64).step_by(step).fold(0, |seen, number| seen ^ place(number))
    }

    /// When [`Self::write`] is to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.map(|due| due.alone)
    }

    /// Whether [`Self::write`] is to be called where media leaves for the publisher.
    pub(super) fn is_due_behind_media(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due.behind_media <= now)
    }

    /// Notes a packet that came at `now`, in microseconds `at`. `latest_media` is when media left for the
    /// publisher.
    pub(super) fn on_packet(
        &mut self,
        now: Instant,
        at: i64,
        sequence: u16,
        frame_end: bool,
        latest_media: Option<Instant>,
    ) {
        if self.kept.is_empty() {
            self.kept.resize(KEPT as usize, (0, 0));
        }
        let fresh = self.unwrapper.highest().is_none();
        let sequence = match self.unwrapper.unwrap(sequence) {
            Unwrapped::Known(sequence) => sequence,
            Unwrapped::Restarted(sequence) => {
                self.next = sequence;
                sequence
            }
            Unwrapped::Stray => return,
        };
        if fresh {
            self.next = sequence;
        }
        let highest = self.unwrapper.highest().unwrap_or(sequence);
        if highest - sequence >= MAX_LATE || self.arrival(sequence).is_some() {
            return;
        }
        self.kept[(sequence % KEPT) as usize] = (sequence, at);
        // A late packet is reported again with everything that followed it.
        self.next = self.next.min(sequence);

        let wanted = match (self.due, self.last_sent) {
            // Whatever is due is due before a packet that has only just come.
            (Some(due), _) if !frame_end => due.behind_media,
            (None, _) if !frame_end => now + MAX_INTERVAL,
            (_, Some(last)) => now.max(last + MIN_INTERVAL),
            (_, None) => now,
        };
        let wanted = self.due.map_or(wanted, |due| due.behind_media.min(wanted));
        let media_leaves = latest_media.is_some_and(|at| now <= at + RIDE);
        let alone = match media_leaves {
            true if now < wanted + RIDE => wanted + RIDE_IN_SILENCE,
            true => now,
            false => wanted,
        };
        self.due = Some(Due { behind_media: wanted, alone });
    }

    /// Writes a feedback message.
    pub(super) fn write(
        &mut self,
        now: Instant,
        out: &mut [u8],
        sender: Ssrc,
        media: Ssrc,
    ) -> Option<usize> {
        self.due = None;
        let highest = self.unwrapper.highest()?;
        self.next = self.next.max((highest + 1).saturating_sub(MAX_REPORTED as u64));
        let base = self.next;
        let count = (highest - base + 1) as usize;
        let (len, covered) = transport_feedback::write(
            out,
            sender,
            media,
            self.number,
            base as u16,
            count,
            |index| self.arrival(base + index as u64),
        )?;
        self.number = self.number.wrapping_add(1);
        self.next = base + covered as u64;
        self.last_sent = Some(now);
        if self.next <= highest {
            self.due = Some(Due { behind_media: now, alone: now });
        }
        Some(len)
    }

    fn arrival(&self, sequence: u64) -> Option<i64> {
        let (kept, at) = *self.kept.get((sequence % KEPT) as usize)?;
        (kept == sequence).then_some(at)
    }
}
