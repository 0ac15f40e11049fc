//! One stream to a viewer: our own SSRC and numbering, whoever publishes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    Counters, Incoming,
    cache::PacketCache,
    clock::{RtpClock, ticks},
    header::{Fixed, write_header},
    incoming::SourceId,
    key_progress::KeyFrameProgress,
};
use crate::{
    api::MediaKind,
    rtp::{PayloadType, Ssrc},
    sdp::{Codec, Media, PayloadMapping},
};

/// Bytes and packets kept for repeats of video: more than a second at 2.5 Mbit/s. Audio is not
/// repeated; its ring is only the way to the socket.
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
    pub(super) cache: PacketCache,
    /// Sequence numbers of stored packets that have not been sent yet.
    pub(super) queue: VecDeque<u64>,
    source: Option<Source>,
    /// Since the last [`Self::restart`] nothing was forwarded yet.
    pub(super) fresh: bool,
    highest: u64,
    last: Option<Last>,
    clock: Option<ForwardedClock>,
    route: Option<(Codec, PayloadMapping)>,
    pub(super) key_frame: KeyFrameProgress,
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
struct Source {
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

#[derive(Debug, Clone, Copy)]
struct ForwardedClock {
    publisher: RtpClock,
    timestamp_delta: u32,
    clock_rate: u32,
}

/// What became of a packet that was to be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarded {
    /// It waits to be sent.
    Queued {
        /// The first one since forwarding began.
        first: bool,
        /// It completes the first key frame since forwarding began.
        key_frame_complete: bool,
    },
    /// It cannot be used before a key frame.
    NeedsKeyFrame,
    /// Not forwarded; it was counted.
    Dropped,
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
            queue: VecDeque::new(),
            source: None,
            fresh: true,
            // In the lower half, so that a lossy start is not ambiguous to SRTP's rollover counter
            // (RFC 3711 §3.3.1). One above, so that there is a number before the first.
            highest: 0x1_0000 + (random & 0x7fff),
            last: None,
            clock: None,
            route: None,
            key_frame: KeyFrameProgress::default(),
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
        self.key_frame = KeyFrameProgress::default();
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
        media: &Media,
        two_byte_allowed: bool,
        incoming: &Incoming,
        packet: &[u8],
        counters: &mut Counters,
    ) -> Forwarded {
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
        if payload.len() + crate::rtp::MAX_HEADER > super::MAX_PACKET {
            counters.too_large += 1;
            return Forwarded::Dropped;
        }
        if self.queue.len() >= self.cache.slots() {
            counters.overflowed += 1;
            return Forwarded::Dropped;
        }
        let sequence = incoming.sequence.wrapping_add(source.sequence_delta);
        let timestamp = incoming.timestamp.wrapping_add(source.timestamp_delta);
        let clock_rate = incoming.codec.clock_rate();
        if sequence > self.highest {
            self.highest = sequence;
            self.last = Some(Last { at: now, timestamp, clock_rate });
        }
        if let Some(publisher) = incoming.clock {
            let timestamp_delta = source.timestamp_delta;
            self.clock = Some(ForwardedClock { publisher, timestamp_delta, clock_rate });
        }
        let fixed = Fixed { mapping, sequence: sequence as u16, timestamp, ssrc: self.ssrc };
        self.cache.store(sequence, payload, |buffer| {
            write_header(buffer, media, two_byte_allowed, incoming, packet, fixed)
        });
        self.queue.push_back(sequence);
        if incoming.starts_key_frame {
            self.key_frame.begin(sequence, timestamp);
        }
        Forwarded::Queued {
            first: std::mem::take(&mut self.fresh),
            key_frame_complete: self.key_frame.on_packet(sequence, timestamp, incoming.marker),
        }
    }

    /// The moment `now` in this stream's timestamps, for a sender report. `None` as long as the
    /// publisher's clock is unknown: a guess would pull audio and video apart.
    pub(super) fn timestamp_at(&self, now: Instant) -> Option<u32> {
        let clock = self.clock?;
        let publisher = clock.publisher.timestamp(now, clock.clock_rate);
        Some(publisher.wrapping_add(clock.timestamp_delta))
    }

    /// Full number of a packet that the peer names by its 16 bits.
    pub(super) fn unwrap(&self, sequence: u16) -> Option<u64> {
        let behind = (self.highest as u16).wrapping_sub(sequence);
        self.highest.checked_sub(u64::from(behind))
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
