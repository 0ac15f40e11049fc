//! What a leg sends: RTP with a browser's header extensions, repeats, and sender reports.

use std::{collections::VecDeque, time::Duration};

use light_peer::{
    header::{LEN as HEADER_LEN, RtpHeader},
    sdp,
    srtp::{Session, TAG_LEN},
};

use super::{Outbox, incoming::Incoming};
use crate::media::{Generator, Kind};

/// The outgoing streams of a leg.
pub(super) struct Outgoing {
    audio: Stream,
    video: Stream,
    repair: Stream,
    transport_sequence: u16,
    kept: VecDeque<Kept>,
    payload: Vec<u8>,
    /// Nothing but repeats is sent any more.
    pub(super) stopped: bool,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// Rollover counter and sequence number of the packet sent last.
    index: u64,
    packets: u32,
    octets: u32,
}

/// A video packet that may be asked for again.
#[derive(Debug)]
struct Kept {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    repeated: Option<Duration>,
    payload: Vec<u8>,
}

/// Packets kept for repeats: over a second at 1.5 Mbit/s, three at 500 kbit/s. Chromium keeps more;
/// what is asked for later than that is of no use to anybody.
const KEPT: usize = 192;
/// From 1900 to 1970, in seconds.
const NTP_OFFSET: u64 = 2_208_988_800;

impl Outgoing {
    pub(super) fn new(ssrcs: [u32; 3], seed: u64) -> Self {
        let [audio, video, repair] = ssrcs;
        let stream = |ssrc| Stream { ssrc, index: 0, packets: 0, octets: 0 };
        let mut repair = stream(repair);
        // Below 32,768, as RFC 3711 wants it of first numbers.
        repair.index = seed >> 50;
        Self {
            audio: stream(audio),
            video: stream(video),
            repair,
            transport_sequence: 0,
            kept: VecDeque::new(),
            payload: Vec::new(),
            stopped: false,
        }
    }

    /// Sends what is due.
    pub(super) fn send(
        &mut self,
        now: Duration,
        wall: Duration,
        generator: &mut Generator,
        session: &Session,
        out: &mut Outbox,
    ) {
        loop {
            self.payload.clear();
            let at_us = super::micros(now);
            let Some(head) = generator.poll_into(now, at_us, &mut self.payload) else { return };
            let stream = match head.kind {
                Kind::Audio => &mut self.audio,
                Kind::Video => &mut self.video,
            };
            stream.advance(head.sequence);
            stream.packets = stream.packets.wrapping_add(1);
            stream.octets = stream.octets.wrapping_add(self.payload.len() as u32);
            let packet = Packet {
                payload_type: if head.kind == Kind::Audio { sdp::OPUS } else { sdp::VP8 },
                marker: head.marker,
                timestamp: head.timestamp,
                mid: if head.kind == Kind::Audio { b'0' } else { b'1' },
                parts: [&[], &self.payload],
            };
            packet.seal(stream, &mut self.transport_sequence, wall, session, out);
            if head.kind == Kind::Video {
                self.keep(head.sequence, head.timestamp, head.marker);
            }
        }
    }

    fn keep(&mut self, sequence: u16, timestamp: u32, marker: bool) {
        let mut payload = Vec::new();
        if self.kept.len() == KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            payload = oldest.payload;
        }
        payload.clear();
        payload.extend_from_slice(&self.payload);
        self.kept.push_back(Kept { sequence, timestamp, marker, repeated: None, payload });
    }

    /// Repeats what the node misses, each at most once in a round trip.
    pub(super) fn repeat(
        &mut self,
        now: Duration,
        wall: Duration,
        lost: &[u16],
        rtt: Duration,
        session: &Session,
        out: &mut Outbox,
    ) {
        let Some(newest) = self.kept.back().map(|kept| kept.sequence) else { return };
        for &sequence in lost {
            let age = usize::from(newest.wrapping_sub(sequence));
            let place = self.kept.len().checked_sub(age + 1);
            let Some(kept) = place.and_then(|place| self.kept.get_mut(place)) else { continue };
            if kept.sequence != sequence || kept.repeated.is_some_and(|at| now < at + rtt) {
                continue;
            }
            kept.repeated = Some(now);
            self.repair.index += 1;
            let packet = Packet {
                payload_type: sdp::RTX,
                marker: kept.marker,
                timestamp: kept.timestamp,
                mid: b'1',
                parts: [&sequence.to_be_bytes(), &kept.payload],
            };
            packet.seal(&self.repair, &mut self.transport_sequence, wall, session, out);
        }
    }

    /// Sender reports of both streams with report blocks on what arrives.
    pub(super) fn report(
        &self,
        wall: Duration,
        now_us: u64,
        generator: &Generator,
        incoming: &mut Incoming,
    ) -> Vec<u8> {
        let mut packet = Vec::with_capacity(256);
        for kind in Kind::ALL {
            let stream = match kind {
                Kind::Audio => &self.audio,
                Kind::Video => &self.video,
            };
            let start = packet.len();
            packet.extend([0x80, 200, 0, 0]);
            packet.extend(stream.ssrc.to_be_bytes());
            packet.extend(ntp(wall).to_be_bytes());
            for word in [generator.timestamp(kind), stream.packets, stream.octets] {
                packet.extend(word.to_be_bytes());
            }
            if kind == Kind::Video {
                packet[start] |= incoming.report_blocks(now_us, &mut packet);
            }
            let words = (packet.len() - start) / 4 - 1;
            packet[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
        }
        packet
    }
}

impl Stream {
    /// Takes the number of the next packet.
    fn advance(&mut self, sequence: u16) {
        self.index = if self.packets == 0 {
            u64::from(sequence)
        } else {
            self.index + u64::from(sequence.wrapping_sub(self.index as u16))
        };
    }
}

/// A packet about to be sealed.
struct Packet<'a> {
    payload_type: u8,
    marker: bool,
    timestamp: u32,
    mid: u8,
    parts: [&'a [u8]; 2],
}

impl Packet<'_> {
    fn seal(
        &self,
        stream: &Stream,
        transport_sequence: &mut u16,
        wall: Duration,
        session: &Session,
        out: &mut Outbox,
    ) {
        let number = *transport_sequence;
        *transport_sequence = number.wrapping_add(1);
        out.push_with(|bytes| {
            let start = bytes.len();
            bytes.extend_from_slice(&self.header(stream, number, wall).write());
            for part in self.parts {
                bytes.extend_from_slice(part);
            }
            bytes.resize(bytes.len() + TAG_LEN, 0);
            session.local.seal_rtp(&mut bytes[start..], HEADER_LEN, stream.ssrc, stream.index);
        });
    }

    fn header(&self, stream: &Stream, transport_sequence: u16, sent: Duration) -> RtpHeader {
        RtpHeader {
            payload_type: self.payload_type,
            marker: self.marker,
            mid: self.mid,
            sequence: stream.index as u16,
            timestamp: self.timestamp,
            ssrc: stream.ssrc,
            transport_sequence,
            sent,
        }
    }
}

/// NTP time, 32.32 fixed point.
pub(super) fn ntp(wall: Duration) -> u64 {
    let fraction = (u64::from(wall.subsec_nanos()) << 32) / 1_000_000_000;
    (wall.as_secs() + NTP_OFFSET) << 32 | fraction
}
