//! One stream to a viewer: our own SSRC and numbering, whoever publishes.

use std::time::{Duration, Instant};

use super::{
    Counters, Incoming,
    admission::{Allowance, Forwarded},
    backlog::{Backlog, Queued},
    cache::PacketCache,
    clock::{RtpClock, ticks},
    header::{Fixed, write_header},
    incoming::SourceId,
    key_progress::KeyFrameProgress,
    numbering::Numbering,
    patience::{Patience, Repairs},
    red,
};
use crate::{
    api::MediaKind,
    rtp::{Layer, PayloadType, Ssrc},
    sdp::{Codec, Media, PayloadMapping},
};

/// Bytes and packets kept at most for repeats of video: more than a second at 2.5 Mbit/s. Audio is
/// not repeated; its ring is only the way to the socket.
const VIDEO_CACHE: (usize, usize) = (448 * 1024, 1_024);
const AUDIO_CACHE: (usize, usize) = (16 * 1024, 32);
/// Timestamps move on by at least this much from one publisher to the next.
const MIN_STEP: Duration = Duration::from_millis(10);
/// Silence longer than this is not counted out in timestamps: a difference of half their range
/// would look like going backwards.
const MAX_STEP: Duration = Duration::from_secs(3_600);

/// An outgoing stream.
#[derive(Debug, Clone)]
pub(super) struct SendStream {
    pub(super) kind: MediaKind,
    pub(super) ssrc: Ssrc,
    pub(super) rtx: Option<Rtx>,
    /// By position.
    pub(super) cache: PacketCache,
    pub(super) backlog: Backlog,
    pub(super) numbering: Numbering,
    pub(super) source: Option<Source>,
    /// Since the last [`Self::restart`] nothing was forwarded yet.
    pub(super) fresh: bool,
    /// Highest position forwarded, and highest number sent.
    pub(super) highest: u64,
    highest_number: u64,
    /// The newest key frame: its first position and its timestamp.
    pub(super) key: Option<(u64, u32)>,
    /// The first one since forwarding began.
    pub(super) first_key: Option<u64>,
    /// From this position on everything is dropped until a key frame begins.
    pub(super) waits_from: Option<u64>,
    /// The newest packet sent that is large enough for a probe.
    pub(super) large: Option<u64>,
    last: Option<Last>,
    clock: Option<ForwardedClock>,
    route: Option<(Codec, PayloadMapping)>,
    pub(super) key_frame: KeyFrameProgress,
    /// Its opener has been sent, or is no longer of use.
    pub(super) opened: bool,
    patience: Patience,
    pub(super) packets: u32,
    pub(super) octets: u32,
    first_timestamp: u32,
}

/// The stream of repeats (RFC 4588).
#[derive(Debug, Clone, Copy)]
pub(super) struct Rtx {
    pub(super) ssrc: Ssrc,
    pub(super) sequence: u16,
}

/// The publisher's stream that is forwarded, and how its numbering maps to ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    id: SourceId,
    /// What came before it was not forwarded.
    first: u64,
    sequence_delta: u64,
    timestamp_delta: u32,
}

/// The newest packet that was forwarded.
#[derive(Debug, Clone, Copy)]
struct Last {
    at: Instant,
    timestamp: u32,
    clock_rate: u32,
}

impl Source {
    pub(super) fn first_position(self) -> u64 {
        self.first.wrapping_add(self.sequence_delta)
    }
}

#[derive(Debug, Clone, Copy)]
struct ForwardedClock {
    publisher: RtpClock,
    timestamp_delta: u32,
    clock_rate: u32,
}

/// What the peer takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// The agreement about the stream.
    pub(super) media: &'a Media,
    /// Header extensions may have the two-byte form.
    pub(super) two_byte_allowed: bool,
    pub(super) allowance: Allowance,
    /// What comes is to be shown at once: the viewer sees nothing yet.
    pub(super) at_once: bool,
    /// A key frame takes the place of those that wait before it.
    pub(super) supersedes: bool,
    /// How long repairs take on the viewer's own way; zero where nearly none is needed.
    pub(super) repair: Duration,
    /// How late pictures usually are complete at the viewer.
    pub(super) late: Option<Duration>,
}

impl SendStream {
    pub(super) fn new(kind: MediaKind, ssrc: Ssrc, rtx: Option<Rtx>, random: u64) -> Self {
        let (bytes, packets) = match kind {
            MediaKind::Audio => AUDIO_CACHE,
            MediaKind::Video => VIDEO_CACHE,
        };
        Self {
            kind,
            ssrc,
            rtx,
            cache: PacketCache::new(bytes, packets),
            backlog: Backlog::default(),
            numbering: Numbering::default(),
            source: None,
            fresh: true,
            // In the lower half, so that a lossy start is not ambiguous to SRTP's rollover counter
            // (RFC 3711 §3.3.1). One above, so that there is a number before the first.
            highest: 0x1_0000 + (random & 0x7fff),
            highest_number: 0x1_0000 + (random & 0x7fff),
            key: None,
            first_key: None,
            waits_from: None,
            large: None,
            last: None,
            clock: None,
            route: None,
            key_frame: KeyFrameProgress::default(),
            opened: false,
            patience: Patience::default(),
            packets: 0,
            octets: 0,
            first_timestamp: (random >> 16) as u32,
        }
    }

    /// The next packet comes from another publisher, or after a pause.
    pub(super) fn restart(&mut self) {
        self.source = None;
        self.clock = None;
        self.fresh = true;
        self.first_key = None;
        self.key_frame = KeyFrameProgress::default();
    }

    /// Number and timestamp of a packet before the first one; `None` once that has been sent.
    pub(super) fn before_first(&self) -> Option<(u16, u32)> {
        (self.packets == 0).then_some((self.highest_number as u16, self.first_timestamp))
    }

    /// The agreement has changed: payload types are looked up anew, at once, since a repeat may be
    /// asked for before the next packet comes.
    pub(super) fn renegotiate(&mut self, media: Option<&Media>) {
        self.route = self.route.and_then(|(codec, _)| Some((codec, *media?.best_for(codec)?)));
    }

    /// Writes a publisher's packet in our stream's form into the cache and queues it.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        terms: Terms<'_>,
        incoming: &Incoming,
        packet: &[u8],
        counters: &mut Counters,
    ) -> Forwarded {
        let Terms { media, two_byte_allowed, allowance, at_once, supersedes, repair, late } = terms;
        let Some(mapping) = self.route(media, incoming.codec) else {
            counters.not_mappable += 1;
            return Forwarded::Dropped;
        };
        let Some(source) = self.source_for(now, incoming) else {
            counters.before_key_frame += 1;
            return Forwarded::NeedsKeyFrame;
        };
        if incoming.sequence < source.first {
            counters.before_key_frame += 1;
            return Forwarded::Dropped;
        }
        let Some(payload) = packet.get(incoming.payload.clone()) else { return Forwarded::Dropped };
        let Some(payload) = carried(incoming.codec, mapping.codec, payload) else {
            counters.malformed_rtp += 1;
            return Forwarded::Dropped;
        };
        if payload.len() + crate::rtp::MAX_HEADER > super::MAX_PACKET {
            counters.too_large += 1;
            return Forwarded::Dropped;
        }
        let position = incoming.sequence.wrapping_add(source.sequence_delta);
        let timestamp = incoming.timestamp.wrapping_add(source.timestamp_delta);
        let clock_rate = incoming.codec.clock_rate();
        if position > self.highest {
            self.highest = position;
            self.last = Some(Last { at: now, timestamp, clock_rate });
        }
        if let Some(publisher) = incoming.clock {
            let timestamp_delta = source.timestamp_delta;
            self.clock = Some(ForwardedClock { publisher, timestamp_delta, clock_rate });
        }
        let queued = Queued {
            position,
            timestamp,
            at: now,
            bytes: (payload.len() + crate::rtp::MAX_HEADER / 4) as u16,
            layer: incoming.layer,
            key_frame: false,
            marker: incoming.marker,
        };
        let queued =
            match self.admit(queued, incoming.starts_key_frame, allowance, supersedes, counters) {
                Ok(queued) => queued,
                Err(dropped) => return dropped,
            };
        let repairs = Repairs { before: incoming.repair, own: repair };
        let repairs = if at_once { Repairs::default() } else { repairs };
        let playout_delay = self.patience.tell(repairs, late);
        let fixed =
            Fixed { mapping, sequence: position as u16, timestamp, ssrc: self.ssrc, playout_delay };
        self.cache.store(now, position, payload, |buffer| {
            write_header(buffer, media, two_byte_allowed, incoming, packet, fixed)
        });
        if incoming.starts_key_frame {
            self.key_frame.begin(now, position, timestamp);
        }
        self.backlog.push(queued);
        Forwarded::Queued { first: std::mem::take(&mut self.fresh) }
    }

    /// The next packet to send: what was queued, and the number that it is sent under.
    pub(super) fn take_next(&mut self) -> Option<(Queued, u64)> {
        loop {
            let queued = self.backlog.pop()?;
            // Omitted while it waited.
            let Some(number) = self.numbering.number(queued.position) else { continue };
            self.highest_number = self.highest_number.max(number);
            return Some((queued, number));
        }
    }

    /// Puts the number into a packet's header and, for VP8, mends the picture's.
    pub(super) fn number(&self, packet: &mut [u8], header_len: usize, position: u64, number: u64) {
        packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        let omitted = self.numbering.pictures(position);
        let Some((Codec::Vp8, mapping)) = self.route.filter(|_| omitted > 0) else { return };
        if packet[1] & 0x7f == mapping.payload_type.0 {
            Layer::renumber_vp8(&mut packet[header_len..], omitted);
        }
    }

    /// The moment `now` in this stream's timestamps, for a sender report. `None` as long as the
    /// publisher's clock is unknown: a guess would pull audio and video apart.
    pub(super) fn timestamp_at(&self, now: Instant) -> Option<u32> {
        let clock = self.clock?;
        let publisher = clock.publisher.timestamp(now, clock.clock_rate);
        Some(publisher.wrapping_add(clock.timestamp_delta))
    }

    /// Position of a packet that the peer names by the 16 bits of its number.
    pub(super) fn position(&self, sequence: u16) -> Option<u64> {
        let behind = (self.highest_number as u16).wrapping_sub(sequence);
        self.numbering.position(self.highest_number.checked_sub(u64::from(behind))?)
    }

    /// The whole of a position, of which only the lower 16 bits are known. It was sent lately.
    pub(super) fn near(&self, position: u16) -> u64 {
        let behind = (self.highest as u16).wrapping_sub(position);
        self.highest.saturating_sub(u64::from(behind))
    }

    /// Whether a packet is not worth repeating: a newer key frame has begun, or everything up to
    /// the next one was dropped. `begins`: the call begins with several key frames in a row, and the peer shows whichever
    /// is complete first.
    pub(super) fn is_outdated(&self, position: u64, begins: bool) -> bool {
        let newest = self.key.map(|(key, _)| key);
        let key = if begins { self.first_key.or(newest) } else { newest };
        self.waits_from.is_some() || key.is_some_and(|key| position < key)
    }

    /// The payload type of repeats of a payload type.
    pub(super) fn rtx_payload_type(&self) -> Option<PayloadType> {
        self.route.as_ref()?.1.rtx
    }

    fn route(&mut self, media: &Media, codec: Codec) -> Option<PayloadMapping> {
        match self.route {
            Some((known, mapping)) if known == codec => Some(mapping),
            _ => {
                let mapping = *media.best_for(codec)?;
                self.route = Some((codec, mapping));
                Some(mapping)
            }
        }
    }

    /// The mapping for a packet's stream. A new stream of video begins at a key frame only.
    fn source_for(&mut self, now: Instant, incoming: &Incoming) -> Option<Source> {
        if let Some(source) = self.source.filter(|source| source.id == incoming.source) {
            return Some(source);
        }
        if self.kind == MediaKind::Video && !incoming.starts_key_frame {
            return None;
        }
        let timestamp = match self.last {
            Some(last) => {
                let passed = now.saturating_duration_since(last.at).clamp(MIN_STEP, MAX_STEP);
                last.timestamp.wrapping_add(ticks(passed, last.clock_rate))
            }
            None => self.first_timestamp,
        };
        if let Some(from) = self.waits_from.take() {
            self.numbering.omit(from, self.highest + 1, 0);
        }
        let source = Source {
            id: incoming.source,
            first: incoming.sequence,
            sequence_delta: (self.highest + 1).wrapping_sub(incoming.sequence),
            timestamp_delta: timestamp.wrapping_sub(incoming.timestamp),
        };
        self.source = Some(source);
        self.clock = None;
        Some(source)
    }
}

/// What a viewer gets of a payload: the packet without its copies, where it knows no RED.
fn carried(sent: Codec, taken: Codec, payload: &[u8]) -> Option<&[u8]> {
    match (sent, taken) {
        (Codec::Red { .. }, Codec::Opus) => red::primary(payload),
        _ => Some(payload),
    }
}
