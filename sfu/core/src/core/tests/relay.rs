//! Calls between two nodes: each node is a core, and nothing but relay datagrams goes between.

use std::time::Duration;

use super::{
    call::{VIDEO, media, speak, steps},
    world::{CALL, World, leg},
};
use crate::{
    api::{CallStep, ChannelId, Command, Epoch, Event, Hop, MediaKind},
    testing::{Versions, key_frame, rtp_packet},
};

/// A page on each of two nodes.
fn two_nodes() -> World {
    let mut world = World::with_workers(2);
    world.connect_at(0, Versions::Both);
    world.connect_at(1, Versions::Both);
    world
}

fn bridge_at(world: &mut World, node: u16, epoch: u32) {
    let (here, there) = (usize::from(node), usize::from(1 - node));
    let command = Command::BridgeRemote {
        call: CALL,
        epoch: Epoch(epoch),
        leg: leg(here),
        remote: leg(there),
        hop: Hop(1 - node),
    };
    world.command_to(node, command);
}

fn bridge(world: &mut World, epoch: u32) {
    bridge_at(world, 0, epoch);
    bridge_at(world, 1, epoch);
    // Who was bridged second says so; who was first knocks again.
    world.run(Duration::from_millis(100));
}

/// Sends a picture of one packet; the first one is a key frame.
fn show(world: &mut World, from: usize, sequence: u16) {
    let ssrc = world.peers[from].ssrcs()[1];
    let mut picture = key_frame();
    // The lowest bit of a frame's tag says that it builds on others (RFC 6386 §9.1).
    picture[1] |= u8::from(sequence > 1);
    let mut packet = rtp_packet(VIDEO, sequence, ssrc, &picture);
    packet[1] |= 0x80;
    let packet = world.peers[from].seal_rtp(&packet);
    world.send(from, &packet);
    world.run(Duration::from_millis(33));
}

/// Feedback of a payload-specific format (RFC 4585) that a page got: 1 is a request for a key
/// frame, 15 a bitrate.
fn feedback(world: &World, peer: usize, format: u8) -> usize {
    let received = world.peers[peer].received.iter();
    received.filter(|packet| packet[1] == 206 && packet[0] & 0x1f == format).count()
}

#[test]
fn what_one_says_the_other_hears_on_another_node() {
    let mut world = two_nodes();
    bridge(&mut world, 1);
    for (from, text) in [(0, b"good morning"), (1, b"how are you?")] {
        for sequence in 100..110 {
            let heard = speak(&mut world, from, sequence, text);
            assert_eq!(heard.len(), 1);
            assert!(heard[0].ends_with(text));
        }
    }
    let events = world.take_events();
    for publisher in [0, 1] {
        assert_eq!(
            steps(&events, publisher),
            [CallStep::Bridged, CallStep::FirstPacket(MediaKind::Audio)]
        );
    }
    for core in &world.cores {
        let stats = core.stats();
        assert_eq!((stats.calls, stats.relayed_calls), (1, 1));
        assert_eq!(stats.dropped, Default::default());
        assert_eq!((stats.relay.lost, stats.relay.malformed, stats.relay.asked), (0, 0, 0));
    }
}

#[test]
fn a_picture_that_came_before_the_bridge_is_seen_without_a_key_frame_of_its_own() {
    let mut world = two_nodes();
    for sequence in 1..4 {
        show(&mut world, 0, sequence);
    }
    world.peers[0].received.clear();
    bridge(&mut world, 1);
    let seen = media(&world, 1);
    assert_eq!(seen.len(), 3, "the key frame and what builds on it");
    assert!(seen[0].ends_with(&key_frame()));
    assert!(steps(&world.take_events(), 0).contains(&CallStep::FirstKeyFrame));
    assert_eq!(feedback(&world, 0, 1), 0, "none is asked for");
}

/// The way from the first node to the second stands, and the second one is bridged already.
fn one_end_waits() -> World {
    let mut world = two_nodes();
    world.command_to(0, Command::Hop { hop: Hop(1), is_up: true });
    show(&mut world, 0, 1);
    bridge_at(&mut world, 1, 1);
    world.peers[0].received.clear();
    world
}

#[test]
fn over_a_way_that_stands_a_picture_does_not_wait_for_the_other_end_to_speak() {
    let mut world = one_end_waits();
    bridge_at(&mut world, 0, 1);
    assert_eq!(media(&world, 1).len(), 1, "no time has passed");
    for sequence in 2..30 {
        show(&mut world, 0, sequence);
    }
    assert_eq!(media(&world, 1).len(), 29);
    assert_eq!(feedback(&world, 0, 1), 0, "no key frame is asked for");
}

#[test]
fn a_picture_that_was_lost_before_the_other_end_spoke_is_repaired() {
    let mut world = one_end_waits();
    world.relays = Box::new(|_| false);
    bridge_at(&mut world, 0, 1);
    world.relays = Box::new(|_| true);
    for sequence in 2..60 {
        show(&mut world, 0, sequence);
    }
    assert_eq!(media(&world, 1).len(), 59);
    assert_eq!(feedback(&world, 0, 1), 0, "no key frame is asked for");
}

#[test]
fn a_picture_that_nobody_can_repeat_any_more_is_asked_for_anew() {
    let mut world = one_end_waits();
    world.relays = Box::new(|_| false);
    bridge_at(&mut world, 0, 1);
    for sequence in 2..60 {
        show(&mut world, 0, sequence);
    }
    world.relays = Box::new(|_| true);
    for sequence in 60..90 {
        show(&mut world, 0, sequence);
    }
    assert!(feedback(&world, 0, 1) > 0);
}

#[test]
fn an_end_that_is_never_heard_is_not_sent_to_for_long() {
    let sent = |is_up| {
        let mut world = two_nodes();
        world.command_to(0, Command::Hop { hop: Hop(1), is_up });
        bridge_at(&mut world, 0, 1);
        for sequence in 1..100 {
            show(&mut world, 0, sequence);
        }
        world.cores[0].stats().relay.datagrams_out
    };
    let media = sent(true) - sent(false);
    assert!((50..70).contains(&media), "two seconds of 30 pictures: {media}");
}

#[test]
fn a_lost_viewer_and_a_narrow_way_are_heard_of_on_the_publishers_node() {
    let mut world = two_nodes();
    bridge(&mut world, 1);
    for sequence in 1..10 {
        show(&mut world, 0, sequence);
    }
    assert!(feedback(&world, 0, 15) > 0, "the viewer's node says what its way carries");
    world.peers[0].received.clear();
    let [sender, media] = [7_u32, 8].map(u32::to_be_bytes);
    let request = [&[0x81, 206, 0, 2][..], &sender, &media].concat();
    let request = world.peers[1].seal_rtcp(&request);
    world.send(1, &request);
    world.run(Duration::from_millis(50));
    show(&mut world, 0, 10);
    assert_eq!(feedback(&world, 0, 1), 1);
}

/// Bitrates that a page was told in REMB (draft-alvestrand-rmcat-remb §2.2), in bit/s.
fn told(world: &World, peer: usize) -> Vec<u64> {
    let received = world.peers[peer].received.iter();
    let rembs = received.filter(|packet| packet[1] == 206 && packet[0] & 0x1f == 15);
    rembs
        .map(|packet| {
            let bits = u64::from(u32::from_be_bytes(*packet[16..].first_chunk().expect("a REMB")));
            (bits & 0x3_ffff) << (bits >> 18 & 0x3f)
        })
        .collect()
}

#[test]
fn a_narrow_hop_holds_its_publishers_back_until_it_is_wide_again() {
    let mut world = two_nodes();
    bridge(&mut world, 1);
    let show_some = |world: &mut World, from: u16| {
        world.peers[0].received.clear();
        for sequence in from..from + 30 {
            show(world, 0, sequence);
        }
        told(world, 0).last().copied()
    };
    show(&mut world, 0, 0);
    // Until then the publisher is held to little, as nothing has been heard of the viewer's way.
    world.run(Duration::from_millis(1_100));
    let before = show_some(&mut world, 1).expect("what the viewer takes");
    assert!(before > 1_000_000, "{before}");
    let limit = |hop, bitrate| Command::LimitHop { hop: Hop(hop), bitrate };
    world.command_to(0, limit(7, Some(200_000)));
    assert_eq!(show_some(&mut world, 31).unwrap_or(before), before, "another hop");
    world.command_to(0, limit(1, Some(400_000)));
    let held = show_some(&mut world, 61).expect("less");
    assert!((390_000..=400_000).contains(&held), "{held}");
    // A call that begins meanwhile is held back as well.
    bridge(&mut world, 2);
    let held = show_some(&mut world, 91).expect("still");
    assert!((390_000..=400_000).contains(&held), "{held}");
    world.command_to(0, limit(1, None));
    let after = show_some(&mut world, 121).expect("more");
    assert!(after > 1_000_000, "{after}");
}

/// Nothing but each fifth datagram is lost, whichever is the first of them: the very first packet of a call as well.
#[test]
fn what_the_hop_loses_it_repairs() {
    for lost in 0..5 {
        let mut world = two_nodes();
        bridge(&mut world, 1);
        world.relays = Box::new(move |number| number % 5 != lost);
        world.peers[1].received.clear();
        for sequence in 1..200 {
            show(&mut world, 0, sequence);
        }
        world.relays = Box::new(|_| true);
        world.run(Duration::from_millis(500));
        assert_eq!(media(&world, 1).len(), 199);
        let stats = world.cores[1].stats().relay;
        assert!(stats.repaired > 20, "{stats:?}");
        assert_eq!(stats.lost, 0);
        let nacks = world.peers[0].received.iter().filter(|packet| packet[1] == 205);
        assert_eq!(
            nacks.filter(|packet| packet[0] & 0x1f == 1).count(),
            0,
            "the page is not asked"
        );
    }
}

/// Whichever datagram between the nodes is lost while a call begins: it takes no key frame, and nothing is missing.
#[test]
fn any_datagram_between_the_nodes_may_be_lost() {
    for lost in 1..=40 {
        for (is_up, shown_before) in [(false, 0), (false, 5), (true, 0), (true, 5)] {
            let mut world = two_nodes();
            for node in [0, 1] {
                world.command_to(node, Command::Hop { hop: Hop(1 - node), is_up });
            }
            world.relays = Box::new(move |number| number != lost);
            for sequence in 1..=shown_before {
                show(&mut world, 0, sequence);
            }
            world.peers[0].received.clear();
            bridge(&mut world, 1);
            for sequence in shown_before + 1..60 {
                show(&mut world, 0, sequence);
            }
            assert_eq!(media(&world, 1).len(), 59, "{lost} {is_up} {shown_before}");
            assert_eq!(feedback(&world, 0, 1), 0, "{lost} {is_up} {shown_before}");
        }
    }
}

#[test]
fn a_call_goes_from_one_node_to_two_and_back() {
    let mut world = two_nodes();
    // A second page of the first caller, on the second node.
    world.connect_at(1, Versions::Both);
    let here = |epoch| Command::Bridge { call: CALL, epoch: Epoch(epoch), legs: [leg(2), leg(1)] };
    world.command_to(1, here(1));
    bridge(&mut world, 2);
    assert_eq!(speak(&mut world, 0, 1, b"from afar").len(), 1);
    world.command_to(1, here(3));
    world.command_to(0, Command::Unbridge { call: CALL, epoch: Epoch(2) });
    assert_eq!(world.cores.iter().map(|core| core.stats().relayed_calls).sum::<u64>(), 0);
    assert!(speak(&mut world, 0, 2, b"too late").is_empty());
    bridge(&mut world, 2);
    assert!(speak(&mut world, 0, 3, b"an old bridge").is_empty());
    bridge(&mut world, 4);
    assert_eq!(speak(&mut world, 0, 4, b"again").len(), 1);
}

#[test]
fn nothing_is_heard_after_the_bridge_and_its_quality_is_reported() {
    let mut world = two_nodes();
    bridge(&mut world, 1);
    assert_eq!(speak(&mut world, 0, 1, b"now").len(), 1);
    for node in [0, 1] {
        world.command_to(node, Command::Unbridge { call: CALL, epoch: Epoch(1) });
    }
    assert!(speak(&mut world, 0, 2, b"too late").is_empty());
    let events = world.take_events();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Quality { .. })).count(), 2);
    let channel = ChannelId::of(CALL, Epoch(1));
    world.cores[0].handle_relayed(world.now, channel, &[1; 100]);
    assert_eq!(world.cores[0].stats().relay.unknown_channel, 1);
}

#[test]
fn hostile_datagrams_are_counted_and_the_call_goes_on() {
    let mut world = two_nodes();
    bridge(&mut world, 1);
    let channel = ChannelId::of(CALL, Epoch(1));
    let hostile: [&[u8]; 6] =
        [&[], &[1], &[3; 12], &[9; 100], &[2; 40], &[4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]];
    for data in hostile {
        world.cores[0].handle_relayed(world.now, channel, data);
    }
    let stats = world.cores[0].stats().relay;
    assert!(stats.malformed >= 4, "{stats:?}");
    assert_eq!(speak(&mut world, 0, 1, b"still here").len(), 1);
    assert_eq!(speak(&mut world, 1, 1, b"so am I").len(), 1);
}
