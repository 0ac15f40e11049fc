//! Sending a probe: what flows anyway, filled up with packets that the peer has already.
//!
//! The filling is repeats (RFC 4588) of a large packet: a probe of small packets measures the
//! packet rate of the way, not its bitrate.

use std::time::{Duration, Instant};

use super::{MediaLeg, repeats::write_repeat};
use crate::{
    api::MediaKind,
    bwe::{Probe, ProbeId},
};

/// Packets of this many bytes are worth filling a probe with.
pub(super) const LARGE: usize = 500;
/// A probe has at least this many packets.
const MIN_PACKETS: u32 = 5;
/// Filling is sent in steps of this, so that it costs one timer for several packets.
const STEP: Duration = Duration::from_millis(2);
/// A key frame that takes longer than this to pass is no probe any more.
const LONGEST_START: Duration = Duration::from_millis(500);

/// A probe that is being sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    probe: Probe,
    kind: Kind,
    since: Instant,
    wake: Instant,
    packets: u32,
    bytes: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Filled up until it is complete.
    Filled,
    /// The first key frame, as it comes.
    Start,
}

impl Run {
    pub(super) fn id(&self) -> ProbeId {
        self.probe.id
    }

    pub(super) fn bitrate(&self) -> f64 {
        self.probe.bitrate
    }

    /// A packet was sent as part of it.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u32;
    }

    /// One that is to be filled up from now on.
    pub(super) fn filled(now: Instant, probe: Probe) -> Self {
        run(now, probe, Kind::Filled)
    }

    /// Packets and bytes, once all have been sent.
    pub(super) fn complete(&self) -> Option<(u32, u32)> {
        self.is_filled().then_some((self.packets, self.bytes))
    }

    /// Whether the next packet is due. If not, notes when to look again.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.due();
        if due > now {
            self.wake = due.max(now + STEP);
        }
        due <= now
    }

    /// When to look again.
    pub(super) fn wake(&self) -> Instant {
        self.wake
    }

    fn is_filled(&self) -> bool {
        self.packets >= MIN_PACKETS && self.bytes >= self.probe.bytes
    }

    /// When the next packet is due to keep up the bitrate.
    fn due(&self) -> Instant {
        self.since + Duration::from_secs_f64(f64::from(self.bytes) * 8.0 / self.probe.bitrate)
    }
}

impl MediaLeg {
    /// The first key frame begins to be sent.
    pub(super) fn begin_start_probe(&mut self, now: Instant, bitrate: f64) {
        let probe = self.outbound.estimator.start_probe(now, bitrate);
        self.outbound.run = Some(run(now, probe, Kind::Start));
    }

    /// The first key frame has been sent, or takes too long.
    pub(super) fn end_start_probe(&mut self, now: Instant, complete: bool) {
        let is_over = |run: &Run| {
            run.kind == Kind::Start
                && (complete || now.saturating_duration_since(run.since) > LONGEST_START)
        };
        if self.outbound.run.as_ref().is_some_and(is_over) {
            self.end_probe();
        }
    }

    /// Writes the next packet that only fills a probe. Called when nothing else is to be sent.
    pub(super) fn poll_filling(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if self.outbound.run.is_none() && self.wants_probe() {
            let offered = self.wishes.offered();
            let probe = self.outbound.estimator.poll_probe(now, offered)?;
            self.outbound.run = Some(Run::filled(now, probe));
        }
        let run = self.outbound.run.as_mut().filter(|run| run.kind == Kind::Filled)?;
        if run.is_filled() {
            self.end_probe();
            return None;
        }
        if !run.is_due(now) {
            return None;
        }
        let stream = &mut self.outbound.streams[MediaKind::Video as usize];
        let written = stream.large.and_then(|position| write_repeat(stream, position, out));
        let Some((len, entry)) = written else {
            // Pushed out of the ring, or repeats are not agreed to any more.
            stream.large = None;
            self.outbound.run = None;
            return None;
        };
        self.counters.probe_packets += 1;
        self.counters.probe_bytes += len as u64;
        self.stamp(now, &mut out[..len], entry, None);
        Some(len)
    }

    /// When [`Self::poll_filling`] has something to do.
    pub(super) fn filling_due(&self) -> Option<Instant> {
        match &self.outbound.run {
            Some(run) if run.kind == Kind::Filled => Some(run.wake),
            Some(_) => None,
            None if self.wants_probe() => self.outbound.estimator.probe_due(),
            None => None,
        }
    }

    /// Each look at whether to probe puts it off.
    pub(crate) fn postpones_probes(&self) -> bool {
        self.outbound.run.is_none() && self.wants_probe() && !self.outbound.estimator.is_calm()
    }

    fn end_probe(&mut self) {
        if let Some(run) = self.outbound.run.take() {
            self.counters.probes_sent += 1;
            self.outbound.estimator.probe_sent(run.probe.id, run.packets, run.bytes);
        }
    }

    /// More is of use or nothing is known, and there is something to send.
    fn wants_probe(&self) -> bool {
        let video = &self.outbound.streams[MediaKind::Video as usize];
        self.outbound.has_transport_feedback
            && video.large.is_some()
            && video.rtx_payload_type().is_some()
            && (self.wishes.wants_more() || self.outbound.estimator.starts_anew())
    }
}

fn run(now: Instant, probe: Probe, kind: Kind) -> Run {
    Run { probe, kind, since: now, wake: now, packets: 0, bytes: 0 }
}
