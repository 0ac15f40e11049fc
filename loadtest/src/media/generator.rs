//! Synthetic media of one side of a call.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use signaling_wire::browser::Role;

use super::{
    opus,
    stamp::{CallTag, Kind, Stamp},
    vp8,
};

/// What a side sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Payload of one Opus packet, in bytes. 80 bytes every 20 ms is 32 kbit/s.
    pub audio_bytes: usize,
    /// Video frames per second.
    pub fps: u32,
    /// Video bitrate in kbit/s, payload only.
    pub video_kbps: u32,
    /// How much larger than an average frame a key frame is.
    pub key_frame_factor: u32,
}

impl Profile {
    /// Whether there is a picture.
    pub fn has_video(&self) -> bool {
        self.fps > 0 && self.video_kbps > 0
    }
}

impl Default for Profile {
    /// A phone in good light: 640 × 360 at 25 frames and 500 kbit/s.
    fn default() -> Self {
        Self { audio_bytes: 80, fps: 25, video_kbps: 500, key_frame_factor: 6 }
    }
}

/// A packet to send now, its payload included.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What its RTP header says.
    pub head: Head,
    /// RTP payload.
    pub payload: Bytes,
}

/// What a packet's RTP header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which stream.
    pub kind: Kind,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// RTP marker: last packet of a video frame, first packet of a talk spurt.
    pub marker: bool,
}

/// Makes the packets of one side of a call, each when it is due.
///
/// The RTP numbers start at random values, as RFC 3550 asks. A key frame is sent first and whenever
/// the other side asks for one, as a browser's encoder does it.
#[derive(Debug)]
pub struct Generator {
    call: CallTag,
    side: Role,
    profile: Profile,
    rng: SmallRng,
    audio: StreamState,
    video: StreamState,
    packets: VecDeque<VideoPacket>,
    key_frame_wanted: bool,
    /// When a key frame was asked for and granted last.
    granted: Option<Duration>,
    /// Bytes sent beyond the bitrate so far; paid back by smaller frames.
    debt: i64,
    /// The most that the video may take.
    limit_kbps: u32,
}

/// RTP numbering and schedule of one stream.
#[derive(Debug)]
struct StreamState {
    next_at: Duration,
    sequence: u32,
    frame: u32,
    rtp_sequence: u16,
    rtp_timestamp: u32,
}

/// A packet of a frame that has been "encoded" and waits for its turn.
#[derive(Debug)]
struct VideoPacket {
    due: Duration,
    rtp_timestamp: u32,
    frame: u32,
    key_frame: bool,
    index: u16,
    count: u16,
    bytes: usize,
}

const AUDIO_EVERY: Duration = Duration::from_millis(20);
const AUDIO_TICKS: u32 = 960;
const VIDEO_CLOCK: u32 = 90_000;
/// Payload of a full video packet: with SRTP, RTP extensions and UDP it stays below the 1,200 bytes
/// every path carries.
const MAX_PAYLOAD: usize = 1_100;
/// A frame leaves in bursts of so many packets this far apart, as Chromium's pacer sends it: an
/// ordinary frame at once, a key frame over some milliseconds.
const BURST: usize = 5;
const BURST_GAP: Duration = Duration::from_millis(5);
/// After a request that was granted, Chromium passes over all others for so long. The first one is
/// granted at once, however new the key frame is that the stream began with.
const KEY_FRAME_GAP: Duration = Duration::from_millis(300);

impl Generator {
    /// Media of `side` in `call`, from `start` on.
    pub fn new(call: CallTag, side: Role, profile: Profile, start: Duration, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut stream = || StreamState {
            next_at: start,
            sequence: 0,
            frame: 0,
            rtp_sequence: rng.random(),
            rtp_timestamp: rng.random(),
        };
        let (audio, video) = (stream(), stream());
        Self {
            call,
            side,
            profile,
            rng,
            audio,
            video,
            packets: VecDeque::new(),
            key_frame_wanted: true,
            granted: None,
            debt: 0,
            limit_kbps: u32::MAX,
        }
    }

    /// The same for the sender's leg with this number, from 0: its packets and frames are told
    /// from those of other legs.
    #[must_use]
    pub fn on_leg(mut self, leg: u32) -> Self {
        let first = leg << Stamp::LEG_SHIFT;
        for stream in [&mut self.audio, &mut self.video] {
            stream.sequence = first;
            stream.frame = first;
        }
        self
    }

    /// The other side cannot decode until it gets a key frame. Requests that follow each other too
    /// fast are passed over; who did not get what it needs asks again.
    pub fn ask_key_frame(&mut self, now: Duration) {
        if self.granted.is_none_or(|last| now >= last + KEY_FRAME_GAP) {
            self.granted = Some(now);
            self.key_frame_wanted = true;
        }
    }

    /// When the next packet is due.
    pub fn next_at(&self) -> Duration {
        match self.packets.front() {
            Some(packet) => packet.due.min(self.audio.next_at),
            None if self.profile.has_video() => self.video.next_at.min(self.audio.next_at),
            None => self.audio.next_at,
        }
    }

    /// What the network bears: the video takes no more than `kbps` from the next frame on, and no
    /// more than its profile in any case.
    pub fn limit_video(&mut self, kbps: u32) {
        self.limit_kbps = kbps;
    }

    /// The video bitrate that is aimed at, in kbit/s.
    pub fn video_kbps(&self) -> u32 {
        self.profile.video_kbps.min(self.limit_kbps)
    }

    /// The RTP timestamp that a stream's next frame has.
    pub fn timestamp(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Audio => self.audio.rtp_timestamp,
            Kind::Video => self.video.rtp_timestamp,
        }
    }

    /// Packets made so far.
    pub fn sent(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Audio => self.audio.sequence & ((1 << Stamp::LEG_SHIFT) - 1),
            Kind::Video => self.video.sequence & ((1 << Stamp::LEG_SHIFT) - 1),
        }
    }

    /// The next packet, if one is due at `now`. `now_us` is the same instant on the clock that goes
    /// into the stamp.
    pub fn poll(&mut self, now: Duration, now_us: u64) -> Option<Outgoing> {
        let mut payload = Vec::with_capacity(MAX_PAYLOAD);
        let head = self.poll_into(now, now_us, &mut payload)?;
        Some(Outgoing { head, payload: payload.into() })
    }

    /// The same for those who have a place for the payload: it is appended to `payload`.
    pub fn poll_into(&mut self, now: Duration, now_us: u64, payload: &mut Vec<u8>) -> Option<Head> {
        if self.audio.next_at <= now {
            return Some(self.audio_packet(now_us, payload));
        }
        if self.packets.is_empty() && self.profile.has_video() && self.video.next_at <= now {
            self.encode_frame();
        }
        if self.packets.front()?.due > now {
            return None;
        }
        let packet = self.packets.pop_front()?;
        Some(self.video_packet(&packet, now_us, payload))
    }

    fn audio_packet(&mut self, now_us: u64, payload: &mut Vec<u8>) -> Head {
        let stamp = Stamp {
            call: self.call,
            side: self.side,
            kind: Kind::Audio,
            key_frame: false,
            sequence: self.audio.sequence,
            sent_us: now_us,
            frame: self.audio.frame,
            index: 0,
            count: 1,
        };
        opus::begin(payload);
        let filler = self.profile.audio_bytes.saturating_sub(opus::OVERHEAD + Stamp::SIZE);
        stamp.write(filler, payload);
        let outgoing = Head {
            kind: Kind::Audio,
            sequence: self.audio.rtp_sequence,
            timestamp: self.audio.rtp_timestamp,
            marker: self.sent(Kind::Audio) == 0,
        };
        self.audio.sequence += 1;
        self.audio.frame += 1;
        self.audio.rtp_sequence = self.audio.rtp_sequence.wrapping_add(1);
        self.audio.rtp_timestamp = self.audio.rtp_timestamp.wrapping_add(AUDIO_TICKS);
        self.audio.next_at += AUDIO_EVERY;
        outgoing
    }

    /// Decides the size of the next frame and queues its packets.
    fn encode_frame(&mut self) {
        let at = self.video.next_at;
        let key_frame = std::mem::take(&mut self.key_frame_wanted);
        let bytes = self.frame_bytes(key_frame);
        let count = bytes.div_ceil(MAX_PAYLOAD);
        for index in 0..count {
            self.packets.push_back(VideoPacket {
                due: at + BURST_GAP * (index / BURST) as u32,
                rtp_timestamp: self.video.rtp_timestamp,
                frame: self.video.frame,
                key_frame,
                index: index as u16,
                count: count as u16,
                bytes: bytes / count,
            });
        }
        self.video.frame += 1;
        self.video.rtp_timestamp =
            self.video.rtp_timestamp.wrapping_add(VIDEO_CLOCK / self.profile.fps);
        self.video.next_at += Duration::from_secs(1) / self.profile.fps;
    }

    /// A key frame is several times an average frame; the frames after it are smaller until the
    /// average is right again. Sizes vary a little, as real ones do.
    fn frame_bytes(&mut self, key_frame: bool) -> usize {
        let average = i64::from(self.video_kbps()) * 125 / i64::from(self.profile.fps);
        let wanted = if key_frame {
            average * i64::from(self.profile.key_frame_factor)
        } else {
            let pay_back = self.debt / i64::from(self.profile.fps);
            (average - pay_back) * self.rng.random_range(80..=120) / 100
        };
        let bytes = wanted.max(2 * Stamp::SIZE as i64);
        self.debt += bytes - average;
        bytes as usize
    }

    fn video_packet(&mut self, packet: &VideoPacket, now_us: u64, payload: &mut Vec<u8>) -> Head {
        let place = vp8::Place {
            first: packet.index == 0,
            key_frame: packet.key_frame,
            frame: packet.frame,
        };
        let stamp = Stamp {
            call: self.call,
            side: self.side,
            kind: Kind::Video,
            key_frame: packet.key_frame,
            sequence: self.video.sequence,
            sent_us: now_us,
            frame: packet.frame,
            index: packet.index,
            count: packet.count,
        };
        vp8::begin(place, payload);
        let filler = packet.bytes.saturating_sub(place.overhead() + Stamp::SIZE);
        stamp.write(filler, payload);
        let outgoing = Head {
            kind: Kind::Video,
            sequence: self.video.rtp_sequence,
            timestamp: packet.rtp_timestamp,
            marker: packet.index + 1 == packet.count,
        };
        self.video.sequence += 1;
        self.video.rtp_sequence = self.video.rtp_sequence.wrapping_add(1);
        outgoing
    }
}

#[cfg(test)]
mod tests;
