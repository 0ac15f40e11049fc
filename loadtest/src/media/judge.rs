//! Judges what one side of a call receives.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use signaling_wire::browser::Role;

use super::{
    opus,
    picture::{FreshPicture, Picture, Way},
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
    picture: Picture,
    foreign: Foreign,
    key_frame: KeyFrame,
    key_frames: u32,
    longest_silence_us: u64,
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
    /// Adds those of another leg.
    pub fn add(&mut self, other: &Self) {
        self.other_call += other.other_call;
        self.own += other.own;
        self.wrong_track += other.wrong_track;
        self.corrupt += other.corrupt;
        self.unknown += other.unknown;
    }

    /// All of them.
    pub fn total(&self) -> u32 {
        self.other_call + self.own + self.wrong_track + self.corrupt + self.unknown
    }
}

impl std::fmt::Display for Foreign {
    /// What there is of it, without the numbers: the same fault in many calls is one reason.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [
            (self.other_call, "packets of another call"),
            (self.own, "its own packets"),
            (self.wrong_track, "packets on the wrong track"),
            (self.corrupt, "packets that were changed on the way"),
            (self.unknown, "packets of nobody"),
        ];
        let there: Vec<&str> =
            kinds.into_iter().filter(|(count, _)| *count > 0).map(|(_, kind)| kind).collect();
        f.write_str(&there.join(", "))
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
    /// Packets that did not come although later ones did, and when that was noticed.
    missing: BTreeMap<u32, u64>,
    fresh: Fresh,
}

/// What is new of a stream since the last time it was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Fresh {
    /// Packets that arrived, repairs included, each once.
    pub received: u64,
    /// Packets that were given up: later ones arrived, and the time for a repair is over.
    pub lost: u64,
    /// Packets that arrived after one sent later.
    pub reordered: u64,
    /// Packets that arrived again.
    pub duplicates: u64,
    /// Payload bytes that arrived.
    pub bytes: u64,
    /// From sending to arrival, of each packet that arrived, in microseconds.
    pub latency_us: Vec<u32>,
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
/// Significant decimal digits of a delay: 0.1 %. The histograms grow with the delays they see, which
/// keeps a few hundred calls in tens of megabytes.
const DIGITS: u8 = 3;
/// A packet that is missing for so long comes too late for anybody: Chromium's longest playout
/// delay is half of it.
const REPAIR_TIME_US: u64 = 1_000_000;
/// Most packets that are waited for. A jump of more is an outage, and nobody repairs it.
const MAX_MISSING: usize = 2_000;
/// Most packets of a stream that are told apart, a few hours of video on each of a few legs. What
/// lies beyond was forged by accident and is not worth the memory.
const MAX_SEQUENCE: u32 = 16 << Stamp::LEG_SHIFT;

impl Judge {
    /// A judge for what arrives at `side` of `call`.
    pub fn new(call: CallTag, side: Role) -> Self {
        Self {
            call,
            from: side.other(),
            audio: Stream::new(),
            video: Stream::new(),
            picture: Picture::default(),
            foreign: Foreign::default(),
            key_frame: KeyFrame::Missing { frame: None, seen: Vec::new() },
            key_frames: 0,
            longest_silence_us: 0,
        }
    }

    /// Takes the payload of an RTP packet that arrived on the track of `kind` at `now_us`.
    /// Packets without payload (padding, bandwidth probes) carry no media and are passed over.
    pub fn packet(&mut self, now_us: u64, kind: Kind, payload: &[u8]) -> Vec<News> {
        self.packet_by(Way::default(), now_us, kind, payload)
    }

    /// The same for those who know how the packet came.
    pub fn packet_by(&mut self, way: Way, now_us: u64, kind: Kind, payload: &[u8]) -> Vec<News> {
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
        self.count(way, now_us, &stamp, payload.len())
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

    fn count(&mut self, way: Way, now_us: u64, stamp: &Stamp, bytes: usize) -> Vec<News> {
        let mut news = Vec::new();
        let last_us = self.last_us();
        let (stream, first) = match stamp.kind {
            Kind::Audio => (&mut self.audio, News::FirstAudio),
            Kind::Video => (&mut self.video, News::FirstVideo),
        };
        if stream.received == 0 {
            news.push(first);
        }
        if !stream.take(now_us, stamp, bytes) {
            return news;
        }
        let silence_us = last_us.map_or(0, |last| now_us.saturating_sub(last));
        self.longest_silence_us = self.longest_silence_us.max(silence_us);
        if stamp.kind == Kind::Video {
            self.picture.part(Duration::from_micros(now_us), stamp, way);
        }
        if stamp.key_frame {
            self.key_frames += u32::from(stamp.index == 0);
            if self.key_frame.completed_by(stamp) {
                news.push(News::FirstKeyFrame);
            }
        }
        news
    }

    /// What arrived since the last time, of audio and of video, and what was seen of it.
    pub fn take_fresh(&mut self, now_us: u64) -> ([Fresh; 2], FreshPicture) {
        let streams = [self.audio.take_fresh(now_us), self.video.take_fresh(now_us)];
        (streams, self.picture.take(Duration::from_micros(now_us)))
    }

    /// What a person would see.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// What a person would see, to show what is due.
    pub fn picture_mut(&mut self) -> &mut Picture {
        &mut self.picture
    }

    /// When the last packet of the other side arrived.
    pub fn last_us(&self) -> Option<u64> {
        self.audio.last_us.max(self.video.last_us)
    }

    /// The longest time after the first packet in which nothing at all arrived.
    pub fn longest_silence(&self) -> Duration {
        Duration::from_micros(self.longest_silence_us)
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
    #[allow(clippy::expect_used, reason = "the digits are a constant that the crate accepts")]
    fn new() -> Self {
        Self {
            seen: Vec::new(),
            received: 0,
            duplicates: 0,
            reordered: 0,
            lowest: None,
            highest: None,
            bytes: 0,
            latency: Histogram::new(DIGITS).expect("three digits are few enough"),
            first_us: None,
            last_us: None,
            longest_gap_us: 0,
            missing: BTreeMap::new(),
            fresh: Fresh::default(),
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
            self.fresh.duplicates += 1;
            return false;
        }
        self.seen[word] |= bit;
        self.received += 1;
        self.bytes += bytes as u64;
        let delay_us = now_us.saturating_sub(stamp.sent_us).clamp(1, MAX_LATENCY_US);
        self.tell(now_us, stamp, bytes, delay_us);
        if self.highest.is_some_and(|highest| stamp.sequence < highest) {
            self.reordered += 1;
        }
        self.lowest = Some(self.lowest.map_or(stamp.sequence, |low| low.min(stamp.sequence)));
        self.highest = self.highest.max(Some(stamp.sequence));
        // Grows as far as the largest delay asks for, which is bounded: recording cannot fail.
        let _ = self.latency.record(delay_us);
        self.first_us.get_or_insert(now_us);
        if let Some(last) = self.last_us.replace(now_us) {
            self.longest_gap_us = self.longest_gap_us.max(now_us.saturating_sub(last));
        }
        true
    }

    /// Notes a new packet for [`Stream::take_fresh`].
    fn tell(&mut self, now_us: u64, stamp: &Stamp, bytes: usize, delay_us: u64) {
        match self.highest {
            // Another leg of the sender: what lies between their numbers was never sent.
            Some(highest) if stamp.leg() > highest >> Stamp::LEG_SHIFT => {}
            Some(highest) if stamp.sequence > highest => {
                let gap = highest + 1..stamp.sequence;
                let room = MAX_MISSING.saturating_sub(self.missing.len());
                self.fresh.lost += (gap.len().saturating_sub(room)) as u64;
                self.missing.extend(gap.take(room).map(|missing| (missing, now_us)));
            }
            Some(_) => {
                if self.missing.remove(&stamp.sequence).is_none() {
                    // Given up before, or sent before the first that arrived.
                    return;
                }
                self.fresh.reordered += 1;
            }
            None => {}
        }
        self.fresh.received += 1;
        self.fresh.bytes += bytes as u64;
        self.fresh.latency_us.push(u32::try_from(delay_us).unwrap_or(u32::MAX));
    }

    fn take_fresh(&mut self, now_us: u64) -> Fresh {
        let missing = self.missing.len();
        self.missing.retain(|_, noticed_us| now_us.saturating_sub(*noticed_us) < REPAIR_TIME_US);
        self.fresh.lost += (missing - self.missing.len()) as u64;
        std::mem::take(&mut self.fresh)
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
