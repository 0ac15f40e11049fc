//! The datagrams of a channel. All numbers are big-endian.
//!
//! ```text
//! every datagram   type u8 · channel u64 · …
//! media            number u16 · flags u8 · codec u16 · source u8 · layer u16 · repair u16
//!                  · extensions u8 · sequence u32 · timestamp u32 · arrived u32
//!                  [· clock age u32 · clock timestamp u32]
//!                  · each extension: id u8, length u8, value · payload
//! control          stamp u32 · flags u8 · echo u32 · echo delay u32 · key frames u16 · cap u32
//! nack             kind u8 · each packet: number u16
//! ```
//!
//! `number` counts the packets of one kind on this hop; `sequence` and `timestamp` are the
//! publisher's, `sequence` without its wrapping: 32 bits last for 49 days at 1,000 packets a second.
//! `arrived` is when the packet came from the publisher's page, in microseconds of the sender's
//! [`Stamp`]; `repair` is how many milliseconds repairs take on the publisher's way; the clock is what its sender report said, as long before that.

use std::{ops::Range, time::Duration};

use arrayvec::ArrayVec;
use bytes::BufMut;

use super::clock::Stamp;
use crate::{
    api::{ChannelId, MediaKind},
    media::incoming::{Incoming, MAX_PASSED},
    rtp::{Layer, PayloadType},
    sdp::{Codec, Extension, H264Profile, PacketizationMode},
};

const AUDIO: u8 = 1;
const VIDEO: u8 = 2;
const CONTROL: u8 = 3;
const NACK: u8 = 4;

/// Type and channel.
const PREFIX: usize = 9;
/// Everything of a media datagram but extensions and payload, at most.
const MEDIA_HEADER: usize = PREFIX + 31;
const CONTROL_LEN: usize = PREFIX + 19;

const MARKER: u8 = 1;
const KEY_FRAME: u8 = 2;
const CLOCK: u8 = 4;

const HEARD: u8 = 1;
const CAPPED: u8 = 2;

/// Packets asked for in one datagram.
pub(super) const MAX_ASKED: usize = 64;

/// It is not a datagram of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a relay datagram")]
pub struct Malformed;

/// The channel of a datagram, which says where it belongs.
pub fn channel_of(data: &[u8]) -> Option<ChannelId> {
    let id = data.get(1..PREFIX)?.first_chunk()?;
    (AUDIO..=NACK).contains(&data[0]).then(|| ChannelId(u64::from_be_bytes(*id)))
}

/// Whether a datagram says how its sender's end of the channel is.
pub fn is_control(data: &[u8]) -> bool {
    data.first() == Some(&CONTROL)
}

/// A datagram, taken apart.
#[derive(Debug)]
pub(super) enum Datagram<'a> {
    Media(Media),
    Control(Control),
    Nack { kind: MediaKind, numbers: &'a [u8] },
}

/// A publisher's packet. Offsets are into the datagram.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Media {
    pub(super) number: u16,
    pub(super) codec: Codec,
    /// Which of the publisher's numberings; counts its changes.
    pub(super) source: u8,
    pub(super) sequence: u32,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) starts_key_frame: bool,
    pub(super) layer: Layer,
    pub(super) repair: Duration,
    pub(super) arrived: Stamp,
    pub(super) clock: Option<ClockNote>,
    pub(super) extensions: ArrayVec<(Extension, Range<u16>), MAX_PASSED>,
    pub(super) payload: Range<usize>,
}

/// What the publisher's sender report said: its timestamp, so many microseconds before the packet
/// arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockNote {
    pub(super) age: u32,
    pub(super) timestamp: u32,
}

/// How one end of a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) stamp: Stamp,
    /// The newest stamp heard from the other end, and how many microseconds ago.
    pub(super) echo: Option<(Stamp, u32)>,
    /// Counts the key frames that were wanted.
    pub(super) key_frames: u16,
    /// The publisher should send no more than this, in bit/s.
    pub(super) cap: Option<u32>,
}

impl<'a> Datagram<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        let rest = data.get(PREFIX..).ok_or(Malformed)?;
        match data[0] {
            AUDIO | VIDEO => {
                let media = Media::parse(data).ok_or(Malformed)?;
                (media.codec.kind() == kind_of(data[0])).then_some(Self::Media(media))
            }
            CONTROL => Control::parse(rest).map(Self::Control),
            NACK => {
                let (&kind, numbers) = rest.split_first().ok_or(Malformed)?;
                let known = matches!(kind, AUDIO | VIDEO) && numbers.len() <= 2 * MAX_ASKED;
                known.then_some(Self::Nack { kind: kind_of(kind), numbers })
            }
            _ => None,
        }
        .ok_or(Malformed)
    }
}

/// The numbers of a nack.
pub(super) fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// Length of the media datagram for a packet, at most.
pub(super) fn media_len(incoming: &Incoming) -> usize {
    let extensions: usize =
        incoming.extensions.iter().map(|(_, value)| 2 + usize::from(value.end - value.start)).sum();
    MEDIA_HEADER + extensions + incoming.payload.len()
}

/// What a media datagram says besides the packet itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope {
    pub(super) channel: ChannelId,
    pub(super) number: u16,
    pub(super) source: u8,
    pub(super) arrived: Stamp,
    pub(super) clock: Option<ClockNote>,
}

/// Appends a media datagram.
pub(super) fn write_media(
    out: &mut impl BufMut,
    envelope: &Envelope,
    incoming: &Incoming,
    packet: &[u8],
) {
    prefix(out, byte_of(incoming.kind()), envelope.channel);
    out.put_u16(envelope.number);
    let flags = [
        (incoming.marker, MARKER),
        (incoming.starts_key_frame, KEY_FRAME),
        (envelope.clock.is_some(), CLOCK),
    ];
    out.put_u8(flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum());
    out.put_u16(write_codec(incoming.codec));
    out.put_u8(envelope.source);
    out.put_u16(write_layer(incoming.layer));
    out.put_u16(u16::try_from(incoming.repair.as_millis()).unwrap_or(u16::MAX));
    out.put_u8(incoming.extensions.len() as u8);
    out.put_u32(incoming.sequence as u32);
    out.put_u32(incoming.timestamp);
    out.put_u32(envelope.arrived.0);
    if let Some(clock) = envelope.clock {
        out.put_u32(clock.age);
        out.put_u32(clock.timestamp);
    }
    for (extension, value) in &incoming.extensions {
        let value = packet.get(usize::from(value.start)..usize::from(value.end));
        let value = value.unwrap_or_default();
        out.put_u8(*extension as u8);
        // One byte is what RFC 8285 gives the length of a value.
        out.put_u8(value.len() as u8);
        out.put_slice(value);
    }
    out.put_slice(packet.get(incoming.payload.clone()).unwrap_or_default());
}

impl Media {
    fn parse(data: &[u8]) -> Option<Self> {
        let mut at = PREFIX;
        let number = u16_at(data, &mut at)?;
        let flags = u8_at(data, &mut at)?;
        let codec = read_codec(u16_at(data, &mut at)?)?;
        let source = u8_at(data, &mut at)?;
        let layer = u16_at(data, &mut at)?;
        let repair = Duration::from_millis(u16_at(data, &mut at)?.into());
        let count = u8_at(data, &mut at)?;
        let sequence = u32_at(data, &mut at)?;
        let timestamp = u32_at(data, &mut at)?;
        let arrived = Stamp(u32_at(data, &mut at)?);
        let clock = if flags & CLOCK != 0 {
            Some(ClockNote { age: u32_at(data, &mut at)?, timestamp: u32_at(data, &mut at)? })
        } else {
            None
        };
        let mut extensions = ArrayVec::new();
        for _ in 0..count {
            let id = u8_at(data, &mut at)?;
            let len = usize::from(u8_at(data, &mut at)?);
            let value = at..at + len;
            data.get(value.clone())?;
            at = value.end;
            let extension = *Extension::ALL.get(usize::from(id))?;
            if !extension.passes_through() {
                return None;
            }
            let value = u16::try_from(value.start).ok()?..u16::try_from(value.end).ok()?;
            extensions.try_push((extension, value)).ok()?;
        }
        let payload = at..data.len();
        let layer = read_layer(layer).filter(|layer| {
            let end = layer.picture_id.map_or(0, |(at, len)| usize::from(at) + usize::from(len));
            end <= payload.len()
        })?;
        Some(Self {
            number,
            codec,
            source,
            sequence,
            timestamp,
            marker: flags & MARKER != 0,
            starts_key_frame: flags & KEY_FRAME != 0,
            layer,
            repair,
            arrived,
            clock,
            extensions,
            payload,
        })
    }
}

impl Control {
    pub(super) const LEN: usize = CONTROL_LEN;

    pub(super) fn write(&self, out: &mut impl BufMut, channel: ChannelId) {
        prefix(out, CONTROL, channel);
        out.put_u32(self.stamp.0);
        let heard = if self.echo.is_some() { HEARD } else { 0 };
        out.put_u8(heard | if self.cap.is_some() { CAPPED } else { 0 });
        let (echo, delay) = self.echo.unwrap_or((Stamp(0), 0));
        out.put_u32(echo.0);
        out.put_u32(delay);
        out.put_u16(self.key_frames);
        out.put_u32(self.cap.unwrap_or_default());
    }

    fn parse(rest: &[u8]) -> Option<Self> {
        let mut at = 0;
        let stamp = Stamp(u32_at(rest, &mut at)?);
        let flags = u8_at(rest, &mut at)?;
        let echo = (Stamp(u32_at(rest, &mut at)?), u32_at(rest, &mut at)?);
        let key_frames = u16_at(rest, &mut at)?;
        let cap = u32_at(rest, &mut at)?;
        Some(Self {
            stamp,
            echo: (flags & HEARD != 0).then_some(echo),
            key_frames,
            cap: (flags & CAPPED != 0).then_some(cap),
        })
    }
}

/// Length of a nack for so many packets.
pub(super) fn nack_len(packets: usize) -> usize {
    PREFIX + 1 + 2 * packets
}

/// Appends a nack.
pub(super) fn write_nack(
    out: &mut impl BufMut,
    channel: ChannelId,
    kind: MediaKind,
    numbers: &[u16],
) {
    prefix(out, NACK, channel);
    out.put_u8(byte_of(kind));
    for number in numbers {
        out.put_u16(*number);
    }
}

fn prefix(out: &mut impl BufMut, byte: u8, channel: ChannelId) {
    out.put_u8(byte);
    out.put_u64(channel.0);
}

fn byte_of(kind: MediaKind) -> u8 {
    match kind {
        MediaKind::Audio => AUDIO,
        MediaKind::Video => VIDEO,
    }
}

fn kind_of(byte: u8) -> MediaKind {
    if byte == AUDIO { MediaKind::Audio } else { MediaKind::Video }
}

/// The codec in the upper byte, its parameters in the lower.
fn write_codec(codec: Codec) -> u16 {
    let (codec, parameters) = match codec {
        Codec::Opus => (0, 0),
        Codec::Red { opus } => (1, opus.0),
        Codec::Vp8 => (2, 0),
        Codec::Vp9 { profile } => (3, profile),
        Codec::H264 { profile, mode } => (4, (profile as u8) << 1 | mode as u8),
        Codec::Av1 { profile } => (5, profile),
    };
    u16::from_be_bytes([codec, parameters])
}

fn read_codec(value: u16) -> Option<Codec> {
    const PROFILES: [H264Profile; 6] = [
        H264Profile::ConstrainedBaseline,
        H264Profile::Baseline,
        H264Profile::Main,
        H264Profile::ConstrainedHigh,
        H264Profile::High,
        H264Profile::PredictiveHigh444,
    ];
    let [codec, parameters] = value.to_be_bytes();
    Some(match codec {
        0 => Codec::Opus,
        1 if parameters < 128 => Codec::Red { opus: PayloadType(parameters) },
        2 => Codec::Vp8,
        3 => Codec::Vp9 { profile: parameters },
        4 => Codec::H264 {
            profile: *PROFILES.get(usize::from(parameters >> 1))?,
            mode: if parameters & 1 == 0 {
                PacketizationMode::SingleNal
            } else {
                PacketizationMode::NonInterleaved
            },
        },
        5 => Codec::Av1 { profile: parameters },
        _ => return None,
    })
}

/// Temporal layer in the lowest 3 bits, discardable, sync, length of the picture id in 2 bits; its
/// place in the upper byte.
fn write_layer(layer: Layer) -> u16 {
    let (at, len) = layer.picture_id.unwrap_or((0, 0));
    let low = layer.temporal & 7
        | u8::from(layer.discardable) << 3
        | u8::from(layer.sync) << 4
        | (len & 3) << 5;
    u16::from_be_bytes([at, low])
}

fn read_layer(value: u16) -> Option<Layer> {
    let [at, low] = value.to_be_bytes();
    let len = low >> 5 & 3;
    (len <= 2 && low >> 7 == 0).then(|| Layer {
        temporal: low & 7,
        discardable: low & 8 != 0,
        sync: low & 16 != 0,
        picture_id: (len > 0).then_some((at, len)),
    })
}

fn u8_at(data: &[u8], at: &mut usize) -> Option<u8> {
    let value = data.get(*at).copied();
    *at += 1;
    value
}

fn u16_at(data: &[u8], at: &mut usize) -> Option<u16> {
    let value = data.get(*at..*at + 2)?.first_chunk()?;
    *at += 2;
    Some(u16::from_be_bytes(*value))
}

fn u32_at(data: &[u8], at: &mut usize) -> Option<u32> {
    let value = data.get(*at..*at + 4)?.first_chunk()?;
    *at += 4;
    Some(u32::from_be_bytes(*value))
}
