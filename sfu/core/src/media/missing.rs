//! Packets that have not come, and when to ask for them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::bwe::FULL_PACKET_BITS;

/// A gap is asked for after this long: packets that were only reordered come by then.
const REORDER_TOLERANCE: Duration = Duration::from_millis(5);
/// Added to the round trip before a packet is asked for again: the publisher's own scheduling.
const ANSWER_SLACK: Duration = Duration::from_millis(10);
/// Each request is made so many times, this far apart: where packets are lost requests are too, and
/// another one costs less than a round trip. Browsers pass over a request for what they have repeated less
/// than *their* round trip ago, so the second time around the first one may be too early, and the next come
/// just in time.
const COPIES: u8 = 3;
const COPY_AFTER: Duration = Duration::from_millis(15);
/// Never ask for a packet more often than this.
const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// Asked for this often, a packet is given up: ten times, and the copies.
const MAX_TRIES: u8 = 10 * COPIES;
/// Later than this a packet is of no use to a viewer in a conversation.
const MAX_AGE: Duration = Duration::from_millis(1_200);
/// More missing packets than this cost less as a key frame.
const MAX_MISSING: usize = 256;

/// The missing packets of one stream, by sequence number.
#[derive(Debug, Clone, Default)]
pub(super) struct Missing {
    packets: VecDeque<Packet>,
    next_due: Option<Instant>,
    /// Nothing is due until [`Self::release`].
    held: bool,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    sequence: u64,
    since: Instant,
    due: Instant,
    tries: u8,
}

/// A gap is too large to be repaired, or a packet did not come in time: so many packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenUp(pub(super) u64);

impl GivenUp {
    /// An error where it is one packet at least.
    fn any(packets: usize) -> Result<(), Self> {
        if packets > 0 { Err(Self(packets as u64)) } else { Ok(()) }
    }
}

impl Packet {
    /// It would come too late.
    fn is_late(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= MAX_AGE
    }
}

impl Missing {
    /// When [`Self::collect`] has something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_due
    }

    /// Notes that the packets `from..to` were skipped.
    pub(super) fn skipped(&mut self, now: Instant, from: u64, to: u64) -> Result<(), GivenUp> {
        if from >= to {
            return Ok(());
        }
        let count = to - from;
        if count + self.packets.len() as u64 > MAX_MISSING as u64 {
            let GivenUp(waiting) = self.give_up();
            return Err(GivenUp(count + waiting));
        }
        let expired = if self.held { self.expire(now) } else { Ok(()) };
        let due = now + REORDER_TOLERANCE;
        self.packets.extend((from..to).map(|sequence| Packet {
            sequence,
            since: now,
            due,
            tries: 0,
        }));
        if !self.held {
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        }
        expired
    }

    /// Notes that a packet came after all. Returns how long after it was missed, if it was asked
    /// for.
    pub(super) fn arrived(&mut self, now: Instant, sequence: u64) -> Option<Duration> {
        let index = self.packets.binary_search_by_key(&sequence, |packet| packet.sequence).ok()?;
        let packet = self.packets.remove(index)?;
        if self.packets.is_empty() {
            self.next_due = None;
        }
        (packet.tries > 0).then(|| now.saturating_duration_since(packet.since))
    }

    /// Whether a packet, by the 16 bits of its number, is missing and has been asked for.
    pub(super) fn was_asked_for(&self, number: u16) -> bool {
        let found = self.packets.iter().find(|packet| packet.sequence as u16 == number);
        found.is_some_and(|packet| packet.tries > 0)
    }

    /// A key frame begins at `sequence`: nothing before it is needed.
    pub(super) fn forget_before(&mut self, sequence: u64) {
        while self.packets.front().is_some_and(|packet| packet.sequence < sequence) {
            self.packets.pop_front();
        }
        if self.packets.is_empty() {
            self.next_due = None;
        }
    }

    /// How long it takes at most to repeat all of it at so many bit/s.
    pub(super) fn takes(&self, bitrate: u64) -> Duration {
        Duration::from_secs_f64(
            self.packets.len() as f64 * FULL_PACKET_BITS / bitrate.max(1) as f64,
        )
    }

    /// Gives up on everything.
    pub(super) fn give_up(&mut self) -> GivenUp {
        let given_up = GivenUp(self.packets.len() as u64);
        self.clear();
        given_up
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.next_due = None;
    }

    /// Hands the packets to ask for now to `ask` as long as it takes them (`true`), and gives up
    /// on those that are not worth asking for any more.
    pub(super) fn collect(
        &mut self,
        now: Instant,
        rtt: Duration,
        mut ask: impl FnMut(u16) -> bool,
    ) -> Result<(), GivenUp> {
        let before = self.packets.len();
        self.packets
            .retain(|packet| packet.tries < MAX_TRIES && !packet.is_late(now) || packet.due > now);
        let given_up = before - self.packets.len();
        let interval = (rtt + ANSWER_SLACK).max(MIN_INTERVAL);
        // On a short way the answer is there nearly as soon as a copy.
        let fit = (interval.as_micros() / COPY_AFTER.as_micros()) as u8;
        let copies = fit.saturating_sub(1).clamp(1, COPIES);
        for packet in self.packets.iter_mut().filter(|packet| packet.due <= now) {
            if !ask(packet.sequence as u16) {
                break;
            }
            packet.tries += 1;
            let copied = packet.tries % copies;
            packet.due = match copied {
                0 => now + interval - COPY_AFTER * u32::from(copies - 1),
                _ => now + COPY_AFTER,
            };
        }
        self.next_due = self.packets.iter().map(|packet| packet.due).min();
        GivenUp::any(given_up)
    }

    /// Nothing is due until [`Self::release`]: a node that is behind has no time for a timer for each gap.
    pub(super) fn hold(&mut self) {
        self.held = true;
        self.next_due = None;
    }

    /// What is still missing may be asked for again.
    pub(super) fn release(&mut self, now: Instant) {
        if std::mem::take(&mut self.held) && !self.packets.is_empty() {
            self.next_due = Some(now);
        }
    }

    /// Gives up on what would come too late. The first one is the oldest.
    fn expire(&mut self, now: Instant) -> Result<(), GivenUp> {
        let before = self.packets.len();
        while self.packets.front().is_some_and(|packet| packet.is_late(now)) {
            self.packets.pop_front();
        }
        GivenUp::any(before - self.packets.len())
    }
}
