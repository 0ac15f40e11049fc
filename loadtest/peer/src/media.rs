//! What a camera and a microphone send: the packets of [`Stream`]s, ready for the network.
//!
//! Video is 30 frames of six equal packets a second, 1.5 Mbit/s, marked as VP8 with a key frame every
//! two seconds; audio is 50 packets of Opus. The bytes behind the headers are a [`Stamp`] and
//! filler: the node never looks at them.

use std::{collections::VecDeque, time::Duration};

use super::{
    header::{LEN as HEADER_LEN, RtpHeader},
    sdp,
    srtp::{Keys, TAG_LEN},
};

/// Packets of a video frame, where nothing else is asked for.
pub const PACKETS_PER_FRAME: usize = 6;
/// Frames in a second.
pub const FRAMES_PER_SECOND: u64 = 30;
/// Audio packets in a second.
pub const AUDIO_PER_SECOND: u64 = 50;
/// RTP packets of one direction in a second, with frames of so many packets.
pub const fn packets_per_second(packets_per_frame: usize) -> u64 {
    FRAMES_PER_SECOND * packets_per_frame as u64 + AUDIO_PER_SECOND
}
/// Bit/s of video in one direction, without the headers of its packets.
pub const fn video_bitrate(packets_per_frame: usize) -> u64 {
    FRAMES_PER_SECOND * (8 * packets_per_frame * VIDEO_PAYLOAD) as u64
}
/// Payload of a video packet: 1.5 Mbit/s over 180 packets.
const VIDEO_PAYLOAD: usize = 1_042;
/// 32 kbit/s, as WebRTC's Opus.
const AUDIO_PAYLOAD: usize = 80;
/// A repeat begins with the number of the packet that it repeats (RFC 4588 §4).
pub const ORIGINAL_LEN: usize = 2;
/// Frames from one key frame to the next, when nobody asks for one: two seconds.
const KEY_FRAME_EVERY: u64 = 2 * FRAMES_PER_SECOND;
/// Where the [`Stamp`] stands in the payload: behind the longest VP8 descriptor and frame header.
const STAMP_AT: usize = 16;

/// What tells one packet from another at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When it was sealed, nanoseconds since the Unix epoch.
    pub sent: u64,
    /// Counts the packets of its stream.
    pub number: u32,
    /// The leg that sent it.
    pub leg: u32,
}

impl Stamp {
    fn write(self, payload: &mut [u8]) {
        payload[STAMP_AT..STAMP_AT + 8].copy_from_slice(&self.sent.to_be_bytes());
        payload[STAMP_AT + 8..STAMP_AT + 12].copy_from_slice(&self.number.to_be_bytes());
        payload[STAMP_AT + 12..STAMP_AT + 16].copy_from_slice(&self.leg.to_be_bytes());
    }

    /// Reads it from an opened payload.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; 16] = payload.get(STAMP_AT..)?.first_chunk()?;
        let (sent, rest) = bytes.split_first_chunk::<8>()?;
        let (number, leg) = rest.split_first_chunk::<4>()?;
        Some(Self {
            sent: u64::from_be_bytes(*sent),
            number: u32::from_be_bytes(*number),
            leg: u32::from_be_bytes(*leg.first_chunk()?),
        })
    }
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

/// Packets of video that are kept to be repeated: more than a second.
const KEPT: usize = 256;

/// A packet that may be asked for again. The rest of it is made from this.
#[derive(Clone, Copy)]
struct Sent {
    index: u64,
    timestamp: u32,
    frame: u64,
    first: bool,
    last: bool,
    key_frame: bool,
    stamp: Stamp,
    /// When it was repeated last, nanoseconds.
    repeated: Option<u64>,
}

/// The stream of repeats.
struct Repeats {
    ssrc: u32,
    index: u64,
    /// What was sent last.
    sent: VecDeque<Sent>,
    /// What may be repeated, in bytes: as much as the video itself has, over a second
    /// (`retransmission_rate_limiter`).
    budget: f64,
    at: u64,
}

impl Repeats {
    fn take(&mut self, now: u64, bitrate: u64, size: usize) -> bool {
        let second = bitrate as f64 / 8.0;
        let passed = now.saturating_sub(self.at) as f64 / 1e9;
        self.at = now;
        self.budget = second.min(self.budget + second * passed);
        let enough = self.budget >= size as f64;
        if enough {
            self.budget -= size as f64;
        }
        enough
    }
}

/// One outgoing RTP stream.
pub struct Stream {
    kind: Kind,
    leg: u32,
    /// Its SSRC.
    pub ssrc: u32,
    /// Rollover counter and sequence number of the next packet.
    index: u64,
    /// RTP time of the next frame.
    pub timestamp: u32,
    frames: u64,
    key_frame_wanted: bool,
    packets_per_frame: usize,
    repeats: Repeats,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

impl Stream {
    /// A stream that has not begun.
    pub fn new(kind: Kind, leg: u32, ssrc: u32) -> Self {
        // Far enough from zero that a reader has to honour the real start, and from the wrap that
        // both kinds wrap at different times.
        let index = u64::from(ssrc % 30_000) + 1_000;
        Self {
            kind,
            leg,
            ssrc,
            index,
            timestamp: ssrc.wrapping_mul(77_777),
            frames: 0,
            key_frame_wanted: true,
            packets_per_frame: PACKETS_PER_FRAME,
            repeats: Repeats {
                ssrc: ssrc + 1,
                index,
                sent: VecDeque::new(),
                budget: f64::INFINITY,
                at: 0,
            },
            packets: 0,
            octets: 0,
        }
    }

    /// Frames of video are to have so many packets: the bitrate goes with it.
    pub fn set_packets_per_frame(&mut self, packets: usize) {
        self.packets_per_frame = packets;
    }

    /// The next frame is to be a key frame.
    pub fn want_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    /// Appends the packets of the next frame, sealed and all of one size; that size. `sequence` is
    /// the leg's transport-wide sequence number, `now` nanoseconds since the Unix epoch.
    pub fn frame(&mut self, keys: &Keys, sequence: &mut u16, now: u64, run: &mut Vec<u8>) -> usize {
        let (packets, payload_len) = match self.kind {
            Kind::Audio => (1, AUDIO_PAYLOAD),
            Kind::Video => (self.packets_per_frame, VIDEO_PAYLOAD),
        };
        let key_frame = self.key_frame_wanted || self.frames.is_multiple_of(KEY_FRAME_EVERY);
        self.key_frame_wanted = false;
        let len = HEADER_LEN + payload_len + TAG_LEN;
        for number in 0..packets {
            let start = run.len();
            run.resize(start + len, 0);
            let packet = &mut run[start..];
            let sent = Sent {
                index: self.index,
                timestamp: self.timestamp,
                frame: self.frames,
                first: number == 0,
                last: number + 1 == packets,
                key_frame,
                stamp: Stamp { sent: now, number: self.packets, leg: self.leg },
                repeated: None,
            };
            let header = self.header(&sent, *sequence, now).write();
            packet[..HEADER_LEN].copy_from_slice(&header);
            self.payload(&mut packet[HEADER_LEN..len - TAG_LEN], &sent);
            keys.seal_rtp(packet, HEADER_LEN, self.ssrc, self.index);
            *sequence = sequence.wrapping_add(1);
            self.index += 1;
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(payload_len as u32);
            if self.kind == Kind::Video {
                let kept = &mut self.repeats.sent;
                kept.truncate(KEPT - 1);
                kept.push_front(sent);
            }
        }
        self.frames += 1;
        self.timestamp = self.timestamp.wrapping_add(match self.kind {
            Kind::Audio => 48_000 / AUDIO_PER_SECOND as u32,
            Kind::Video => 90_000 / FRAMES_PER_SECOND as u32,
        });
        len
    }

    /// A packet again, sealed, if it is kept, may be repeated, and was not within `rtt` nanoseconds.
    pub fn repeat(
        &mut self,
        keys: &Keys,
        wanted: u16,
        sequence: &mut u16,
        now: u64,
        rtt: u64,
    ) -> Option<Vec<u8>> {
        let newest = self.repeats.sent.front()?.index as u16;
        let place = usize::from(newest.wrapping_sub(wanted));
        let len = HEADER_LEN + ORIGINAL_LEN + VIDEO_PAYLOAD + TAG_LEN;
        let sent = *self.repeats.sent.get(place)?;
        if sent.repeated.is_some_and(|at| now < at + rtt)
            || !self.repeats.take(now, video_bitrate(self.packets_per_frame), len)
        {
            return None;
        }
        self.repeats.sent[place].repeated = Some(now);
        let (ssrc, index) = (self.repeats.ssrc, self.repeats.index);
        let mut packet = vec![0; len];
        let header = RtpHeader {
            payload_type: sdp::RTX,
            sequence: index as u16,
            ssrc,
            ..self.header(&sent, *sequence, now)
        };
        packet[..HEADER_LEN].copy_from_slice(&header.write());
        let payload = &mut packet[HEADER_LEN..len - TAG_LEN];
        payload[..ORIGINAL_LEN].copy_from_slice(&wanted.to_be_bytes());
        self.payload(&mut payload[ORIGINAL_LEN..], &sent);
        keys.seal_rtp(&mut packet, HEADER_LEN, ssrc, index);
        *sequence = sequence.wrapping_add(1);
        self.repeats.index += 1;
        Some(packet)
    }

    fn header(&self, sent: &Sent, transport_sequence: u16, now: u64) -> RtpHeader {
        let (payload_type, marker, mid) = match self.kind {
            Kind::Audio => (sdp::OPUS, sent.frame == 0, b'0'),
            Kind::Video => (sdp::VP8, sent.last, b'1'),
        };
        RtpHeader {
            payload_type,
            marker,
            mid,
            sequence: sent.index as u16,
            timestamp: sent.timestamp,
            ssrc: self.ssrc,
            transport_sequence,
            sent: Duration::from_nanos(now),
        }
    }

    fn payload(&self, payload: &mut [u8], sent: &Sent) {
        match self.kind {
            // TOC byte of a 20 ms CELT frame in stereo.
            Kind::Audio => payload[0] = 0xfc,
            // RFC 7741: start of the partition, 15-bit picture id; then RFC 6386 §9.1.
            Kind::Video => {
                let [high, low] = (sent.frame as u16).to_be_bytes();
                let start = u8::from(sent.first) << 4;
                payload[..4].copy_from_slice(&[0x80 | start, 0x80, 0x80 | high, low]);
                if sent.first {
                    payload[4] = u8::from(!sent.key_frame);
                    if sent.key_frame {
                        payload[7..14].copy_from_slice(&[0x9d, 0x01, 0x2a, 0, 5, 0xd0, 2]);
                    }
                }
            }
        }
        sent.stamp.write(payload);
    }
}

/// Whether a payload of video is the first of a key frame.
pub fn starts_key_frame(payload: &[u8]) -> bool {
    matches!(payload, [first, _, _, _, tag, ..] if first & 0x10 != 0 && tag & 1 == 0)
}
