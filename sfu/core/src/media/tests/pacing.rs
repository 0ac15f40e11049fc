//! What waits is bounded, drops leave no gap, and nothing is reordered.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::peers::{
    CHROMIUM, Encoder, FIREFOX, drain_first, drain_rtp, header, leg, nack, page, pass,
};
use crate::{
    api::{MediaKind, VideoState},
    media::{
        MediaEvent, MediaLeg,
        backlog::{Backlog, Queued},
        numbering::Numbering,
        scarcity::{Picture, Spare},
    },
    rtp::{Layer, Ssrc},
};

/// A VP8 frame of so many packets of two temporal layers: descriptor with a 15-bit picture id.
fn layered(encoder: &mut Encoder, id: u16, key: bool, upper: bool, packets: u8) -> Vec<Vec<u8>> {
    (0..packets)
        .map(|index| {
            let start = if index == 0 { 0x10 } else { 0 };
            let discardable = if upper { 0x20 } else { 0 };
            let [high, low] = (id | 0x8000).to_be_bytes();
            let layer = if upper { 0x60 } else { 0 };
            let mut payload =
                vec![0x80 | start | discardable, 0xe0, high, low, id as u8, layer, u8::from(!key)];
            payload.resize(1_000, index);
            encoder.packet(MediaKind::Video, 3_000 * u32::from(id), index + 1 == packets, &payload)
        })
        .collect()
}

fn picture_id(packet: &[u8]) -> u16 {
    let payload = &packet[header(packet).payload];
    u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff
}

/// Tells the leg by feedback that what it sends now takes this long and loses nothing.
struct Viewer {
    leg: MediaLeg,
    page: MediaLeg,
}

impl Viewer {
    fn new(now: Instant) -> Self {
        let mut leg = leg(FIREFOX, now);
        leg.start_forwarding(now);
        Self { leg, page: page(FIREFOX, now) }
    }

    /// Hands what is sent to the page, which is behind a way of so many bit/s, and its feedback
    /// back. Returns what was sent.
    fn exchange(&mut self, now: Instant, free: &mut Instant, bitrate: f64) -> Vec<Vec<u8>> {
        let sent = drain_rtp(&mut self.leg, now);
        for packet in &sent {
            let time = Duration::from_secs_f64(packet.len() as f64 * 8.0 / bitrate);
            *free = (*free).max(now) + time;
            self.page.receive_rtp(*free, packet);
        }
        for (outgoing, packet) in super::peers::drain(&mut self.page, now) {
            if matches!(outgoing, crate::media::Outgoing::Rtcp(_)) {
                self.leg.receive_rtcp(now, &packet);
            }
        }
        sent
    }
}

#[test]
fn without_a_queue_a_frame_passes_straight_through() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let mut viewer = Viewer::new(now).leg;
    let mut encoder = Encoder::new(CHROMIUM);
    let later = now + Duration::from_secs(1);
    pass(&mut publisher, &mut viewer, later, &encoder.frame(0, true, 8, 0));
    assert_eq!(drain_rtp(&mut viewer, later).len(), 8);
}

#[test]
fn a_large_key_frame_is_spread_and_complete() {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = Viewer::new(start).leg;
    let key = Encoder::new(CHROMIUM).frame(0, true, 60, 0);
    pass(&mut publisher, &mut viewer, start, &key);
    let mut sent = drain_first(&mut viewer, start);
    assert!((5..30).contains(&sent.len()), "{}", sent.len());
    let mut now = start;
    let mut timers = 0;
    while sent.len() < 60 {
        now = viewer.next_timeout().expect("more waits").max(now + Duration::from_millis(1));
        viewer.handle_timeout(now);
        sent.extend(drain_first(&mut viewer, now));
        timers += 1;
    }
    assert!(now - start < Duration::from_millis(120), "54 kB at 2.5 times 2.5 Mbit/s");
    assert!(timers < 20, "bursts, not single packets: {timers} timers");
    let numbers: Vec<u16> = sent.iter().map(|packet| header(packet).sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
    assert_eq!(viewer.counters().dropped_queue, 0);
    let copies = viewer.counters().repeats_copied;
    assert!((10..=13).contains(&copies), "of the first 12 kB: {copies}");
}

/// Sends 30 layered frames a second of 2 Mbit/s over a way of 600 kbit/s, to a publisher that
/// obeys nothing.
#[test]
fn what_waits_too_long_is_dropped_by_layer_and_then_to_the_next_key_frame() {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = Viewer::new(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let mut free = start;
    let mut sent = Vec::new();
    let mut wanted = false;
    for step in 0..6_000u64 {
        let now = start + Duration::from_millis(step);
        if step % 33 == 0 {
            let id = (step / 33) as u16;
            let key = id == 0 || wanted;
            let frame = layered(&mut encoder, id, key, !key && id % 2 == 1, 8);
            pass(&mut publisher, &mut viewer.leg, now, &frame);
            wanted = viewer.leg.take_feedback(now).is_some_and(|f| f.key_frame);
        }
        viewer.leg.handle_timeout(now);
        sent.extend(viewer.exchange(now, &mut free, 600_000.0));
    }
    let counters = *viewer.leg.counters();
    assert!(counters.dropped_layer > 0 && counters.dropped_queue > 0, "{counters:?}");
    let video = |ssrc: u32| sent.iter().filter(move |packet| header(packet).ssrc.0 == ssrc);
    let numbers: Vec<u16> = video(22).map(|packet| header(packet).sequence).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)),
        "nothing that was dropped is missed"
    );
    let quality = viewer.leg.take_quality(start + Duration::from_secs(6));
    assert!(quality.queue_ms < 1_000.0 && quality.dropped > 0.1, "{quality:?}");
}

/// A publisher that sends just what it is told would leave as much waiting as there is, for ever.
#[test]
fn what_waits_has_left_soon_after_the_queue_is_gone() {
    const PACKET: f64 = 916.0;
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = Viewer::new(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let (mut free, mut told, mut earned) = (start, 800_000, 5.0 * PACKET);
    for step in 0..10_000u64 {
        let now = start + Duration::from_millis(step);
        let carries = if step < 3_000 { 1_000_000.0 } else { 600_000.0 };
        if step % 33 == 0 {
            earned += told as f64 / 8.0 * 0.033;
            let packets = (earned / PACKET) as u8;
            earned -= f64::from(packets) * PACKET;
            let frame = encoder.frame(90 * step as u32, step == 0, packets, step as u16);
            pass(&mut publisher, &mut viewer.leg, now, &frame);
        }
        let feedback = viewer.leg.take_feedback(now);
        told = feedback.and_then(|feedback| feedback.max_bitrate).unwrap_or(told);
        viewer.leg.handle_timeout(now);
        viewer.exchange(now, &mut free, carries);
        if step % 1_000 == 999 {
            let waited = viewer.leg.take_quality(now).queue_ms;
            // A probe of five packets alone takes 60 ms of this way.
            assert!(step < 3_000 || waited < 100.0, "{waited} ms after {step} ms");
        }
    }
    assert_eq!(viewer.leg.counters().dropped_queue, 0);
}

/// What a narrow way's full queue has dropped: repeats of all of it would keep every new picture waiting.
#[test]
fn where_a_queue_has_overflowed_a_key_frame_comes_instead_of_long_repairs() {
    let start = Instant::now();
    for (narrows, missed, anew) in [(true, 60, true), (true, 2, false), (false, 60, false)] {
        let mut publisher = leg(CHROMIUM, start);
        let mut viewer = Viewer::new(start);
        let mut encoder = Encoder::new(CHROMIUM);
        let (mut now, mut free, mut sent) = (start, start, Vec::new());
        for step in 0..4_000u64 {
            now = start + Duration::from_millis(step);
            let carries = if narrows && step >= 3_500 { 300_000.0 } else { 2_000_000.0 };
            if step % 33 == 0 {
                let frame = encoder.frame(90 * step as u32, step == 0, 4, step as u16);
                pass(&mut publisher, &mut viewer.leg, now, &frame);
            }
            viewer.leg.take_feedback(now);
            viewer.leg.handle_timeout(now);
            sent.extend(viewer.exchange(now, &mut free, carries));
            if step >= 3_500 && viewer.leg.outbound.estimator.is_congested(now) {
                break;
            }
        }
        assert_eq!(viewer.leg.outbound.estimator.is_congested(now), narrows);
        let of_video = |packet: &&Vec<u8>| header(packet).ssrc == Ssrc(22);
        let newest: Vec<u16> = sent
            .iter()
            .rev()
            .filter(of_video)
            .map(|packet| header(packet).sequence)
            .take(missed)
            .collect();
        let repeats = |viewer: &Viewer| viewer.leg.counters().repeats_sent;
        let before = repeats(&viewer);
        for sequence in newest.into_iter().rev() {
            viewer.leg.receive_rtcp(now, &nack(22, sequence, 0));
        }
        assert_eq!(
            viewer.leg.take_feedback(now).is_some_and(|f| f.key_frame),
            anew,
            "{narrows} {missed}"
        );
        for _ in 0..1_000 {
            now += Duration::from_millis(1);
            viewer.leg.handle_timeout(now);
            viewer.exchange(now, &mut free, 300_000.0);
        }
        assert_eq!(repeats(&viewer) > before, !anew, "{narrows} {missed}");
    }
}

/// A chain of pictures in the upper layer, as libvpx makes them: who left one out goes on with the next one
/// that needs none of them, and needs no key frame for it.
#[test]
fn a_layer_that_was_broken_goes_on_where_it_refers_to_the_base_only() {
    let at = Instant::now();
    let mut backlog = Backlog::default();
    let mut numbering = Numbering::default();
    let picture = |position: u64, temporal: u8, sync: bool| Queued {
        position,
        timestamp: position as u32,
        at,
        bytes: 1_000,
        layer: Layer { temporal, sync, ..Layer::default() },
        key_frame: false,
        marker: true,
    };
    for packet in [picture(1, 0, false), picture(2, 1, true), picture(3, 0, false)] {
        assert!(!backlog.sheds(&packet, 2_500));
        backlog.push(packet);
    }
    assert_eq!(backlog.relieve(2_500, &mut numbering), 1, "the upper picture");
    while backlog.pop().is_some() {}
    assert!(backlog.sheds(&picture(4, 1, false), 2_500), "it needs the one that was left out");
    assert!(!backlog.sheds(&picture(6, 1, true), 2_500));
    assert!(!backlog.sheds(&picture(8, 1, false), 2_500));
}

#[test]
fn pictures_of_vp8_are_counted_on_where_a_layer_was_dropped() {
    let mut numbering = Numbering::default();
    let mut backlog = Backlog::default();
    let packet = |position: u64, upper: bool| Queued {
        position,
        timestamp: position as u32,
        at: Instant::now(),
        bytes: 1_000,
        layer: Layer { temporal: u8::from(upper), discardable: upper, ..Layer::default() },
        key_frame: false,
        marker: true,
    };
    for position in 10..20 {
        backlog.push(packet(position, position % 2 == 1));
    }
    assert!(backlog.is_over(6_000));
    assert_eq!(backlog.relieve(6_000, &mut numbering), 5);
    assert!(!backlog.is_over(6_000));
    let left: Vec<u64> = std::iter::from_fn(|| backlog.pop()).map(|p| p.position).collect();
    assert_eq!(left, [10, 12, 14, 16, 18]);
    let numbers: Vec<_> = left.iter().map(|&p| numbering.number(p).unwrap()).collect();
    assert_eq!(numbers, [10, 11, 12, 13, 14]);
    assert_eq!(left.iter().map(|&p| numbering.pictures(p)).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);

    let mut encoder = Encoder::new(CHROMIUM);
    let mut packet = layered(&mut encoder, 3, false, false, 1).remove(0);
    let at = header(&packet).payload.start;
    Layer::renumber_vp8(&mut packet[at..], 5);
    assert_eq!(picture_id(&packet), 0x7ffe, "modulo 15 bits");
}

#[test]
fn a_repeat_of_a_renumbered_packet_names_the_number_the_viewer_knows() {
    let mut numbering = Numbering::default();
    numbering.omit(105, 110, 1);
    numbering.omit(120, 121, 1);
    for (position, number) in [(100, 100), (104, 104), (110, 105), (119, 114), (121, 115)] {
        assert_eq!(numbering.number(position), Some(number));
        assert_eq!(numbering.position(number), Some(position));
    }
    assert_eq!(numbering.number(107), None);
}

#[test]
fn video_pauses_where_only_audio_fits_and_comes_back() {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = Viewer::new(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let (mut free, mut way) = (start, 62_000.0);
    let mut states = Vec::new();
    let mut id = 0;
    for step in 0..60_000u64 {
        let now = start + Duration::from_millis(step);
        if step == 20_000 {
            way = 2_000_000.0;
        }
        if step % 20 == 0 {
            let audio = encoder.packet(MediaKind::Audio, step as u32 * 48, false, &[1; 80]);
            pass(&mut publisher, &mut viewer.leg, now, &[audio]);
        }
        if step % 100 == 0 {
            let key = viewer.leg.take_feedback(now).is_some_and(|f| f.key_frame);
            let frame = encoder.frame(step as u32 * 90, key || id == 0, 1, id);
            id += 1;
            pass(&mut publisher, &mut viewer.leg, now, &frame);
        }
        viewer.leg.handle_timeout(now);
        viewer.exchange(now, &mut free, way);
        while let Some(event) = viewer.leg.poll_event() {
            if let MediaEvent::Video(state) = event {
                states.push((step, state));
            }
        }
    }
    let kinds: Vec<_> = states.iter().map(|(_, state)| *state).collect();
    assert_eq!(kinds, [VideoState::Paused, VideoState::Flowing], "{states:?}");
    assert!(states[1].0 < 35_000, "it comes back by itself: {states:?}");
    assert!(viewer.leg.counters().dropped_paused > 0);
}

#[test]
fn a_picture_that_does_not_last_comes_back_later_each_time() {
    let start = Instant::now();
    let mut picture = Picture::default();
    // There is room for it only while it is not sent.
    let mut paused = Vec::new();
    let mut since = start;
    for step in 0..3_000u32 {
        let now = start + Duration::from_millis(100) * step;
        let bitrate = if picture.is_paused() { 200_000.0 } else { 20_000.0 };
        match picture.update(now, Spare { bitrate, is_used: true }) {
            Some(VideoState::Paused) => since = now,
            Some(VideoState::Flowing) => paused.push((now - since).as_secs()),
            None => {}
        }
    }
    assert_eq!(paused[..7], [2, 4, 8, 16, 32, 32, 32]);
}

/// Frames as a publisher sends them: temporal layer, packets, loss of single packets, key frames.
fn frames() -> impl Strategy<Value = Vec<(bool, bool, u8, u16, u8)>> {
    let frame = (prop::bool::weighted(0.05), any::<bool>(), 1u8..12, any::<u16>(), 0u8..50);
    prop::collection::vec(frame, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_packet_is_sent_or_counted_and_none_is_reordered(
        frames in frames(),
        way in 50_000.0..3_000_000.0f64,
    ) {
        let start = Instant::now();
        let mut publisher = leg(CHROMIUM, start);
        let mut viewer = Viewer::new(start);
        let mut encoder = Encoder::new(CHROMIUM);
        let mut free = start;
        let mut now = start;
        let mut offered = 0u64;
        let mut sent = Vec::new();
        for (id, (key, upper, packets, lost, gap)) in frames.into_iter().enumerate() {
            now += Duration::from_millis(u64::from(gap));
            let key = key || id == 0;
            let frame = layered(&mut encoder, id as u16, key, upper && !key, packets);
            for (index, packet) in frame.iter().enumerate() {
                // One packet in sixteen does not come from the publisher.
                if lost % 16 == 0 && usize::from(lost / 16) % 12 == index {
                    continue;
                }
                let incoming = publisher.receive_rtp(now, packet).expect("it is new");
                viewer.leg.forward(now, &incoming, packet);
                offered += 1;
            }
            viewer.leg.handle_timeout(now);
            sent.extend(viewer.exchange(now, &mut free, way));
        }
        for _ in 0..5_000 {
            now += Duration::from_millis(2);
            viewer.leg.handle_timeout(now);
            sent.extend(viewer.exchange(now, &mut free, way));
        }
        let c = *viewer.leg.counters();
        let dropped = c.before_key_frame + c.overflowed + c.dropped_layer + c.dropped_queue
            + c.dropped_late + c.dropped_superseded + c.dropped_paused + c.dropped_blind + c.too_large + c.not_mappable;
        let video: Vec<_> = sent.iter().filter(|packet| header(packet).ssrc.0 == 22).collect();
        prop_assert_eq!(offered, video.len() as u64 + dropped, "{:?}", c);
        let numbers: Vec<u16> = video.iter().map(|packet| header(packet).sequence).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) < 0x8000));
        let times: Vec<u32> = video.iter().map(|packet| header(packet).timestamp).collect();
        prop_assert!(times.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) < 0x8000_0000));
    }
}
