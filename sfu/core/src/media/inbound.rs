//! Packets from the peer.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use arrayvec::ArrayVec;

use super::{
    Incoming, Kept, MediaLeg,
    arrivals::Arrivals,
    asks::{BitrateCap, KeyFrameAsks},
    brake::Brake,
    clock::PeerClock,
    incoming::{MAX_PASSED, SourceId},
    leg::ControlDue,
    receive::{Arrival, ReceiveStream},
    room::Room,
};
use crate::{
    api::MediaKind,
    bwe::RateMeter,
    rtp::{Header, Layer, PayloadType, Ssrc, Templates, key_frame},
    sdp::{Codec, Extension, ExtensionMap, Negotiated},
};

/// A repeat begins with the number of the packet that it repeats (RFC 4588 §4).
const ORIGINAL_SEQUENCE_LEN: usize = 2;

/// Whether a publisher obeys is seen over this long, in microseconds.
const VIDEO_RATE_WINDOW: i64 = 200_000;

/// SSRCs that a peer may bring up by itself in one negotiation. Browsers bring up none beyond
/// those in their offer, or one for each stream.
const MAX_LEARNT: u8 = 16;

/// What the peer sends, and what it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Inbound {
    /// Ids of all sections: in a bundle an id means the same everywhere (RFC 9143 §9.1).
    extensions: ExtensionMap,
    /// By kind.
    pub(super) streams: [Option<ReceiveStream>; 2],
    /// SSRCs of repeats, by kind.
    repeats: [Option<Ssrc>; 2],
    learnt: u8,
    pub(super) arrivals: Arrivals,
    pub(super) peer_clock: PeerClock,
    pub(super) key_frame_asks: KeyFrameAsks,
    pub(super) cap: BitrateCap,
    /// When the latest packet came, microseconds.
    latest_arrival: i64,
    pub(super) brake: Brake,
    pub(super) room: Room,
    /// The dependency descriptor's templates.
    templates: Templates,
    /// Bytes of video.
    video: RateMeter,
    /// Video that nobody watches yet.
    pub(super) kept: Kept,
}

impl Inbound {
    /// Something that the peer has sent was missing when more came.
    pub(super) fn has_gaps(&self) -> bool {
        self.streams.iter().flatten().any(|stream| stream.has_gaps)
    }

    pub(super) fn new() -> Self {
        Self {
            extensions: ExtensionMap::default(),
            streams: [None, None],
            repeats: [None; 2],
            learnt: 0,
            arrivals: Arrivals::new(),
            peer_clock: PeerClock::default(),
            key_frame_asks: KeyFrameAsks::default(),
            cap: BitrateCap::default(),
            latest_arrival: 0,
            brake: Brake::default(),
            room: Room::default(),
            templates: Templates::default(),
            video: RateMeter::default(),
            kept: Kept::default(),
        }
    }

    /// Makes streams for the SSRCs of the offer; those known already keep their state.
    pub(super) fn adopt_streams(&mut self, negotiated: &Negotiated) {
        self.learnt = 0;
        self.extensions = ExtensionMap::default();
        for media in [&negotiated.audio, &negotiated.video].into_iter().flatten() {
            for extension in Extension::ALL {
                if let Some(id) = media.extensions.id(extension) {
                    self.extensions.insert(id, extension);
                }
            }
            let Some(remote) = media.remote else { continue };
            let slot = media.kind as usize;
            if self.streams[slot].as_ref().is_none_or(|stream| stream.ssrc != remote.ssrc) {
                self.streams[slot] = Some(ReceiveStream::new(remote.ssrc));
            }
            self.repeats[slot] = remote.rtx.or(self.repeats[slot]);
        }
    }

    /// See [`super::glance`].
    pub(super) fn glance(&self) -> u64 {
        u64::from(self.brake.is_draining())
            ^ u64::from(self.arrivals.due().is_some())
            ^ u64::from(self.repeats[MediaKind::Video as usize].is_some())
            ^ self.latest_arrival.cast_unsigned()
    }

    /// May a stream be bound to an SSRC that the offer did not have?
    fn may_learn(&mut self) -> bool {
        let allowed = self.learnt < MAX_LEARNT;
        self.learnt = self.learnt.saturating_add(1);
        allowed
    }
}

/// Which stream a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Media,
    Repeat,
}

/// A packet that has not come before.
struct New {
    codec: Codec,
    sequence: u64,
    payload: Range<usize>,
}

/// What the header extensions of a packet say.
#[derive(Debug, Default)]
struct Extensions {
    mid: Option<Range<usize>>,
    transport_sequence: Option<u16>,
    send_time: Option<[u8; 3]>,
    passed: ArrayVec<(Extension, Range<u16>), MAX_PASSED>,
}

impl MediaLeg {
    /// Takes a decrypted RTP packet from the peer. `None` when there is nothing to forward: it was
    /// a duplicate, a probe, or dropped and counted.
    pub fn receive_rtp(&mut self, now: Instant, packet: &[u8]) -> Option<Incoming> {
        self.receive_waiting(now, Duration::ZERO, packet)
    }

    /// The same for a packet that had come `waited` ago.
    pub fn receive_waiting(
        &mut self,
        now: Instant,
        waited: Duration,
        packet: &[u8],
    ) -> Option<Incoming> {
        let at = self.arrival(now, waited);
        self.control_due = ControlDue::Unknown;
        let Some(header) = Header::parse(packet) else {
            self.counters.malformed_rtp += 1;
            return None;
        };
        let extensions = self.read_extensions(&header, packet);
        let classified = self.classify(&header, &extensions, packet);
        // Any packet counts, probes, duplicates and strangers too: congestion control is about the
        // way, not the content.
        if let Some(sequence) = extensions.transport_sequence {
            let of_video = classified.is_some_and(|(kind, _)| kind == MediaKind::Video);
            let frame_end = header.marker && of_video;
            let latest_media = self.outbound.latest_media;
            let packet = (sequence, packet.len());
            self.inbound.arrivals.on_packet(now, at, packet, frame_end, latest_media);
        }
        let Some((kind, role)) = classified else {
            self.counters.unknown_stream += 1;
            return None;
        };
        self.counters.packets_in += 1;
        self.counters.bytes_in += packet.len() as u64;
        self.note_media(now);
        let (sent, rtt) = (extensions.send_time, self.rtt());
        let braked = self.inbound.brake.on_packet(now, at, sent, packet.len(), rtt);
        self.counters.brakes += u64::from(braked);
        let lossy = self.inbound.arrivals.are_lossy();
        self.inbound.cap.brake(now, self.inbound.brake.limit(now, lossy));
        let queued = self.inbound.brake.is_draining();
        if queued && let Some(stream) = &mut self.inbound.streams[kind as usize] {
            stream.repair_time.queued(now);
        }
        if kind == MediaKind::Video {
            self.inbound.video.add(at, packet.len());
        }
        let new = match role {
            Role::Media => self.receive_media(now, kind, &header),
            Role::Repeat => self.receive_repeat(now, kind, &header, packet),
        }?;
        let payload = packet.get(new.payload.clone())?;
        let layer = self.read_layer(new.codec, payload, &extensions, packet);
        let starts_key_frame = key_frame::starts(new.codec, payload);
        if starts_key_frame {
            self.inbound.key_frame_asks.satisfied();
        }
        let stream = self.inbound.streams[kind as usize].as_mut()?;
        if starts_key_frame {
            stream.missing.forget_before(new.sequence);
        }
        if kind == MediaKind::Video {
            let missed = stream.look_for_head(now, new.sequence, starts_key_frame);
            self.counters.heads_missed += u64::from(missed);
        }
        Some(Incoming {
            codec: new.codec,
            source: SourceId { ssrc: stream.ssrc, generation: stream.generation },
            sequence: new.sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            starts_key_frame,
            layer,
            payload: new.payload,
            extensions: extensions.passed,
            clock: stream.clock,
            repair: stream.repair_time.wait(now),
            queued,
        })
    }

    fn read_layer(
        &mut self,
        codec: Codec,
        payload: &[u8],
        extensions: &Extensions,
        packet: &[u8],
    ) -> Layer {
        if codec.kind() == MediaKind::Audio {
            return Layer::default();
        }
        let descriptor = extensions
            .passed
            .iter()
            .find(|(extension, _)| *extension == Extension::DependencyDescriptor)
            .and_then(|(_, value)| packet.get(usize::from(value.start)..usize::from(value.end)));
        Layer::read(codec, payload, descriptor, &mut self.inbound.templates)
    }

    /// Bit/s of video from the peer over the last moments.
    pub(super) fn video_rate(&mut self, now: Instant) -> f64 {
        let at = self.micros(now);
        self.inbound.video.rate(at, VIDEO_RATE_WINDOW).unwrap_or_default()
    }

    /// Keeps a packet of a publisher whom nobody watches yet, for the viewer who may come: the
    /// video since the last key frame, and asks for the next one so that this stays short.
    pub fn keep(&mut self, now: Instant, incoming: &Incoming, packet: &[u8]) {
        let headless = self.lacks_head();
        if incoming.kind() == MediaKind::Video
            && self.inbound.kept.push(now, incoming, packet, headless)
        {
            self.inbound.key_frame_asks.want(now);
            self.control_due = ControlDue::Unknown;
        }
    }

    /// When a packet came that had waited until `now`, in microseconds: never before the one before it, for two
    /// sockets may be looked at in another order.
    fn arrival(&mut self, now: Instant, waited: Duration) -> i64 {
        let now = self.micros(now);
        let waited = i64::try_from(waited.as_micros()).unwrap_or(0);
        let at = (now - waited).max(self.inbound.latest_arrival).min(now);
        self.inbound.latest_arrival = at;
        at
    }

    /// What was kept, for [`Self::forward`] of the viewer's leg. Nothing if the publisher has
    /// stopped meanwhile, or its beginning is missing yet.
    pub fn take_kept(&mut self, now: Instant) -> Kept {
        if self.lacks_head() {
            return Kept::default();
        }
        let kept = std::mem::take(&mut self.inbound.kept);
        if kept.is_stale(now) { Kept::default() } else { kept }
    }

    fn receive_media(&mut self, now: Instant, kind: MediaKind, header: &Header) -> Option<New> {
        let Some(mapping) = self.section(kind)?.payload(header.payload_type).copied() else {
            self.counters.unknown_payload += 1;
            return None;
        };
        let stream = self.inbound.streams[kind as usize].as_mut()?;
        let clock_rate = mapping.codec.clock_rate();
        let arrival =
            stream.on_packet(now, header.sequence, header.timestamp, clock_rate, mapping.nack);
        let sequence = match arrival {
            Arrival::New(sequence) => sequence,
            Arrival::NewAfterLoss(sequence, packets) => {
                self.counters.unrepaired += packets;
                self.inbound.key_frame_asks.want(now);
                sequence
            }
            Arrival::Duplicate => {
                self.counters.duplicates += 1;
                return None;
            }
            Arrival::Stray => {
                self.counters.malformed_rtp += 1;
                return None;
            }
        };
        Some(New { codec: mapping.codec, sequence, payload: header.payload.clone() })
    }

    fn receive_repeat(
        &mut self,
        now: Instant,
        kind: MediaKind,
        header: &Header,
        packet: &[u8],
    ) -> Option<New> {
        let Some(mapping) = self.section(kind)?.repaired_by(header.payload_type).copied() else {
            self.counters.unknown_payload += 1;
            return None;
        };
        // A probe for bandwidth may be empty.
        let original = packet.get(header.payload.clone())?.first_chunk()?;
        let payload = header.payload.start + ORIGINAL_SEQUENCE_LEN..header.payload.end;
        let stream = self.inbound.streams[kind as usize].as_mut()?;
        match stream.on_repeat(now, u16::from_be_bytes(*original)) {
            Arrival::New(sequence) | Arrival::NewAfterLoss(sequence, _) => {
                self.counters.repaired += 1;
                Some(New { codec: mapping.codec, sequence, payload })
            }
            // Browsers fill up with repeats of what has arrived long ago.
            Arrival::Duplicate | Arrival::Stray => {
                self.counters.duplicates += 1;
                None
            }
        }
    }

    fn read_extensions(&self, header: &Header, packet: &[u8]) -> Extensions {
        let mut found = Extensions::default();
        for (id, value) in header.extensions(packet) {
            match self.inbound.extensions.extension(id) {
                Some(Extension::Mid) => found.mid = Some(value),
                Some(Extension::TransportSequence) => {
                    found.transport_sequence =
                        packet[value].first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
                }
                Some(Extension::AbsSendTime) => {
                    found.send_time = packet[value].first_chunk().copied();
                }
                Some(extension) if extension.passes_through() => {
                    let value = value.start as u16..value.end as u16;
                    // The same extension twice is not worth more room.
                    let _ = found.passed.try_push((extension, value));
                }
                _ => {}
            }
        }
        found
    }

    /// The stream of a packet: by SSRC, or learnt from its MID (RFC 9143 §9.2).
    fn classify(
        &mut self,
        header: &Header,
        extensions: &Extensions,
        packet: &[u8],
    ) -> Option<(MediaKind, Role)> {
        for kind in [MediaKind::Video, MediaKind::Audio] {
            let slot = kind as usize;
            if self.inbound.streams[slot].as_ref().is_some_and(|stream| stream.ssrc == header.ssrc)
            {
                return Some((kind, Role::Media));
            }
            if self.inbound.repeats[slot] == Some(header.ssrc) {
                return Some((kind, Role::Repeat));
            }
        }
        let mid = packet.get(extensions.mid.clone()?)?;
        self.learn(header.ssrc, header.payload_type, mid)
    }

    fn learn(
        &mut self,
        ssrc: Ssrc,
        payload_type: PayloadType,
        mid: &[u8],
    ) -> Option<(MediaKind, Role)> {
        let media = [MediaKind::Audio, MediaKind::Video]
            .into_iter()
            .filter_map(|kind| self.section(kind))
            .find(|media| media.mid.as_bytes() == mid)?;
        let kind = media.kind;
        let role = if media.payload(payload_type).is_some() {
            Role::Media
        } else {
            media.repaired_by(payload_type).map(|_| Role::Repeat)?
        };
        if !self.inbound.may_learn() {
            return None;
        }
        match role {
            Role::Media => self.inbound.streams[kind as usize] = Some(ReceiveStream::new(ssrc)),
            Role::Repeat => self.inbound.repeats[kind as usize] = Some(ssrc),
        }
        Some((kind, role))
    }
}
