//! Judges what one side of a call receives.

use hdrhistogram::Histogram;
use signaling_wire::browser::Role;

use super::{
    opus,
    stamp::{CallTag, Kind, NotAStamp, Stamp},
    vp8,
};

/// Judges the packets that arrive at one side of a call.
#[derive(Debug)]
pub struct Judge {
    call: CallTag,
    /// The side whose packets are right here: the other one.
    from: Role,
    audio: Stream,
    video: Stream,
    foreign: Foreign,
    key_frame: KeyFrame,
    key_frames: u32,
}

/// What a packet told that nobody knew before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The first audio packet of the other side.
    FirstAudio,
    /// The first video packet of the other side.
    FirstVideo,
    /// The first key frame of the other side is complete: a decoder would show a picture now.
    FirstKeyFrame,
}

/// Packets that must not arrive at this side. In a good call all are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Foreign {
    /// From another call: the worst thing a media server can do.
    pub other_call: u32,
    /// This side's own packets.
    pub own: u32,
    /// Audio on the video track or the other way round.
    pub wrong_track: u32,
    /// Changed on the way.
    pub corrupt: u32,
    /// Not made by a generator at all.
    pub unknown: u32,
}

impl Foreign {
    /// All of them.
    pub fn total(&self) -> u32 {
        self.other_call + self.own + self.wrong_track + self.corrupt + self.unknown
    }
}

/// What arrived of one stream.
#[derive(Debug)]
pub struct Stream {
    seen: Vec<u64>,
    received: u32,
    duplicates: u32,
    reordered: u32,
    lowest: Option<u32>,
    highest: Option<u32>,
    bytes: u64,
    latency: Histogram<u64>,
    first_us: Option<u64>,
    last_us: Option<u64>,
    longest_gap_us: u64,
}

/// The search for the first complete key frame.
#[derive(Debug)]
enum KeyFrame {
    /// Places of the newest incomplete key frame that are there.
    Missing {
        frame: Option<u32>,
        seen: Vec<bool>,
    },
    Complete,
}

/// Delays above this are counted as this: one minute.
const MAX_LATENCY_US: u64 = 60_000_000;
/// Significant decimal digits of a delay: 0.1 %.
const DIGITS: u8 = 3;
/// Most packets of a stream that are told apart, a few hours of video. What lies beyond was forged
/// by accident and is not worth the memory.
const MAX_SEQUENCE: u32 = 1 << 22;

impl Judge {
    /// A judge for what arrives at `side` of `call`.
    pub fn new(call: CallTag, side: Role) -> Self {
        Self {
            call,
            from: side.other(),
            audio: Stream::new(),
            video: Stream::new(),
            foreign: Foreign::default(),
            key_frame: KeyFrame::Missing { frame: None, seen: Vec::new() },
            key_frames: 0,
        }
    }

    /// Takes the payload of an RTP packet that arrived on the track of `kind` at `now_us`.
    /// Packets without payload (padding, bandwidth probes) carry no media and are passed over.
    pub fn packet(&mut self, now_us: u64, kind: Kind, payload: &[u8]) -> Vec<News> {
        if payload.is_empty() {
            return Vec::new();
        }
        let body = match kind {
            Kind::Audio => opus::body(payload),
            Kind::Video => vp8::body(payload),
        };
        let stamp = match body.map_or(Err(NotAStamp::Absent), Stamp::read) {
            Ok(stamp) => stamp,
            Err(NotAStamp::Absent) => {
                self.foreign.unknown += 1;
                return Vec::new();
            }
            Err(NotAStamp::Corrupt) => {
                self.foreign.corrupt += 1;
                return Vec::new();
            }
        };
        if let Some(wrong) = self.wrong(&stamp, kind) {
            *wrong += 1;
            return Vec::new();
        }
        self.count(now_us, &stamp, payload.len())
    }

    /// The counter of what is wrong with the packet, if anything is.
    fn wrong(&mut self, stamp: &Stamp, kind: Kind) -> Option<&mut u32> {
        if stamp.call != self.call {
            Some(&mut self.foreign.other_call)
        } else if stamp.side != self.from {
            Some(&mut self.foreign.own)
        } else if stamp.kind != kind {
            Some(&mut self.foreign.wrong_track)
        } else if stamp.sequence >= MAX_SEQUENCE || stamp.index >= stamp.count {
            Some(&mut self.foreign.corrupt)
        } else {
            None
        }
    }

    fn count(&mut self, now_us: u64, stamp: &Stamp, bytes: usize) -> Vec<News> {
        let mut news = Vec::new();
        let (stream, first) = match stamp.kind {
            Kind::Audio => (&mut self.audio, News::FirstAudio),
            Kind::Video => (&mut self.video, News::FirstVideo),
        };
        if stream.received == 0 {
            news.push(first);
        }
        if stream.take(now_us, stamp, bytes) && stamp.key_frame {
            self.key_frames += u32::from(stamp.index == 0);
            if self.key_frame.completed_by(stamp) {
                news.push(News::FirstKeyFrame);
            }
        }
        news
    }

    /// What arrived of a stream.
    pub fn stream(&self, kind: Kind) -> &Stream {
        match kind {
            Kind::Audio => &self.audio,
            Kind::Video => &self.video,
        }
    }

    /// Key frames that began to arrive.
    pub fn key_frames(&self) -> u32 {
        self.key_frames
    }

    /// What arrived and should not have.
    pub fn foreign(&self) -> Foreign {
        self.foreign
    }
}

impl Stream {
    #[allow(clippy::expect_used, reason = "the bounds are constants that the crate accepts")]
    fn new() -> Self {
        Self {
            seen: Vec::new(),
            received: 0,
            duplicates: 0,
            reordered: 0,
            lowest: None,
            highest: None,
            bytes: 0,
            latency: Histogram::new_with_bounds(1, MAX_LATENCY_US, DIGITS)
                .expect("constant histogram bounds"),
            first_us: None,
            last_us: None,
            longest_gap_us: 0,
        }
    }

    /// Whether the packet is new.
    fn take(&mut self, now_us: u64, stamp: &Stamp, bytes: usize) -> bool {
        let (word, bit) = (stamp.sequence as usize / 64, 1u64 << (stamp.sequence % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        if self.seen[word] & bit != 0 {
            self.duplicates += 1;
            return false;
        }
        self.seen[word] |= bit;
        self.received += 1;
        self.bytes += bytes as u64;
        if self.highest.is_some_and(|highest| stamp.sequence < highest) {
            self.reordered += 1;
        }
        self.lowest = Some(self.lowest.map_or(stamp.sequence, |low| low.min(stamp.sequence)));
        self.highest = self.highest.max(Some(stamp.sequence));
        self.latency.saturating_record(now_us.saturating_sub(stamp.sent_us).max(1));
        self.first_us.get_or_insert(now_us);
        if let Some(last) = self.last_us.replace(now_us) {
            self.longest_gap_us = self.longest_gap_us.max(now_us.saturating_sub(last));
        }
        true
    }

    /// Different packets that arrived.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets sent before the first that arrived. They were sent while the call was still being
    /// put through (or belong to a picture that could not be shown); what they cost is seen in the
    /// time to the first picture and is no loss of the path.
    pub fn missed_at_start(&self) -> Option<u32> {
        self.lowest
    }

    /// Packets that arrived more than once, counted from their second time.
    pub fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Packets that arrived after one sent later.
    pub fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Payload bytes of the packets that arrived.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Delay from sending to arrival, in microseconds.
    pub fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    /// When the first packet arrived.
    pub fn first_us(&self) -> Option<u64> {
        self.first_us
    }

    /// Time from the first packet to the last, in microseconds.
    pub fn span_us(&self) -> u64 {
        match (self.first_us, self.last_us) {
            (Some(first), Some(last)) => last.saturating_sub(first),
            _ => 0,
        }
    }

    /// The longest time without a packet after the first, in microseconds.
    pub fn longest_gap_us(&self) -> u64 {
        self.longest_gap_us
    }
}

impl KeyFrame {
    /// Whether this packet makes the first key frame complete.
    fn completed_by(&mut self, stamp: &Stamp) -> bool {
        let Self::Missing { frame, seen } = self else {
            return false;
        };
        if *frame != Some(stamp.frame) {
            if frame.is_some_and(|newest| stamp.frame < newest) {
                return false;
            }
            *frame = Some(stamp.frame);
            seen.clear();
            seen.resize(usize::from(stamp.count), false);
        }
        if let Some(place) = seen.get_mut(usize::from(stamp.index)) {
            *place = true;
        }
        if seen.iter().all(|there| *there) {
            *self = Self::Complete;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests;
