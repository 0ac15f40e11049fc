//! One stream from a publisher: order, gaps, statistics.

use std::time::Instant;

use ::rtcp::reception_report::ReceptionReport;

use super::{
    clock::{RtpClock, middle, units},
    head::Head,
    missing::{GivenUp, Missing},
    repair_time::RepairTime,
};
use crate::rtp::{SequenceUnwrapper, Ssrc, Unwrapped};

/// Packets of which it is remembered whether they came; a multiple of 64 that covers
/// what may come late.
const WINDOW: u64 = 1_024;

/// A repeat may be of a packet that is this far ahead of all that came: browsers fill their first probe with repeats of
/// the last packet sent, which may be the one that was lost.
const MAX_REPEAT_AHEAD: u16 = 64;

/// One SSRC from the peer.
#[derive(Debug, Clone)]
pub(super) struct ReceiveStream {
    pub(super) ssrc: Ssrc,
    /// Grows when the stream begins anew: what was forwarded so far has another numbering.
    pub(super) generation: u32,
    /// The peer's latest sender report, in the node's time.
    pub(super) clock: Option<RtpClock>,
    pub(super) missing: Missing,
    pub(super) repair_time: RepairTime,
    /// A packet was missing when the one after it came.
    pub(super) has_gaps: bool,
    pub(super) head: Head,
    unwrapper: SequenceUnwrapper,
    seen: [u64; (WINDOW / 64) as usize],
    reports: Reports,
}

/// What report blocks are made of (RFC 3550 A.3, A.8).
#[derive(Debug, Clone, Default)]
struct Reports {
    first: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    jitter: f64,
    last: Option<(Instant, u32)>,
    last_sender_report: Option<(u32, Instant)>,
}

/// How a packet relates to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// New; its unwrapped sequence number.
    New(u64),
    /// New, and it leaves a gap that cannot be repaired, of this many packets.
    NewAfterLoss(u64, u64),
    /// Received before.
    Duplicate,
    /// Of another numbering; wait for more.
    Stray,
}

impl Arrival {
    /// A new packet, and how many before it are not worth repairing.
    fn new(sequence: u64, lost: u64) -> Self {
        if lost > 0 { Self::NewAfterLoss(sequence, lost) } else { Self::New(sequence) }
    }
}

impl ReceiveStream {
    pub(super) fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            generation: 0,
            clock: None,
            missing: Missing::default(),
            repair_time: RepairTime::default(),
            has_gaps: false,
            head: Head::default(),
            unwrapper: SequenceUnwrapper::default(),
            seen: [0; (WINDOW / 64) as usize],
            reports: Reports::default(),
        }
    }

    /// A stream that is known to begin with this number.
    pub(super) fn beginning_with(ssrc: Ssrc, number: u16) -> Self {
        let mut stream = Self::new(ssrc);
        if let Unwrapped::Known(before) = stream.unwrapper.unwrap(number.wrapping_sub(1)) {
            stream.reports.first = before + 1;
        }
        stream
    }

    /// See [`super::glance`].
    pub(super) fn glance(&self) -> u64 {
        let next = self.unwrapper.highest().map_or(0, |highest| highest + 1);
        self.seen[slot(next).0]
            ^ self.reports.received
            ^ u64::from(self.ssrc.0)
            ^ u64::from(self.clock.is_some())
    }

    /// Whether anything has come yet.
    pub(super) fn is_active(&self) -> bool {
        self.unwrapper.highest().is_some()
    }

    /// When its latest packet came.
    pub(super) fn latest(&self) -> Option<Instant> {
        self.reports.last.map(|(at, _)| at)
    }

    /// Takes a packet on its first way here.
    pub(super) fn on_packet(
        &mut self,
        now: Instant,
        sequence: u16,
        timestamp: u32,
        clock_rate: u32,
        repairable: bool,
    ) -> Arrival {
        let before = self.unwrapper.highest();
        let (sequence, before) = match self.unwrapper.unwrap(sequence) {
            Unwrapped::Known(sequence) => (sequence, before),
            Unwrapped::Restarted(sequence) => {
                self.generation += 1;
                self.clock = None;
                self.missing.clear();
                self.reports = Reports::default();
                (sequence, None)
            }
            Unwrapped::Stray => return Arrival::Stray,
        };
        let mut lost = 0;
        match before {
            None => {
                self.seen = [0; (WINDOW / 64) as usize];
                self.reports.first = sequence;
            }
            Some(highest) if sequence > highest => {
                lost = self.go_on(now, highest, sequence, repairable);
            }
            Some(highest) if highest - sequence >= WINDOW => return Arrival::Stray,
            Some(_) => {
                if self.has_seen(sequence) {
                    return Arrival::Duplicate;
                }
                self.came_after_all(now, sequence);
            }
        }
        self.mark(sequence);
        self.reports.received += 1;
        self.reports.note_jitter(now, timestamp, clock_rate);
        Arrival::new(sequence, lost)
    }

    /// The stream goes on from `highest` to `sequence`. Returns how many packets between are not worth repairing.
    fn go_on(&mut self, now: Instant, highest: u64, sequence: u64, repairable: bool) -> u64 {
        self.has_gaps |= sequence > highest + 1;
        for skipped in (highest + 1..=sequence).take(WINDOW as usize) {
            self.seen[slot(skipped).0] &= !slot(skipped).1;
        }
        if !repairable {
            return 0;
        }
        self.missing.skipped(now, highest + 1, sequence).err().map_or(0, |GivenUp(packets)| packets)
    }

    /// Takes a repeated packet (RFC 4588). It fills a gap, is the first of its packet to come, or is of no use.
    pub(super) fn on_repeat(&mut self, now: Instant, sequence: u16) -> Arrival {
        let Some(highest) = self.unwrapper.highest() else { return Arrival::Stray };
        let ahead = sequence.wrapping_sub(highest as u16);
        if (1..=MAX_REPEAT_AHEAD).contains(&ahead) {
            let Unwrapped::Known(sequence) = self.unwrapper.unwrap(sequence) else {
                return Arrival::Stray;
            };
            self.has_gaps = true;
            let lost = self.go_on(now, highest, sequence, true);
            self.mark(sequence);
            return Arrival::new(sequence, lost);
        }
        let behind = u64::from((highest as u16).wrapping_sub(sequence));
        if behind >= WINDOW || behind > highest {
            return Arrival::Stray;
        }
        let sequence = highest - behind;
        if self.has_seen(sequence) {
            return Arrival::Duplicate;
        }
        self.came_after_all(now, sequence);
        self.mark(sequence);
        Arrival::New(sequence)
    }

    fn came_after_all(&mut self, now: Instant, sequence: u64) {
        if let Some(after) = self.missing.arrived(now, sequence) {
            self.repair_time.note(now, after);
        }
    }

    /// Notes the peer's sender report.
    pub(super) fn on_sender_report(&mut self, now: Instant, ntp: u64, clock: Option<RtpClock>) {
        self.reports.last_sender_report = Some((middle(ntp), now));
        self.clock = clock.or(self.clock);
    }

    /// The report block about this stream. Ends a reporting interval.
    pub(super) fn report(&mut self, now: Instant) -> Option<ReceptionReport> {
        let highest = self.unwrapper.highest()?;
        let (expected, lost) = self.interval(highest);
        let reports = &mut self.reports;
        let all_expected = highest - reports.first + 1;
        reports.expected_before = all_expected;
        reports.received_before = reports.received;
        let (last_sender_report, delay) = match reports.last_sender_report {
            Some((ntp, at)) => (ntp, units(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        Some(ReceptionReport {
            ssrc: self.ssrc.0,
            fraction_lost: ((lost * 256).checked_div(expected).unwrap_or(0)).min(255) as u8,
            // 24 bits, signed in RFC 3550; duplicates are not counted here, so never negative.
            total_lost: all_expected.saturating_sub(reports.received).min(0x7f_ffff) as u32,
            // The extended number counts from the stream's beginning, not from our offset.
            last_sequence_number: (highest - 0x1_0000) as u32,
            jitter: reports.jitter as u32,
            last_sender_report,
            delay,
        })
    }

    /// Packets expected and lost since the last report.
    fn interval(&self, highest: u64) -> (u64, u64) {
        let reports = &self.reports;
        let expected = (highest - reports.first + 1).saturating_sub(reports.expected_before);
        let received = reports.received - reports.received_before;
        (expected, expected.saturating_sub(received))
    }

    /// Packets expected and received since the stream began, before repair.
    pub(super) fn totals(&self) -> (u64, u64) {
        let expected =
            self.unwrapper.highest().map_or(0, |highest| highest - self.reports.first + 1);
        (expected, self.reports.received)
    }

    fn has_seen(&self, sequence: u64) -> bool {
        self.seen[slot(sequence).0] & slot(sequence).1 != 0
    }

    fn mark(&mut self, sequence: u64) {
        self.seen[slot(sequence).0] |= slot(sequence).1;
    }
}

fn slot(sequence: u64) -> (usize, u64) {
    let bit = sequence % WINDOW;
    ((bit / 64) as usize, 1 << (bit % 64))
}

impl Reports {
    fn note_jitter(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        if let Some((at, before)) = self.last {
            // The packets of a batch came at one moment.
            let passed =
                if now == at { 0.0 } else { now.saturating_duration_since(at).as_secs_f64() };
            let arrived = passed * f64::from(clock_rate);
            let sent = f64::from(timestamp.wrapping_sub(before) as i32);
            self.jitter += ((arrived - sent).abs() - self.jitter) / 16.0;
        }
        self.last = Some((now, timestamp));
    }
}
