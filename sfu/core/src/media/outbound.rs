//! Packets to the peer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    Incoming, MAX_PACKET, MediaEvent, MediaLeg, Outgoing,
    send::{Forwarded, Rtx, SendStream},
    sent::Sent,
};
use crate::{api::MediaKind, bwe::Estimator, rtp::Ssrc, sdp::LocalSsrcs};

/// Repeats that wait. More at a time than this only a hostile peer asks for.
const MAX_REPEATS: usize = 256;
/// Repeats may take this share of the estimate over time…
const REPEAT_SHARE: f64 = 0.5;
/// …and this much at once, in bytes: a lost key frame.
const REPEAT_BURST: f64 = 64_000.0;

/// What is sent to the peer, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Outbound {
    /// By kind.
    pub(super) streams: [SendStream; 2],
    repeats: Repeats,
    repeat_budget: RepeatBudget,
    pub(super) sent: Sent,
    pub(super) estimator: Estimator,
    /// REMB of a peer that sends no transport-wide feedback.
    pub(super) peer_limit: Option<u64>,
    pub(super) has_transport_feedback: bool,
}

impl Outbound {
    pub(super) fn new(now: Instant, ssrcs: &LocalSsrcs, seed: u64) -> Self {
        let mut random = Random(seed);
        let rtx = Rtx { ssrc: ssrcs.video_rtx, sequence: random.next() as u16 & 0x7fff };
        Self {
            streams: [
                SendStream::new(MediaKind::Audio, ssrcs.audio, None, random.next()),
                SendStream::new(MediaKind::Video, ssrcs.video, Some(rtx), random.next()),
            ],
            repeats: Repeats::default(),
            repeat_budget: RepeatBudget::new(now),
            sent: Sent::default(),
            estimator: Estimator::new(now),
            peer_limit: None,
            has_transport_feedback: false,
        }
    }
}

/// Packets of the video stream to repeat.
#[derive(Debug, Clone, Default)]
struct Repeats {
    queue: VecDeque<u64>,
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

    fn take(&mut self, now: Instant, bitrate: u64, size: usize) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let earned = bitrate as f64 / 8.0 * REPEAT_SHARE * passed;
        self.bytes = (self.bytes + earned).min(REPEAT_BURST);
        let enough = self.bytes >= size as f64;
        if enough {
            self.bytes -= size as f64;
        }
        enough
    }
}

impl MediaLeg {
    /// Queues a packet of the other leg for our peer. `packet` is what the other leg's
    /// [`Self::receive_rtp`] was given.
    pub fn forward(&mut self, now: Instant, incoming: &Incoming, packet: &[u8]) {
        let kind = incoming.kind();
        let Some(media) = self.negotiated.media(kind) else { return };
        if !self.is_forwarding() || !media.direction.send {
            return;
        }
        let forwarded = self.outbound.streams[kind as usize].forward(
            now,
            media,
            self.negotiated.mixed_extensions,
            incoming,
            packet,
            &mut self.counters,
        );
        match forwarded {
            Forwarded::Queued { first, key_frame_complete } => {
                if first {
                    self.push_event(MediaEvent::FirstPacket(kind));
                }
                if key_frame_complete {
                    self.push_event(MediaEvent::FirstKeyFrame);
                }
                if incoming.starts_key_frame {
                    self.has_key_frame();
                }
                self.note_media(now);
            }
            Forwarded::NeedsKeyFrame => self.need_key_frame(now),
            Forwarded::Dropped => {}
        }
    }

    /// Writes the next packet to send into `out`, which holds at least [`MAX_PACKET`] bytes.
    ///
    /// Order: feedback, which the publisher waits for; audio; repeats, which are older than any
    /// video that waits; video; reports.
    pub fn poll_packet(&mut self, now: Instant, out: &mut [u8]) -> Option<Outgoing> {
        let out = out.get_mut(..MAX_PACKET)?;
        if let Some(len) = self.poll_control(now, out) {
            return Some(Outgoing::Rtcp(len));
        }
        let len = self
            .poll_stream(now, MediaKind::Audio, out)
            .or_else(|| self.poll_repeat(now, out))
            .or_else(|| self.poll_stream(now, MediaKind::Video, out));
        if let Some(len) = len {
            self.counters.packets_out += 1;
            self.counters.bytes_out += len as u64;
            return Some(Outgoing::Rtp(len));
        }
        self.poll_report(now, out).map(Outgoing::Rtcp)
    }

    /// The peer asks for packets again.
    pub(super) fn on_nack(&mut self, now: Instant, ssrc: Ssrc, lost: &[u16]) {
        self.counters.nacks_received += lost.len() as u64;
        let rtt = self.rtt();
        let stream = &mut self.outbound.streams[MediaKind::Video as usize];
        if ssrc != stream.ssrc {
            return;
        }
        for &sequence in lost {
            let Some(sequence) = stream.unwrap(sequence) else { continue };
            let Some((entry, _)) = stream.cache.get(sequence) else {
                self.counters.repeats_missed += 1;
                continue;
            };
            // What waits to be sent is not lost, and what was repeated less than a round trip ago
            // is still on its way.
            let Some(sent) = entry.sent else { continue };
            let again = entry.repeated && now.saturating_duration_since(sent) < rtt;
            if !again && self.outbound.repeats.queue.len() < MAX_REPEATS {
                entry.sent = Some(now);
                entry.repeated = true;
                self.outbound.repeats.queue.push_back(sequence);
            }
        }
    }

    fn poll_stream(&mut self, now: Instant, kind: MediaKind, out: &mut [u8]) -> Option<usize> {
        let stream = &mut self.outbound.streams[kind as usize];
        loop {
            let sequence = stream.queue.pop_front()?;
            // Pushed out of the ring before it could leave: the socket does not keep up.
            let Some((entry, bytes)) = stream.cache.get(sequence) else {
                self.counters.overflowed += 1;
                continue;
            };
            let len = bytes.len();
            let Some(place) = out.get_mut(..len) else { continue };
            place.copy_from_slice(bytes);
            entry.sent = Some(now);
            let entry = *entry;
            stream.packets = stream.packets.wrapping_add(1);
            let payload = len - usize::from(entry.header_len);
            stream.octets = stream.octets.wrapping_add(payload as u32);
            self.stamp(now, place, entry.transport_sequence_at, entry.send_time_at);
            return Some(len);
        }
    }

    fn poll_repeat(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        loop {
            let sequence = self.outbound.repeats.queue.pop_front()?;
            let bitrate = self.downlink();
            let stream = &mut self.outbound.streams[MediaKind::Video as usize];
            let Some((entry, bytes)) = stream.cache.get(sequence) else {
                self.counters.repeats_missed += 1;
                continue;
            };
            let entry = *entry;
            if !self.outbound.repeat_budget.take(now, bitrate, bytes.len()) {
                self.counters.repeats_over_budget += 1;
                continue;
            }
            let Some(len) = write_repeat(stream, sequence, out) else {
                self.counters.repeats_missed += 1;
                continue;
            };
            self.counters.repeats_sent += 1;
            self.stamp(now, &mut out[..len], entry.transport_sequence_at, entry.send_time_at);
            return Some(len);
        }
    }

    /// Fills in what is only known when a packet leaves.
    fn stamp(&mut self, now: Instant, packet: &mut [u8], sequence_at: u8, time_at: u8) {
        if sequence_at != 0 {
            let sequence = self.outbound.sent.next(now, packet.len(), None);
            self.outbound.estimator.on_sent(now, packet.len());
            let at = usize::from(sequence_at);
            packet[at..at + 2].copy_from_slice(&sequence.to_be_bytes());
        }
        if time_at != 0 {
            // 6.18 fixed point seconds: bits 14 to 37 of the NTP time.
            let time = (self.ntp.ntp(now) >> 14) as u32;
            let at = usize::from(time_at);
            packet[at..at + 3].copy_from_slice(&time.to_be_bytes()[1..]);
        }
    }

    /// Media flows: reports are due from now on.
    pub(super) fn note_media(&mut self, now: Instant) {
        self.last_media = now;
        self.report_due.get_or_insert(now + FIRST_REPORT);
    }
}

/// The first report comes soon, for the round trip and for lip-sync.
const FIRST_REPORT: Duration = Duration::from_millis(200);

/// Writes a packet again, in the stream of repeats (RFC 4588). `None` if the peer agreed to none:
/// under its own number a packet cannot be sent again, because the time and number stamped into it
/// would be sealed with a nonce that is used up (RFC 7714 §9.1).
fn write_repeat(stream: &mut SendStream, sequence: u64, out: &mut [u8]) -> Option<usize> {
    let payload_type = stream.rtx_payload_type()?;
    let (entry, bytes) = stream.cache.get(sequence)?;
    let rtx = stream.rtx.as_mut()?;
    let header_len = usize::from(entry.header_len);
    let len = bytes.len() + 2;
    let out = out.get_mut(..len)?;
    let (header, payload) = bytes.split_at(header_len);
    out[..header_len].copy_from_slice(header);
    out[header_len..header_len + 2].copy_from_slice(&header[2..4]);
    out[header_len + 2..].copy_from_slice(payload);
    out[1] = out[1] & 0x80 | payload_type.0;
    out[2..4].copy_from_slice(&rtx.sequence.to_be_bytes());
    out[8..12].copy_from_slice(&rtx.ssrc.0.to_be_bytes());
    rtx.sequence = rtx.sequence.wrapping_add(1);
    Some(len)
}

/// SplitMix64: numbers that need to differ, not to be secret.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
