//! Media through a bridge.

use std::time::Duration;

use super::world::{CALL, World, leg};
use crate::{
    api::{CallStep, CloseReason, Command, Epoch, Event, MediaKind},
    rtp::Header,
    testing::{Versions, key_frame, rtp_packet},
};

const AUDIO: u8 = 111;
pub(super) const VIDEO: u8 = 96;
/// Repeats of it.
const VIDEO_REPEATS: u8 = 97;

/// Sends an audio packet and returns what of it arrived at the other peer.
pub(super) fn speak(world: &mut World, from: usize, sequence: u16, text: &[u8]) -> Vec<Vec<u8>> {
    let ssrc = world.peers[from].ssrcs()[0];
    let packet = world.peers[from].seal_rtp(&rtp_packet(AUDIO, sequence, ssrc, text));
    world.peers[1 - from].received.clear();
    world.send(from, &packet);
    world.run(Duration::from_millis(20));
    media(world, 1 - from)
}

/// The RTP packets with media that a page got, without repeats. A stream's opener has none.
pub(super) fn media(world: &World, peer: usize) -> Vec<Vec<u8>> {
    let received = world.peers[peer].received.iter();
    let is_media = |packet: &&Vec<u8>| {
        !(192..=223).contains(&packet[1])
            && packet[1] & 0x7f != VIDEO_REPEATS
            && Header::parse(packet).is_some_and(|header| !header.payload.is_empty())
    };
    received.filter(is_media).cloned().collect()
}

pub(super) fn steps(events: &[Event], publisher: usize) -> Vec<CallStep> {
    let step = |event: &Event| match event {
        Event::Call { leg: from, step, .. } if *from == leg(publisher) => Some(*step),
        _ => None,
    };
    events.iter().filter_map(step).collect()
}

#[test]
fn what_one_says_the_other_hears() {
    for versions in [Versions::Only1_2, Versions::Both] {
        let mut world = World::new();
        world.connect(versions);
        world.connect(versions);
        world.bridge(1);
        for (from, text) in [(0, b"good morning"), (1, b"how are you?")] {
            for sequence in 100..110 {
                let heard = speak(&mut world, from, sequence, text);
                assert_eq!(heard.len(), 1);
                assert!(heard[0].ends_with(text));
                assert_ne!(heard[0][8..12], world.peers[from].ssrcs()[0].to_be_bytes());
            }
        }
        let events = world.take_events();
        for publisher in [0, 1] {
            assert_eq!(
                steps(&events, publisher),
                [CallStep::Bridged, CallStep::FirstPacket(MediaKind::Audio)]
            );
        }
        assert_eq!(world.stats().dropped, Default::default());
        assert_eq!(world.stats().unsealed, 0);
    }
}

#[test]
fn a_key_frame_opens_the_picture() {
    let mut world = World::call();
    let ssrc = world.peers[0].ssrcs()[1];
    for sequence in 1..4 {
        let mut packet = rtp_packet(VIDEO, sequence, ssrc, &key_frame());
        packet[1] |= 0x80;
        let packet = world.peers[0].seal_rtp(&packet);
        world.send(0, &packet);
        world.run(Duration::from_millis(33));
    }
    assert_eq!(media(&world, 1).len(), 3);
    assert!(steps(&world.take_events(), 0).contains(&CallStep::FirstKeyFrame));
}

#[test]
fn a_picture_that_came_before_the_bridge_is_seen_without_a_round_trip() {
    let mut world = World::new();
    world.connect(Versions::Both);
    world.connect(Versions::Both);
    let ssrc = world.peers[0].ssrcs()[1];
    for sequence in 1..4 {
        let mut packet = rtp_packet(VIDEO, sequence, ssrc, &key_frame());
        packet[1] |= 0x80;
        let packet = world.peers[0].seal_rtp(&packet);
        world.send(0, &packet);
        world.run(Duration::from_millis(33));
    }
    assert!(media(&world, 1).is_empty(), "nobody sees it before the bridge");
    world.peers[0].received.clear();
    world.bridge(1);
    let seen = media(&world, 1);
    assert_eq!(seen.len(), 1, "the newest key frame, at once");
    assert!(seen[0].ends_with(&key_frame()));
    assert!(steps(&world.take_events(), 0).contains(&CallStep::FirstKeyFrame));
    let requests = world.peers[0].received.iter().filter(|packet| packet[1] == 206);
    assert_eq!(requests.filter(|packet| packet[0] & 0x1f == 1).count(), 0, "none is asked for");
}

#[test]
fn nothing_is_heard_before_the_bridge_and_after_it() {
    let mut world = World::new();
    world.connect(Versions::Both);
    world.connect(Versions::Both);
    assert!(speak(&mut world, 0, 1, b"too early").is_empty());
    world.bridge(1);
    assert_eq!(speak(&mut world, 0, 2, b"now").len(), 1);
    world.command(Command::Unbridge { call: CALL, epoch: Epoch(1) });
    assert!(speak(&mut world, 0, 3, b"too late").is_empty());
    let events = world.take_events();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Quality { .. })).count(), 2);
    assert_eq!(world.stats().calls, 0);
    assert_eq!(world.stats().warm_legs, 2);
}

#[test]
fn a_leg_may_become_warm_after_the_bridge() {
    let mut world = World::new();
    world.connect(Versions::Both);
    let late = world.open(Versions::Both);
    world.bridge(1);
    world.check(late);
    world.run(Duration::from_millis(500));
    assert!(world.peers[late].is_warm());
    assert_eq!(speak(&mut world, 0, 1, b"there you are").len(), 1);
}

#[test]
fn commands_about_older_bridges_are_ignored() {
    let mut world = World::call();
    world.bridge(3);
    world.take_events();
    world.bridge(2);
    world.bridge(3);
    world.command(Command::Unbridge { call: CALL, epoch: Epoch(2) });
    assert_eq!(world.take_events(), []);
    assert_eq!(speak(&mut world, 0, 1, b"still here").len(), 1);
    world.command(Command::Unbridge { call: CALL, epoch: Epoch(3) });
    assert_eq!(world.stats().calls, 0);
}

#[test]
fn the_latest_bridge_of_a_leg_wins() {
    let mut world = World::call();
    world.connect(Versions::Both);
    let other =
        Command::Bridge { call: crate::api::CallId(10), epoch: Epoch(1), legs: [leg(2), leg(1)] };
    world.command(other);
    assert_eq!(world.stats().calls, 1);
    assert!(speak(&mut world, 0, 1, b"hello?").is_empty());
}

#[test]
fn a_leg_that_closes_leaves_the_other_warm() {
    let mut world = World::call();
    world.take_events();
    world.command(Command::CloseLeg { leg: leg(0) });
    assert_eq!(world.stats().calls, 0);
    assert_eq!(world.stats().warm_legs, 1);
    let closed = Event::Closed { leg: leg(0), reason: CloseReason::Asked };
    assert!(world.take_events().contains(&closed));
    world.run(Duration::from_secs(1));
}

#[test]
fn quality_is_reported_every_two_seconds() {
    let mut world = World::call();
    world.take_events();
    for sequence in 0..250 {
        speak(&mut world, 0, sequence, &[7; 80]);
    }
    let reports = world.take_events();
    let of = |number| {
        let is = move |event: &&Event| matches!(event, Event::Quality { leg: of, .. } if *of == leg(number));
        reports.iter().filter(is).count()
    };
    assert_eq!((of(0), of(1)), (2, 2));
}

#[test]
fn a_bridge_of_a_leg_with_itself_or_nobody_is_ignored() {
    let mut world = World::new();
    let peer = world.connect(Versions::Both);
    for other in [peer, 77] {
        let legs = [leg(peer), leg(other)];
        world.command(Command::Bridge { call: CALL, epoch: Epoch(1), legs });
    }
    assert_eq!(world.stats().calls, 0);
}
