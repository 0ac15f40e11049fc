//! When a publisher's packets arrived, for its congestion control.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use super::{
    forgiven::{Forgiven, LONGEST, Way},
    glance::LINE,
};
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
    /// First packet of which it has not been counted whether it came.
    uncounted: u64,
    forgiven: Forgiven,
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
            uncounted: 0,
            forgiven: Forgiven::default(),
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

    /// For a leg that stands for a browser, which passes over nothing.
    #[cfg(test)]
    pub(super) fn tell_all(&mut self, until: Instant) {
        self.forgiven.forgive_nothing(until);
    }

    /// The publisher's way loses much by itself.
    pub(super) fn are_lossy(&self) -> bool {
        self.forgiven.is_lossy()
    }

    /// When [`Self::write`] is to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.map(|due| due.alone)
    }

    /// Whether [`Self::write`] is to be called where media leaves for the publisher.
    pub(super) fn is_due_behind_media(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due.behind_media <= now)
    }

    /// Notes a packet, its number and bytes, that came at `now`, in microseconds `at`. `latest_media` is when media
    /// left for the publisher.
    pub(super) fn on_packet(
        &mut self,
        now: Instant,
        at: i64,
        (sequence, size): (u16, usize),
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
                (self.next, self.uncounted) = (sequence, sequence);
                sequence
            }
            Unwrapped::Stray => return,
        };
        if fresh {
            (self.next, self.uncounted) = (sequence, sequence);
        }
        let highest = self.unwrapper.highest().unwrap_or(sequence);
        if highest - sequence >= MAX_LATE || self.arrival(sequence).is_some() {
            return;
        }
        self.kept[(sequence % KEPT) as usize] = (sequence, at);
        self.forgiven.came(size, sequence < self.uncounted);
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

    /// Writes a feedback message. By what is known of the publisher's `way` it passes over what is missing: the message ends
    /// there, and the next one is due.
    pub(super) fn write(
        &mut self,
        now: Instant,
        out: &mut [u8],
        (sender, media): (Ssrc, Ssrc),
        way: Way,
    ) -> Option<usize> {
        self.due = None;
        let highest = self.unwrapper.highest()?;
        self.next = self.next.max((highest + 1).saturating_sub(MAX_REPORTED as u64));
        let mut until = highest + 1;
        if self.forgiven.forgives(now, way) {
            let mut gap = self.gap(self.next..until);
            if let Some(passed_over) = gap.take_if(|gap| gap.start == self.next) {
                self.next = passed_over.end;
                gap = self.gap(self.next..until);
            }
            until = gap.map_or(until, |gap| gap.start);
        }
        let base = self.next;
        let count = (until - base) as usize;
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
        self.count(now, way);
        self.last_sent = Some(now);
        if self.next <= highest {
            self.due = Some(Due { behind_media: now, alone: now });
        }
        Some(len)
    }

    /// Counts what came and what did not, up to the next message.
    fn count(&mut self, now: Instant, way: Way) {
        self.uncounted = self.uncounted.max(self.next.saturating_sub(KEPT));
        let mut lost = 0;
        while let Some(gap) = self.gap(self.uncounted..self.next) {
            lost += (gap.end - gap.start) as u32;
            self.uncounted = gap.end;
        }
        self.uncounted = self.uncounted.max(self.next);
        self.forgiven.missed(now, lost, way);
    }

    /// The first packets in a row that are missing, if they are few.
    fn gap(&self, mut among: Range<u64>) -> Option<Range<u64>> {
        loop {
            let start = among.find(|sequence| self.arrival(*sequence).is_none())?;
            let end = among.find(|sequence| self.arrival(*sequence).is_some())?;
            if end - start <= LONGEST {
                return Some(start..end);
            }
        }
    }

    fn arrival(&self, sequence: u64) -> Option<i64> {
        let (kept, at) = *self.kept.get((sequence % KEPT) as usize)?;
        (kept == sequence).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::transport_feedback::TransportFeedback;

    const EMPTY: Way = Way { queue: Duration::ZERO, drains: false };
    const FULL: Way = Way { queue: Duration::from_millis(200), drains: false };

    /// Packets with these numbers come, a millisecond apart.
    fn come(arrivals: &mut Arrivals, now: Instant, numbers: impl IntoIterator<Item = u16>) {
        for (number, millis) in numbers.into_iter().zip(0..) {
            let at = now + Duration::from_millis(millis);
            arrivals.on_packet(at, 1_000 * millis as i64, (number, 1_000), false, None);
        }
    }

    /// The messages that are due, by what they say of each number.
    fn told(arrivals: &mut Arrivals, now: Instant, way: Way) -> Vec<Vec<(u16, bool)>> {
        let mut messages = Vec::new();
        while arrivals.due().is_some_and(|due| due <= now) {
            let mut out = [0; 1_400];
            let len = arrivals.write(now, &mut out, (Ssrc(1), Ssrc(2)), way).unwrap();
            let feedback = TransportFeedback::parse(&out[..len]).unwrap();
            let statuses = feedback.statuses();
            messages.push(statuses.map(|told| (told.sequence, told.arrival.is_some())).collect());
        }
        messages
    }

    fn came(numbers: impl IntoIterator<Item = u16>) -> Vec<(u16, bool)> {
        numbers.into_iter().map(|number| (number, true)).collect()
    }

    #[test]
    fn messages_pass_over_what_is_missing_where_nothing_waits() {
        let (mut arrivals, start) = (Arrivals::new(), Instant::now());
        let now = start + Duration::from_millis(100);
        come(&mut arrivals, start, (0..5).chain(7..9).chain(10..12));
        assert_eq!(told(&mut arrivals, now, EMPTY), [came(0..5), came(7..9), came(10..12)]);
        come(&mut arrivals, now, 13..15);
        let now = now + Duration::from_millis(100);
        assert_eq!(told(&mut arrivals, now, EMPTY), [came(13..15)], "the first one missing");
        come(&mut arrivals, now, [12]);
        let now = now + Duration::from_millis(100);
        assert_eq!(told(&mut arrivals, now, EMPTY), [came(12..15)], "it was only overtaken");
    }

    #[test]
    fn messages_tell_what_is_missing_where_something_waits() {
        let (mut arrivals, start) = (Arrivals::new(), Instant::now());
        come(&mut arrivals, start, (0..5).chain(7..9));
        let all = [came(0..5), vec![(5, false), (6, false)], came(7..9)].concat();
        let now = start + Duration::from_millis(100);
        assert_eq!(told(&mut arrivals, now, FULL), [all]);
    }

    #[test]
    fn a_long_gap_is_told_as_it_is() {
        let (mut arrivals, start) = (Arrivals::new(), Instant::now());
        let after = 5 + LONGEST as u16 + 1;
        come(&mut arrivals, start, (0..5).chain(after..after + 2));
        let messages = told(&mut arrivals, start + Duration::from_millis(100), EMPTY);
        let missing: Vec<_> = (5..after).map(|number| (number, false)).collect();
        assert_eq!(messages, [[came(0..5), missing, came(after..after + 2)].concat()]);
    }
}
