use std::time::Duration;

use signaling_wire::ids::CallId;

use super::*;
use crate::media::{Generator, Outgoing, Profile};

fn tag(call: u128) -> CallTag {
    CallTag::from(CallId::from_bits(call))
}

/// Two seconds of media.
fn media(call: u128, side: Role) -> Vec<Outgoing> {
    let mut generator = Generator::new(tag(call), side, Profile::default(), Duration::ZERO, 3);
    let mut packets = Vec::new();
    while generator.next_at() < Duration::from_secs(2) {
        let now = generator.next_at();
        packets.extend(generator.poll(now, now.as_micros() as u64));
    }
    packets
}

fn judge() -> Judge {
    Judge::new(tag(1), Role::Shopper)
}

#[test]
fn the_other_sides_media_is_right() {
    let mut judge = judge();
    let packets = media(1, Role::Agent);
    let mut news = Vec::new();
    for packet in &packets {
        news.extend(judge.packet(5_000_000, packet.head.kind, &packet.payload));
    }

    assert_eq!(judge.foreign(), Foreign::default());
    assert_eq!(news, [News::FirstAudio, News::FirstVideo, News::FirstKeyFrame]);
    for kind in Kind::ALL {
        let sent = packets.iter().filter(|packet| packet.head.kind == kind).count();
        assert_eq!(judge.stream(kind).received() as usize, sent);
        assert_eq!(judge.stream(kind).reordered(), 0);
    }
}

#[test]
fn everything_else_is_foreign() {
    let mut judge = judge();
    for packet in media(2, Role::Agent).iter().take(10) {
        judge.packet(0, packet.head.kind, &packet.payload);
    }
    for packet in media(1, Role::Shopper).iter().take(20) {
        judge.packet(0, packet.head.kind, &packet.payload);
    }
    let right = media(1, Role::Agent);
    let mut changed = right[0].payload.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    judge.packet(0, right[0].head.kind, &changed);
    judge.packet(0, Kind::Audio, b"something a browser might send, long enough for a stamp");

    assert_eq!(
        judge.foreign(),
        Foreign { other_call: 10, own: 20, wrong_track: 0, corrupt: 1, unknown: 1 }
    );
    assert_eq!(judge.stream(Kind::Audio).received() + judge.stream(Kind::Video).received(), 0);
}

#[test]
fn padding_is_nothing() {
    let mut judge = judge();
    judge.packet(0, Kind::Video, &[]);

    assert_eq!(judge.foreign().total(), 0);
}

#[test]
fn loss_duplicates_and_order_are_told_apart() {
    let mut judge = judge();
    let audio: Vec<_> = media(1, Role::Agent)
        .into_iter()
        .filter(|packet| packet.head.kind == Kind::Audio)
        .collect();
    for at in [2, 3, 3, 5, 4, 8, 8, 8] {
        judge.packet(0, Kind::Audio, &audio[at].payload);
    }

    let stream = judge.stream(Kind::Audio);
    assert_eq!((stream.received(), stream.duplicates(), stream.reordered()), (5, 3, 1));
    assert_eq!(stream.missed_at_start(), Some(2));
}

#[test]
fn a_key_frame_with_a_hole_is_not_complete() {
    let mut judge = judge();
    let video: Vec<_> = media(1, Role::Agent)
        .into_iter()
        .filter(|packet| packet.head.kind == Kind::Video)
        .collect();
    let mut news = Vec::new();
    for (at, packet) in video.iter().enumerate() {
        if at != 2 {
            news.extend(judge.packet(0, Kind::Video, &packet.payload));
        }
    }
    assert_eq!(news, [News::FirstVideo]);

    news.extend(judge.packet(0, Kind::Video, &video[2].payload));
    assert_eq!(news, [News::FirstVideo, News::FirstKeyFrame], "repaired late is still repaired");
}

#[test]
fn delay_is_from_stamp_to_arrival() {
    let mut judge = judge();
    for packet in media(1, Role::Agent) {
        if packet.head.kind == Kind::Audio {
            let sent = Stamp::read(opus::body(&packet.payload).unwrap()).unwrap().sent_us;
            judge.packet(sent + 30_000, Kind::Audio, &packet.payload);
        }
    }

    let median = judge.stream(Kind::Audio).latency().value_at_quantile(0.5);
    assert!((29_900..=30_100).contains(&median), "{median}");
    assert_eq!(judge.stream(Kind::Audio).longest_gap_us(), 20_000);
}

#[test]
fn the_longest_silence_is_that_of_both_streams_together() {
    let mut judge = judge();
    for (packet, number) in media(1, Role::Agent).iter().zip(0u64..) {
        // A pause of 300 ms before the 100th packet; only one stream is missing around the 50th.
        let at_us = number * 10_000 + if number >= 100 { 300_000 } else { 0 };
        if !(40..60).contains(&number) || packet.head.kind == Kind::Audio {
            judge.packet(at_us, packet.head.kind, &packet.payload);
        }
    }
    assert_eq!(judge.longest_silence(), Duration::from_millis(310));
}
