//! What strangers and broken peers send, while a call goes on.

use std::{net::SocketAddr, time::Duration};

use proptest::prelude::*;

use super::{
    call::speak,
    world::{World, measuring},
};
use crate::{
    api::{Event, Measuring, Port, Received},
    testing::{Peer, Versions, rtp_packet},
};

/// An address that no peer has.
fn stranger() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 66], 666))
}

/// The call still carries, and no leg was closed.
fn assert_unharmed(world: &mut World, sequence: u16) {
    for (from, text) in [(0, b"still"), (1, b"here!")] {
        assert_eq!(speak(world, from, sequence, text).len(), 1);
    }
    let closed = world.take_events().into_iter().find(|e| matches!(e, Event::Closed { .. }));
    assert_eq!(closed, None);
    assert_eq!(world.stats().unsealed, 0);
}

/// A ClientHello of a server's enemy: a NULL cipher and nothing else.
fn null_client_hello() -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend([7; 32]);
    body.extend([0, 0, 0, 2, 0, 0, 1, 0]);
    let mut packet = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, body.len() as u8 + 12];
    packet.extend([1, 0, 0, body.len() as u8, 0, 0, 0, 0, 0, 0, 0, body.len() as u8]);
    packet.extend(body);
    packet
}

/// A handshake fragment without content.
fn empty_fragment() -> Vec<u8> {
    let mut packet = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12];
    packet.extend([2, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0]);
    packet
}

#[test]
fn whatever_seems_to_have_come_may_be_looked_at() {
    let runs = |from| {
        [(0, 0), (0, 9), (1, 65_535), (1_200, 7_000), (80, 80), (65_535, 65_535), (usize::MAX, 1)]
            .map(|(datagram, bytes)| Received { from, datagram, bytes })
    };
    let mut idle = World::new();
    let waits = idle.open(Versions::Both);
    let warm = idle.connect(Versions::Both);
    let mut call = World::call();
    assert_unharmed(&mut call, 1);
    for (world, peer) in [(&idle, waits), (&idle, warm), (&call, 0), (&call, 1)] {
        for from in [world.peers[peer].address, stranger()] {
            let many = runs(from).into_iter().cycle().take(100);
            world.cores[0].glance(Port(0), many);
        }
    }
    assert_unharmed(&mut call, 2);
}

#[test]
fn a_page_that_measures_is_answered_and_gets_nothing_else() {
    let mut world = World::call();
    let mut page = Peer::new(9, Versions::Both, world.now);
    let Measuring { ufrag, pwd } = measuring();
    page.node = (ufrag, pwd);
    let mut check = page.check(true);
    let answers = |world: &mut World, data: &mut [u8]| {
        let core = &mut world.cores[0];
        core.handle_datagram(world.now, Port(0), stranger(), data);
        std::iter::from_fn(|| core.poll_transmit().map(|sent| sent.path.remote)).collect::<Vec<_>>()
    };
    assert_eq!(answers(&mut world, &mut check), [stranger()]);
    assert!(answers(&mut world, &mut null_client_hello()).is_empty());
    assert!(answers(&mut world, &mut rtp_packet(111, 1, 7, b"hello")).is_empty());
    page.node.1 = "another-one-of-24-letter".to_owned();
    assert!(answers(&mut world, &mut page.check(true)).is_empty(), "not even with the right name");
    let dropped = world.stats().dropped;
    assert_eq!((dropped.unknown_source, dropped.unauthenticated_check), (2, 1));
    assert_eq!(world.stats().measured, 1);
    assert_unharmed(&mut world, 2);
}

#[test]
fn a_client_hello_from_anywhere_changes_nothing() {
    let mut world = World::new();
    let peer = world.open(Versions::Both);
    // Before the first check, from the peer's own address and from elsewhere.
    let address = world.peers[peer].address;
    for from in [address, stranger()] {
        for packet in [null_client_hello(), empty_fragment()] {
            world.send_from(Port(0), from, &packet);
        }
    }
    assert_eq!(world.stats().dropped.unknown_source, 4);
    assert_eq!(world.stats().sent.datagrams, 0);
    // In the middle of the handshake, from the peer's own address.
    let mut check = world.peers[peer].check(true);
    world.cores[0].handle_datagram(world.now, Port(0), address, &mut check);
    for packet in [null_client_hello(), empty_fragment()] {
        world.cores[0].handle_datagram(world.now, Port(0), address, &mut packet.clone());
    }
    world.run(Duration::from_millis(500));
    assert!(world.peers[peer].is_warm());
    // And in a call.
    world.connect(Versions::Both);
    world.bridge(1);
    for from in [address, stranger()] {
        for packet in [null_client_hello(), empty_fragment()] {
            world.send_from(Port(0), from, &packet);
        }
    }
    assert_unharmed(&mut world, 1);
}

#[test]
fn a_right_user_name_with_a_wrong_password_opens_no_way_for_dtls() {
    let mut world = World::call();
    let forged = world.peers[0].forged_check();
    world.send_from(Port(0), stranger(), &forged);
    world.send_from(Port(0), stranger(), &null_client_hello());
    let dropped = world.stats().dropped;
    assert_eq!((dropped.unauthenticated_check, dropped.unknown_source), (1, 1));
    assert_unharmed(&mut world, 1);
}

#[test]
fn a_forged_nomination_does_not_steal_the_media() {
    let mut world = World::call();
    for _ in 0..100 {
        for forged in [world.peers[1].forged_check(), world.peers[1].controlled_check()] {
            let address = world.peers[1].address;
            world.send_from(Port(0), address, &forged);
        }
    }
    assert_unharmed(&mut world, 1);
}

#[test]
fn a_thousand_bad_srtp_packets_are_a_number() {
    let mut world = World::call();
    let ssrc = world.peers[0].ssrcs()[0];
    for sequence in 0..1_000 {
        let mut packet = rtp_packet(111, sequence, ssrc, &[9; 60]);
        packet[1] = if sequence % 2 == 0 { 111 } else { 200 };
        world.send(0, &packet);
    }
    assert!(world.stats().dropped.srtp_auth >= 500);
    assert_unharmed(&mut world, 2_000);
}

#[test]
fn a_replayed_packet_is_heard_once() {
    let mut world = World::call();
    let ssrc = world.peers[0].ssrcs()[0];
    let packet = world.peers[0].seal_rtp(&rtp_packet(111, 5, ssrc, b"once"));
    for _ in 0..10 {
        world.send(0, &packet);
    }
    world.run(Duration::from_millis(20));
    assert_eq!(world.stats().dropped.srtp_replay, 9);
    // From the other peer's address it is a stranger's packet.
    world.send(1, &packet);
    assert_eq!(world.stats().dropped.srtp_auth, 1);
    assert_unharmed(&mut world, 6);
}

#[test]
fn another_peers_ssrc_is_not_forwarded() {
    let mut world = World::call();
    let stolen = world.peers[1].ssrcs()[0];
    let packet = world.peers[0].seal_rtp(&rtp_packet(110, 5, stolen, b"not mine"));
    world.peers[1].received.clear();
    world.send(0, &packet);
    world.run(Duration::from_millis(20));
    assert!(world.peers[1].received.iter().all(|packet| !packet.ends_with(b"not mine")));
    assert_unharmed(&mut world, 1);
}

#[test]
fn a_flood_of_checks_is_bounded() {
    let mut world = World::new();
    let peer = world.connect(Versions::Both);
    for port in 1..2_000 {
        let mut check = world.peers[peer].check(false);
        let from = SocketAddr::from(([203, 0, 113, 1], port));
        world.cores[0].handle_datagram(world.now, Port(0), from, &mut check);
    }
    let mut answers = 0;
    while world.cores[0].poll_transmit().is_some() {
        answers += 1;
    }
    assert!(answers <= super::super::MAX_ANSWERS);
    assert!(world.stats().dropped.answer_queue_full > 0);
    assert_eq!(world.cores[0].by_path.len(), crate::ice::MAX_PATHS);
    world.check(peer);
    assert_eq!(world.peers[peer].answers.len(), 2);
}

/// What to do to a good datagram.
#[derive(Debug, Clone)]
enum Damage {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Append(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), 1..=255_u8).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        prop::collection::vec(any::<u8>(), 1..20).prop_map(Damage::Append),
    ]
}

fn apply(damage: &Damage, mut data: Vec<u8>) -> Vec<u8> {
    match damage {
        Damage::Cut(at) => data.truncate(at.index(data.len())),
        Damage::Flip(at, mask) => {
            let at = at.index(data.len());
            data[at] ^= mask;
        }
        Damage::Append(more) => data.extend(more),
    }
    data
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_datagrams_do_not_harm(
        datagrams in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..1_500)), 1..40),
    ) {
        let mut world = World::call();
        for (from_peer, data) in &datagrams {
            let from = if *from_peer { world.peers[0].address } else { stranger() };
            world.send_from(Port(0), from, data);
        }
        assert_unharmed(&mut world, 1);
    }

    #[test]
    fn damaged_datagrams_do_not_harm(damages in prop::collection::vec(damage(), 1..20)) {
        let mut world = World::call();
        let ssrc = world.peers[0].ssrcs()[0];
        let mut sequence = 1_000;
        for damage in &damages {
            sequence += 1;
            let rtp = world.peers[0].seal_rtp(&rtp_packet(111, sequence, ssrc, &[1; 40]));
            let report = world.peers[0].seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 3, 0xe9]);
            let check = world.peers[0].check(true);
            for good in [rtp, report, check, null_client_hello()] {
                let bad = apply(damage, good);
                world.send(0, &bad);
            }
        }
        assert_unharmed(&mut world, sequence + 1);
    }

    #[test]
    fn authentic_nonsense_does_not_harm(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..200), 1..30),
    ) {
        // A peer with the keys may put anything into its packets.
        let mut world = World::call();
        for (i, packet) in packets.iter().enumerate() {
            let mut rtcp = packet.clone();
            rtcp[0] = 0x80 | (rtcp[0] & 0x1f);
            rtcp[1] = 192 + rtcp[1] % 32;
            if let Some(sealed) = world.peers[0].try_seal(&rtcp) {
                world.send(0, &sealed);
            }
            let mut rtp = packet.clone();
            rtp[0] = 0x80;
            rtp[1] = [111, 96, 97, 0][i % 4];
            let ssrc = world.peers[0].ssrcs()[i % 3];
            rtp[8..12].copy_from_slice(&ssrc.to_be_bytes());
            rtp[2..4].copy_from_slice(&(i as u16).to_be_bytes());
            if let Some(sealed) = world.peers[0].try_seal(&rtp) {
                world.send(0, &sealed);
            }
            world.run(Duration::from_millis(10));
        }
        let closed = world.take_events().into_iter().find(|e| matches!(e, Event::Closed { .. }));
        prop_assert_eq!(closed, None);
        prop_assert_eq!(world.stats().unsealed, 0);
        // The other direction is as it was.
        prop_assert_eq!(speak(&mut world, 1, 1, b"and you?").len(), 1);
    }
}
