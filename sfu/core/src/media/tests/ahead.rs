//! What a warm leg finds out about the way to its peer, and how a call begins on a narrow one.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::peers::{CHROMIUM, Encoder, NODE, drain, header, leg, leg_of, negotiated, page, pass};
use crate::{
    bwe::START_BITRATE,
    media::{MediaLeg, Outgoing},
    rtp::Ssrc,
};

const MS: Duration = Duration::from_millis(1);

/// A leg, and its page behind a way of so many bit/s.
struct Way {
    leg: MediaLeg,
    page: MediaLeg,
    bitrate: f64,
    now: Instant,
    free: Instant,
    queue: VecDeque<(Instant, Vec<u8>)>,
    /// RTP packets that left, and when.
    left: Vec<(Instant, Vec<u8>)>,
    /// How many of them have brought media.
    media: usize,
}

impl Way {
    fn new(bitrate: f64) -> Self {
        let now = Instant::now();
        let (leg, page) = (leg(CHROMIUM, now), page(CHROMIUM, now));
        Self {
            leg,
            page,
            bitrate,
            now,
            free: now,
            queue: VecDeque::new(),
            left: Vec::new(),
            media: 0,
        }
    }

    /// A leg that has been warm for a second, in a call that begins now.
    fn begun(bitrate: f64) -> Self {
        let mut way = Self::new(bitrate);
        way.pass(Duration::from_secs(1));
        way.left.clear();
        way.leg.start_forwarding(way.now);
        way
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += MS;
            let now = self.now;
            self.leg.handle_timeout(now);
            for (outgoing, packet) in drain(&mut self.leg, now) {
                if let Outgoing::Rtp(len) = outgoing {
                    let takes = Duration::from_secs_f64((len + 44) as f64 * 8.0 / self.bitrate);
                    self.free = self.free.max(now) + takes;
                    self.queue.push_back((self.free, packet.clone()));
                    self.left.push((now, packet));
                }
            }
            while let Some((at, packet)) = self.queue.pop_front_if(|(at, _)| *at <= now) {
                self.media += usize::from(self.page.receive_rtp(at, &packet).is_some());
            }
            self.page.handle_timeout(now);
            for (outgoing, packet) in drain(&mut self.page, now) {
                if let Outgoing::Rtcp(_) = outgoing {
                    self.leg.receive_rtcp(now, &packet);
                }
            }
        }
    }

    /// What left of the video stream and of its repeats, without what is empty.
    fn video(&self) -> (Vec<&[u8]>, Vec<&[u8]>) {
        let of = |ssrc: Ssrc| {
            let packets = self.left.iter().map(|(_, packet)| packet.as_slice());
            packets
                .filter(|packet| header(packet).ssrc == ssrc && !header(packet).payload.is_empty())
                .collect()
        };
        (of(NODE.video), of(NODE.video_rtx))
    }
}

#[test]
fn a_call_on_a_narrow_way_begins_with_what_that_carries() {
    for (bitrate, expected) in
        [(3e5, 0.25e6..0.3e6), (5e5, 0.42e6..0.5e6), (1e6, 0.84e6..1e6), (5e6, 2.5e6..2.6e6)]
    {
        let way = Way::begun(bitrate);
        let downlink = way.leg.downlink() as f64;
        assert!(expected.contains(&downlink), "{downlink} of {bitrate}");
    }
}

#[test]
fn what_asks_is_little_and_empty_and_seldom() {
    let mut way = Way::new(5e5);
    way.pass(Duration::from_secs(29));
    let bytes: usize = way.left.iter().map(|(_, packet)| packet.len()).sum();
    assert!((5_000..6_000).contains(&bytes), "{bytes}");
    assert!(way.left.iter().all(|(_, packet)| header(packet).payload.is_empty()));
    assert_eq!(way.media, 0);
    assert_eq!(way.leg.counters().probe_packets, way.left.len() as u64);
    let once = way.left.len();
    way.pass(Duration::from_secs(30));
    assert_eq!(way.left.len(), 2 * once);
}

#[test]
fn who_is_sent_no_video_is_not_asked() {
    let now = Instant::now();
    let mut agreed = negotiated(CHROMIUM);
    agreed.video.as_mut().unwrap().direction.send = false;
    let mut leg = leg_of(agreed, NODE, now);
    assert_eq!(leg.next_timeout(), None);
    assert!(drain(&mut leg, now + Duration::from_secs(60)).is_empty());
}

#[test]
fn a_call_that_begins_while_it_is_asked_begins_as_any_other() {
    let mut way = Way::new(5e5);
    way.pass(Duration::from_millis(205));
    assert!(!way.left.is_empty());
    way.leg.start_forwarding(way.now);
    way.pass(Duration::from_secs(2));
    assert_eq!(way.leg.downlink(), START_BITRATE, "the answer is about no packet of the call");
}

/// Three key frames of five packets each, 10 ms apart: two that were held in the page, and the camera's first.
fn three_key_frames(way: &mut Way) {
    let mut publisher = leg(CHROMIUM, way.now);
    let mut encoder = Encoder::new(CHROMIUM);
    for frame in 0..3 {
        let packets = encoder.frame(3_000 * u32::from(frame), true, 5, frame);
        pass(&mut publisher, &mut way.leg, way.now, &packets);
        way.pass(10 * MS);
    }
    way.pass(Duration::from_millis(400));
}

#[test]
fn on_a_narrow_way_the_pictures_that_wait_make_room_for_the_newest() {
    let mut way = Way::begun(5e5);
    three_key_frames(&mut way);
    let (video, repeats) = way.video();
    let ids: Vec<u8> = video.iter().map(|packet| packet[header(packet).payload][4]).collect();
    assert_eq!(ids, [0, 0, 0, 0, 0, 2, 2, 2, 2, 2]);
    assert_eq!(way.leg.counters().dropped_superseded, 5);
    let first = header(video[0]).sequence;
    let numbers: Vec<u16> =
        video.iter().map(|packet| header(packet).sequence.wrapping_sub(first)).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>(), "no gap that somebody would ask for");
    assert_eq!(repeats.len(), 2, "40 ms of the way");

    let mut way = Way::begun(5e6);
    three_key_frames(&mut way);
    assert_eq!(way.video().0.len(), 15);
    assert!(way.video().1.len() >= 5, "the first picture twice");
}

#[test]
fn sound_does_not_wait_behind_the_first_pictures_of_a_narrow_way() {
    let mut way = Way::begun(5e5);
    three_key_frames(&mut way);
    let bytes: usize = way.left.iter().map(|(_, packet)| packet.len() + 44).sum();
    let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / way.bitrate);
    let (first, last) = (way.left[0].0, way.left.last().unwrap().0);
    assert!(takes > 180 * MS, "{takes:?}: enough to wait for");
    assert!(way.free <= first + takes + 60 * MS, "the way has not stood empty");
    assert!(way.free <= last + 60 * MS, "hardly any of it waited there");
}
