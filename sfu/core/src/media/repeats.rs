//! Repeats of the video (RFC 4588): what the peer asks for again, and what is sent twice before it can.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{MediaLeg, cache::Entry, send::SendStream};
use crate::{api::MediaKind, rtp::Ssrc};

/// Repeats that wait. More at a time than this only a hostile peer asks for.
const MAX_REPEATS: usize = 256;
/// Repeats may take this share of the estimate over time…
const REPEAT_SHARE: f64 = 0.5;
/// …and at once what the publisher sends in this time: a longer outage needs a key frame, this one only its
/// packets. If less is repeated than was lost, the picture moves and stands still a second time.
const REPEAT_OUTAGE: Duration = Duration::from_secs(1);
/// So much at once in any case, in bytes: a lost key frame.
const REPEAT_BURST: f64 = 64_000.0;

/// Where more than this share is lost without a queue, a repeat is sent twice: it is lost as easily
/// as the packet was, and the picture stands still for another round trip. Of an upper layer only that
/// picture would be missing: it is repeated once.
const COPY_FROM: f64 = 0.03;
/// One that loses more than this is taken for a full one (a policer looks the same): it is not helped by
/// more packets.
const COPY_UP_TO: f64 = 0.2;

/// What a full queue has dropped and would take longer than this to repeat, at what may be sent, is not repeated: every
/// picture behind it would wait, and a key frame is there sooner.
const WORTH_REPAIRING: Duration = Duration::from_millis(300);

/// So long after the start a lost packet keeps the first picture away, and it is too soon to tell what the
/// way loses: whatever is asked for is sent twice.
const BEGINNING: Duration = Duration::from_secs(1);

/// So much of the first key frame is sent twice from the start, in bytes: a usual one (8 kB at 480 lines) whole, of a
/// larger one no more than a way of 1 Mbit/s carries in a tenth of a second, and where less is known than calls begin with, as much as
/// that carries in so many seconds.
const FIRST_COPIES: f64 = 12_000.0;
const FIRST_COPIES_TAKE: f64 = 0.04;

/// A repeat counts as under way for a round trip, in the beginning for this share of one: the next request comes
/// after the round trip that the peer has measured, which may be a little shorter than ours.
const UNDER_WAY: f64 = 0.75;

/// Where a repair takes longer than this, and others make packets get lost, frames that others refer to
/// are sent twice from the start…
const AHEAD_FROM: Duration = Duration::from_millis(200);
/// …so far apart, that the same overflow does not take both.
const AHEAD_AFTER: Duration = Duration::from_millis(15);

/// A request for packets is lost as easily as they are, and made again a round trip later. Feedback tells of the
/// same loss: what has not been asked for so long after that is repeated unasked. By then the request would be
/// here, and the next feedback, if the packet was only overtaken.
const TOLD_AFTER: Duration = Duration::from_millis(45);
/// Packets told lost that are waited for; where more are lost at once it is no matter of requests.
const MAX_TOLD: usize = 64;

/// Packets of the video stream to repeat.
#[derive(Debug, Clone)]
pub(super) struct Repeats {
    queue: VecDeque<Repeat>,
    /// Packets to repeat before anybody misses them, and when.
    ahead: VecDeque<(Instant, u64)>,
    /// Packets that did not come, as the peer's feedback tells, and when to repeat what it has not asked for.
    told: VecDeque<(Instant, u64)>,
    budget: RepeatBudget,
    /// Bytes of the first key frame that may yet be sent twice.
    first_copies: usize,
    /// When the whole beginning was repeated last.
    begun_again: Option<Instant>,
}

impl Repeats {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            queue: VecDeque::new(),
            ahead: VecDeque::new(),
            told: VecDeque::new(),
            budget: RepeatBudget::new(now),
            first_copies: 0,
            begun_again: None,
        }
    }

    /// Forwarding begins, at so many bit/s: the first picture counts.
    pub(super) fn begin(&mut self, bitrate: u64) {
        self.first_copies = FIRST_COPIES.min(bitrate as f64 / 8.0 * FIRST_COPIES_TAKE) as usize;
    }

    /// Whether there is something to repeat now.
    pub(super) fn wait(&self) -> bool {
        !self.queue.is_empty()
    }

    /// When a packet is repeated ahead next.
    pub(super) fn next_ahead(&self) -> Option<Instant> {
        self.ahead.front().map(|(due, _)| *due)
    }

    /// When a packet is due that the peer should have asked for.
    pub(super) fn next_told(&self) -> Option<Instant> {
        self.told.front().map(|(due, _)| *due)
    }

    /// The peer's feedback tells that a packet did not come, or that it `came` after all.
    pub(super) fn told(&mut self, now: Instant, position: u64, came: bool) {
        if came {
            self.told.retain(|(_, told)| *told != position);
        } else if self.told.len() < MAX_TOLD {
            self.told.push_back((now + TOLD_AFTER, position));
        }
    }

    /// A packet that the peer lacks is to be repeated, if there is room.
    fn add(&mut self, now: Instant, position: u64, entry: &mut Entry) {
        if self.queue.len() < MAX_REPEATS {
            entry.sent = Some(now);
            entry.repeated = true;
            self.queue.push_back(Repeat { position, is_copy: false });
        }
    }

    /// Nothing that waits is needed any more. Returns how many repeats that were.
    fn forget(&mut self) -> u64 {
        let forgotten = self.queue.len() as u64;
        self.queue.clear();
        self.told.clear();
        forgotten
    }

    /// A packet that has just been sent is to be repeated before anybody misses it.
    pub(super) fn send_ahead(&mut self, now: Instant, position: u64) {
        self.ahead.push_back((now + AHEAD_AFTER, position));
    }
}

#[derive(Debug, Clone, Copy)]
struct Repeat {
    position: u64,
    /// It is sent a second time, in case the first one is lost as well.
    is_copy: bool,
}

/// A token bucket for repeats: a peer that asks for everything again gets no more than its share.
#[derive(Debug, Clone, Copy)]
struct RepeatBudget {
    bytes: f64,
    at: Instant,
}

impl RepeatBudget {
    fn new(now: Instant) -> Self {
        Self { bytes: REPEAT_BURST, at: now }
    }

    /// Takes from what is there; a copy leaves half of the most. `bitrate` is the estimate and `offered` what
    /// the publisher sends, in bit/s.
    fn take(
        &mut self,
        now: Instant,
        bitrate: u64,
        offered: f64,
        size: usize,
        is_copy: bool,
    ) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let earned = bitrate as f64 / 8.0 * REPEAT_SHARE * passed;
        let most = REPEAT_BURST.max(offered / 8.0 * REPEAT_OUTAGE.as_secs_f64());
        // Both bitrates fall after an outage; what was saved before is there to repair it.
        self.bytes = self.bytes.max(most.min(self.bytes + earned));
        let leave = if is_copy { most / 2.0 } else { 0.0 };
        let enough = self.bytes >= size as f64 + leave;
        if enough {
            self.bytes -= size as f64;
        }
        enough
    }
}

impl MediaLeg {
    /// The peer asks for packets again.
    pub(super) fn on_nack(&mut self, now: Instant, ssrc: Ssrc, lost: &[u16]) {
        self.counters.nacks_received += lost.len() as u64;
        let begins = self.begins(now);
        let share = if begins { UNDER_WAY } else { 1.0 };
        let under_way = (self.rtt() + self.outbound.estimator.queue()).mul_f64(share);
        let stream = &mut self.outbound.streams[MediaKind::Video as usize];
        if ssrc != stream.ssrc {
            return;
        }
        let mut lacks = false;
        for &sequence in lost {
            let Some(position) = stream.position(sequence) else { continue };
            if stream.is_outdated(position, begins) {
                self.counters.repeats_outdated += 1;
                continue;
            }
            let Some((entry, _)) = stream.cache.get(position) else {
                self.counters.repeats_missed += 1;
                continue;
            };
            // What waits to be sent is not lost, and what was repeated a moment ago is still on its way.
            let Some(sent) = entry.sent else { continue };
            let again = entry.repeated && now.saturating_duration_since(sent) < under_way;
            if !again {
                self.outbound.repeats.add(now, position, entry);
                lacks = true;
            }
        }
        if lacks && self.begins_anew(now) {
            return;
        }
        // What we never had was lost on the publisher's way.
        if lacks {
            self.outbound.habit.repaired(now);
        }
    }

    /// The peer asks for a key frame although the first one was sent. Where all of that and the opener were lost, the
    /// peer knows of no packet that it could ask for: it gets those that should be there by now once more.
    pub(super) fn repeat_beginning(&mut self, now: Instant) {
        let under_way = (self.rtt() + self.outbound.estimator.queue()).mul_f64(UNDER_WAY);
        let stream = &mut self.outbound.streams[MediaKind::Video as usize];
        let repeats = &mut self.outbound.repeats;
        let again = repeats.begun_again.is_none_or(|at| now >= at + under_way);
        let Some(first) = stream.first_key.filter(|_| again) else { return };
        repeats.begun_again = Some(now);
        for position in first..=stream.highest {
            if let Some((entry, _)) = stream.cache.get(position)
                && entry.sent.is_some_and(|sent| now.saturating_duration_since(sent) >= under_way)
            {
                repeats.add(now, position, entry);
            }
        }
    }

    /// Whether repairing what the way's own queue has dropped takes longer than a key frame, which is asked for then.
    fn begins_anew(&mut self, now: Instant) -> bool {
        let overflows = self.outbound.estimator.is_congested(now) && !self.loses_by_itself();
        if !overflows || self.begins(now) {
            return false;
        }
        let bitrate = self.send_target(now) as f64;
        let stream = &mut self.outbound.streams[MediaKind::Video as usize];
        let repeats = &mut self.outbound.repeats;
        let bytes: usize = repeats
            .queue
            .iter()
            .filter_map(|repeat| stream.cache.get(repeat.position).map(|(_, bytes)| bytes.len()))
            .sum();
        if bytes as f64 * 8.0 <= bitrate * WORTH_REPAIRING.as_secs_f64() {
            return false;
        }
        self.counters.repeats_outdated += repeats.forget();
        self.counters.dropped_queue += stream.drop_to_key_frame(false);
        self.need_key_frame(now);
        true
    }

    /// The way loses packets that a second try gets through.
    pub(super) fn loses_by_itself(&self) -> bool {
        (COPY_FROM..COPY_UP_TO).contains(&self.outbound.estimator.loses())
    }

    /// How long a repair takes on the peer's way, where its buffer waits for one.
    pub(super) fn repair(&self, now: Instant) -> Duration {
        let estimator = &self.outbound.estimator;
        if self.loses_by_itself() {
            self.rtt() + estimator.queue()
        } else if self.outbound.habit.waits(now) && !estimator.has_rivals() {
            // What others do to the queue is more than a repair takes. One of our own has passed before the smoothed
            // round trip has forgotten it.
            self.shortest_rtt() + estimator.queue() + self.inbound.brake.queue()
        } else {
            Duration::ZERO
        }
    }

    /// A lost packet would be missed for long, and some are lost.
    pub(super) fn sends_ahead(&self) -> bool {
        let estimator = &self.outbound.estimator;
        estimator.has_rivals() && self.rtt() > AHEAD_FROM
    }

    /// Forwarding has just begun: the first picture counts.
    pub(super) fn begins(&self, now: Instant) -> bool {
        self.outbound.began.is_some_and(|began| now < began + BEGINNING)
    }

    /// The same on a way that was known to be narrow.
    pub(super) fn begins_narrow(&self, now: Instant) -> bool {
        self.outbound.narrow && self.begins(now)
    }

    /// Whether a packet of the first key frame is to be sent a second time, unasked: nothing is known of the way yet, and a
    /// lost one costs a round trip.
    pub(super) fn doubles_first_picture(&mut self, now: Instant, size: usize) -> bool {
        let doubles = self.begins(now)
            && self.outbound.repeats.first_copies >= size
            && !self.outbound.estimator.is_congested(now);
        if doubles {
            self.outbound.repeats.first_copies -= size;
        }
        doubles
    }

    /// Repeats what feedback told lost, and nobody has asked for.
    fn repeat_unasked(&mut self, now: Instant) {
        let loses = self.loses_by_itself();
        let stream = &mut self.outbound.streams[MediaKind::Video as usize];
        let repeats = &mut self.outbound.repeats;
        while let Some(&(_, position)) = repeats.told.front().filter(|(due, _)| *due <= now) {
            repeats.told.pop_front();
            if let Some((entry, _)) = stream.cache.get(position)
                && loses
                && !entry.repeated
            {
                repeats.add(now, position, entry);
            }
        }
    }

    pub(super) fn poll_repeat(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let Repeats { queue, ahead, .. } = &mut self.outbound.repeats;
        while let Some(&(_, position)) = ahead.front().filter(|(due, _)| *due <= now) {
            ahead.pop_front();
            queue.push_back(Repeat { position, is_copy: true });
        }
        self.repeat_unasked(now);
        let begins = self.begins(now);
        loop {
            let Repeat { position, is_copy } = self.outbound.repeats.queue.pop_front()?;
            let (bitrate, offered) = (self.downlink(), self.wishes.offered());
            let stream = &mut self.outbound.streams[MediaKind::Video as usize];
            if stream.is_outdated(position, begins) {
                self.counters.repeats_outdated += 1;
                continue;
            }
            let Some((_, bytes)) = stream.cache.get(position) else {
                self.counters.repeats_missed += 1;
                continue;
            };
            // What is really missing goes first.
            let budget = &mut self.outbound.repeats.budget;
            if !budget.take(now, bitrate, offered, bytes.len(), is_copy) {
                self.counters.repeats_over_budget += 1;
                continue;
            }
            let Some((len, entry)) = write_repeat(stream, position, out) else {
                self.counters.repeats_missed += 1;
                continue;
            };
            self.counters.repeats_sent += 1;
            self.counters.repeats_copied += u64::from(is_copy);
            let is_beginning = begins && !self.outbound.estimator.is_congested(now);
            if !is_copy && entry.needed && (self.loses_by_itself() || is_beginning) {
                self.outbound.repeats.queue.push_back(Repeat { position, is_copy: true });
            }
            let at = self.micros(now);
            self.outbound.repeated.add(at, len);
            self.stamp(now, &mut out[..len], entry, None);
            return Some(len);
        }
    }
}

/// Writes a packet again, in the stream of repeats (RFC 4588). `None` if the peer agreed to none:
/// under its own number a packet cannot be sent again, because the time and number stamped into it
/// would be sealed with a nonce that is used up (RFC 7714 §9.1).
pub(super) fn write_repeat(
    stream: &mut SendStream,
    position: u64,
    out: &mut [u8],
) -> Option<(usize, Entry)> {
    let payload_type = stream.rtx_payload_type()?;
    let number = stream.numbering.number(position)?;
    let (entry, bytes) = stream.cache.get(position)?;
    let entry = *entry;
    let header_len = usize::from(entry.header_len);
    let len = bytes.len() + 2;
    let out = out.get_mut(..len)?;
    out[2..].copy_from_slice(bytes);
    stream.number(&mut out[2..], header_len, position, number);
    out.copy_within(2..2 + header_len, 0);
    out[header_len..header_len + 2].copy_from_slice(&(number as u16).to_be_bytes());
    let rtx = stream.rtx.as_mut()?;
    out[1] = out[1] & 0x80 | payload_type.0;
    out[2..4].copy_from_slice(&rtx.sequence.to_be_bytes());
    out[8..12].copy_from_slice(&rtx.ssrc.0.to_be_bytes());
    rtx.sequence = rtx.sequence.wrapping_add(1);
    Some((len, entry))
}
