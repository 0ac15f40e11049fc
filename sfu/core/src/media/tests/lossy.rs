//! A whole way in virtual time: a page, its leg, the other leg, the other page, and links between
//! them that lose, delay and reorder.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::peers::{CHROMIUM, Encoder, FIREFOX, drain, leg, page, sender_report};
use crate::media::{MediaLeg, Outgoing};

const STEP: Duration = Duration::from_millis(1);
const FRAME: Duration = Duration::from_millis(33);
/// The format of a transport layer feedback message (205) that asks for packets (RFC 4585 §6.2.1).
const NACK: u8 = 1;

/// One way of a link.
struct Way {
    delay: Duration,
    lose: f64,
    random: u64,
    flying: Vec<(Instant, Outgoing, Vec<u8>)>,
}

impl Way {
    fn new(delay_ms: u64, lose: f64, random: u64) -> Self {
        Self { delay: Duration::from_millis(delay_ms), lose, random, flying: Vec::new() }
    }

    fn next(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        (self.random >> 33) as f64 / f64::from(1u32 << 31)
    }

    fn send(&mut self, now: Instant, packets: Vec<(Outgoing, Vec<u8>)>) {
        for (outgoing, packet) in packets {
            if self.next() >= self.lose {
                // A packet in twenty is overtaken by those after it.
                let late = if self.next() < 0.05 { 3 } else { 0 };
                let at = now + self.delay + Duration::from_millis(late);
                self.flying.push((at, outgoing, packet));
            }
        }
    }

    fn arrived(&mut self, now: Instant) -> Vec<(Outgoing, Vec<u8>)> {
        let mut arrived: Vec<_> = self.flying.extract_if(.., |(at, ..)| *at <= now).collect();
        arrived.sort_by_key(|(at, ..)| *at);
        arrived.into_iter().map(|(_, outgoing, packet)| (outgoing, packet)).collect()
    }
}

struct World {
    /// Stands for the publisher's capture: hands packets to its page's leg.
    camera: MediaLeg,
    pages: [MediaLeg; 2],
    legs: [MediaLeg; 2],
    up: [Way; 2],
    down: [Way; 2],
    /// Packets of each frame that the viewer has got.
    frames: BTreeMap<u16, Vec<u8>>,
    key_frame_wanted: bool,
    /// No request of the viewer for packets comes through.
    requests_lost: bool,
}

impl World {
    fn new(now: Instant, delay_ms: u64, lose: f64) -> Self {
        let mut world = Self {
            camera: leg(CHROMIUM, now),
            pages: [page(CHROMIUM, now), page(FIREFOX, now)],
            legs: [leg(CHROMIUM, now), leg(FIREFOX, now)],
            up: [Way::new(delay_ms, lose, 1), Way::new(delay_ms, lose, 2)],
            down: [Way::new(delay_ms, lose, 3), Way::new(delay_ms, lose, 4)],
            frames: BTreeMap::new(),
            key_frame_wanted: false,
            requests_lost: false,
        };
        for page in &mut world.pages {
            page.inbound.arrivals.tell_all(now + Duration::from_secs(3_600));
        }
        world.pages[0].start_forwarding(now);
        world.legs[1].start_forwarding(now);
        world
    }

    fn capture(&mut self, now: Instant, packets: &[Vec<u8>]) {
        for packet in packets {
            let incoming = self.camera.receive_rtp(now, packet).unwrap();
            self.pages[0].forward(now, &incoming, packet);
        }
    }

    fn step(&mut self, now: Instant) {
        for side in [0, 1] {
            let mut sent = drain(&mut self.pages[side], now);
            if self.requests_lost && side == 1 {
                sent.retain(|(_, packet)| packet[1] != 205 || packet[0] & 0x1f != NACK);
            }
            self.up[side].send(now, sent);
            for (outgoing, packet) in self.up[side].arrived(now) {
                match outgoing {
                    Outgoing::Rtp(_) => {
                        if let Some(incoming) = self.legs[side].receive_rtp(now, &packet) {
                            self.legs[1 - side].forward(now, &incoming, &packet);
                        }
                    }
                    Outgoing::Rtcp(_) => self.legs[side].receive_rtcp(now, &packet),
                }
            }
            self.down[side].send(now, drain(&mut self.legs[side], now));
            for (outgoing, packet) in self.down[side].arrived(now) {
                match outgoing {
                    Outgoing::Rtp(_) => {
                        if let Some(incoming) = self.pages[side].receive_rtp(now, &packet) {
                            self.show(&packet[incoming.payload.clone()], incoming.timestamp);
                        }
                    }
                    Outgoing::Rtcp(_) => self.pages[side].receive_rtcp(now, &packet),
                }
            }
        }
        if let Some(feedback) = self.legs[1].take_feedback(now) {
            self.legs[0].apply_feedback(now, feedback);
        }
        // The page's encoder obeys key frame requests.
        if let Some(feedback) = self.pages[0].take_feedback(now) {
            self.key_frame_wanted |= feedback.key_frame;
        }
    }

    fn show(&mut self, payload: &[u8], _timestamp: u32) {
        if payload.len() > 5 {
            let id = u16::from_be_bytes([payload[3], payload[4]]);
            self.frames.entry(id).or_default().push(payload[2]);
        }
    }
}

fn run(delay_ms: u64, lose: f64, seconds: u32) -> World {
    let start = Instant::now();
    run_in(World::new(start, delay_ms, lose), start, seconds)
}

fn run_in(mut world: World, start: Instant, seconds: u32) -> World {
    let mut now = start;
    let mut encoder = Encoder::new(CHROMIUM);
    let frames = seconds * 30;
    let mut next_frame = now;
    let mut id = 0;
    // One more than counts: what is lost at the very end is never missed.
    while id <= frames as u16 {
        if now >= next_frame {
            next_frame += FRAME;
            let key = id == 0 || std::mem::take(&mut world.key_frame_wanted);
            let millis = (now - start).as_millis() as u32;
            let timestamp = 90 * millis;
            if id % 30 == 0 {
                let ntp = (u64::from(millis) << 32) / 1_000 + (100 << 32);
                let report = sender_report(encoder.ssrcs[1], ntp, timestamp);
                world.camera.receive_rtcp(now, &report);
            }
            let packets = encoder.frame(timestamp, key, if key { 20 } else { 6 }, id);
            world.capture(now, &packets);
            let audio = encoder.audio(48 * millis);
            world.capture(now, &[audio]);
            id += 1;
        }
        world.step(now);
        now += STEP;
    }
    // What is still missing is asked for a while longer.
    for _ in 0..1_500 {
        world.step(now);
        now += STEP;
    }
    world
}

fn complete(world: &World, frames: u16) -> usize {
    world
        .frames
        .range(..frames)
        .filter(|(_, packets)| {
            let mut packets = (*packets).clone();
            packets.sort_unstable();
            let len = packets.len() as u8;
            (len == 6 || len == 20) && packets.iter().copied().eq(0..len)
        })
        .count()
}

#[test]
fn clean_link_needs_no_repair() {
    let world = run(20, 0.0, 5);
    assert_eq!(complete(&world, 150), 150);
    let counters = world.legs[1].counters();
    assert_eq!(counters.repeats_missed, 0);
    assert_eq!(world.legs[0].counters().key_frames_asked, 0, "the first frame was a key frame");
}

#[test]
fn five_percent_loss_each_way_is_repaired() {
    let world = run(20, 0.05, 10);
    let (publisher, viewer) = (world.legs[0].counters(), world.legs[1].counters());
    assert_eq!(complete(&world, 300), 300, "every frame is complete in the end");
    assert!(publisher.repaired > 50, "{publisher:?}");
    assert!(viewer.repeats_sent > 50, "{viewer:?}");
    assert!(
        viewer.repeats_sent < viewer.packets_out / 5,
        "repeats stay in proportion to losses: {viewer:?}"
    );
    let copies = world.pages[0].counters().repeats_copied;
    assert!(
        publisher.duplicates < 20 + copies,
        "hardly anything is repeated because it was asked for twice: {publisher:?}, {copies}"
    );
}

#[test]
fn repeats_are_sent_twice_where_a_tenth_is_lost() {
    let world = run(20, 0.1, 10);
    let viewer = world.legs[1].counters();
    assert_eq!(complete(&world, 300), 300);
    let first = viewer.repeats_sent - viewer.repeats_copied;
    assert!(viewer.repeats_copied > first / 2, "{viewer:?}");
    let clean = run(20, 0.005, 10);
    let viewer = clean.legs[1].counters();
    // The first picture's 13 are sent twice in any case.
    assert!(viewer.repeats_copied - 13 < (viewer.repeats_sent - 13) / 3, "{viewer:?}");
}

#[test]
fn what_feedback_tells_lost_is_repeated_where_requests_are_lost() {
    let start = Instant::now();
    let mut world = World::new(start, 20, 0.05);
    world.requests_lost = true;
    let world = run_in(world, start, 10);
    let viewer = world.legs[1].counters();
    assert_eq!(viewer.nacks_received, 0);
    // Some 90 packets are lost, and not all feedback comes.
    assert!(viewer.repeats_sent - viewer.repeats_copied > 60, "{viewer:?}");
    assert!(complete(&world, 300) > 270, "{}", complete(&world, 300));
}

#[test]
fn round_trips_and_losses_are_measured() {
    let mut world = run(40, 0.05, 6);
    let now = Instant::now() + Duration::from_secs(8);
    let quality = world.legs[1].take_quality(now);
    assert!((70.0..110.0).contains(&quality.rtt_ms), "{quality:?}");
    assert!((0.01..0.12).contains(&quality.loss_down), "{quality:?}");
    let quality = world.legs[0].take_quality(now);
    assert!((0.01..0.12).contains(&quality.loss_up), "{quality:?}");
    assert!(quality.up_kbps > 500.0, "{quality:?}");
}

#[test]
fn heavy_loss_lowers_the_estimate_and_the_publishers_cap() {
    let world = run(20, 0.3, 8);
    assert!(world.legs[1].downlink() < 1_500_000, "{}", world.legs[1].downlink());
    let told = world.pages[0].outbound.peer_limit.unwrap();
    assert!(told < 1_500_000, "{told}");
}
