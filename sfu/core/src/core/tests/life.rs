//! Opening, connecting, restarting and closing legs.

use std::time::Duration;

use super::world::{World, leg};
use crate::{
    api::{CloseReason, Command, DtlsVersion, Event, RejectReason, SrtpProfile},
    ice::{CONNECT_TIMEOUT, CONSENT_TIMEOUT, SILENT_AFTER},
    testing::{DtlsServer, Peer, Versions},
};

#[test]
fn a_leg_becomes_warm_with_either_version() {
    for (versions, expected) in
        [(Versions::Only1_2, DtlsVersion::V1_2), (Versions::Both, DtlsVersion::V1_3)]
    {
        let mut world = World::new();
        let peer = world.connect(versions);
        let events = world.take_events();
        assert!(events.contains(&Event::Connected { leg: leg(peer) }));
        assert!(
            events
                .iter()
                .any(|event| matches!(event, Event::Warm { dtls, .. } if *dtls == expected))
        );
        assert_eq!(world.peers[peer].answers, [world.peers[peer].address]);
        assert_eq!(world.stats().warm_legs, 1);
        assert_eq!(world.stats().dropped, Default::default());
    }
}

#[test]
fn the_client_hello_leaves_with_the_first_answer() {
    let mut world = World::new();
    let peer = world.open(Versions::Both);
    let mut check = world.peers[peer].check(false);
    let (port, from) = (world.peers[peer].port, world.peers[peer].address);
    let core = &mut world.cores[0];
    core.handle_datagram(world.now, port, from, &mut check);
    assert_eq!(core.next_timeout(), Some(world.now), "there is more to do at once");
    core.handle_timeout(world.now);
    let mut first_bytes = Vec::new();
    while let Some(transmit) = core.poll_transmit() {
        first_bytes.push(transmit.data[0]);
    }
    assert_eq!(first_bytes, [1, 22], "a STUN success, then a DTLS handshake record");
}

#[test]
fn a_handshake_waits_for_nothing_but_the_peer() {
    for versions in [Versions::Only1_2, Versions::Only1_3] {
        let mut world = World::new();
        let peer = world.open(versions);
        // On this network nothing takes any time.
        world.check(peer);
        assert!(world.peers[peer].is_warm(), "{versions:?}");
        assert_eq!(world.stats().warm_legs, 1, "{versions:?}");
    }
}

#[test]
fn handshakes_of_many_legs_are_spread_over_calls() {
    let mut world = World::new();
    let peers: Vec<_> = (0..4).map(|_| world.open(Versions::Both)).collect();
    for &peer in &peers {
        let mut check = world.peers[peer].check(true);
        let (port, from) = (world.peers[peer].port, world.peers[peer].address);
        world.cores[0].handle_datagram(world.now, port, from, &mut check);
    }
    let core = &mut world.cores[0];
    let mut hellos = Vec::new();
    while core.next_timeout().is_some_and(|due| due <= world.now) {
        core.handle_timeout(world.now);
        let mut at_once = 0;
        while let Some(transmit) = core.poll_transmit() {
            at_once += usize::from(transmit.data[0] == 22);
        }
        hellos.push(at_once);
    }
    assert_eq!(hellos, [2, 2]);
}

#[test]
fn failed_handshake_widens_the_next_offer_of_profiles() {
    let mut world = World::new();
    let first = world.open(Versions::Only1_3);
    world.peers[first].dtls = DtlsServer::new(Versions::Only1_3, world.now);
    world.check(first);
    let closed = Event::Closed { leg: leg(first), reason: CloseReason::DtlsFailed };
    assert!(world.take_events().contains(&closed));

    let second = world.open(Versions::Only1_3);
    world.peers[second].address = world.peers[first].address;
    world.peers.swap_remove(first);
    world.check(0);
    let profiles: Vec<_> = world
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Warm { srtp, .. } => Some(srtp),
            _ => None,
        })
        .collect();
    assert_eq!(profiles, [SrtpProfile::AeadAes256Gcm], "what the peer chooses from everything");
}

#[test]
fn nothing_is_sent_before_a_check_is_validated() {
    let mut world = World::new();
    let peer = world.open(Versions::Both);
    let forged = world.peers[peer].forged_check();
    world.send(peer, &forged);
    world.run(Duration::from_secs(1));
    assert_eq!(world.stats().sent.datagrams, 0);
    assert_eq!(world.stats().dropped.unauthenticated_check, 1);
}

#[test]
fn bad_offers_and_wrong_legs_are_rejected() {
    let mut world = World::new();
    for _ in 0..4 {
        world.open(Versions::Both);
    }
    let good = Peer::new(9, Versions::Both, world.now).offer();
    for (leg_number, offer, expected) in
        [(0, good.clone(), RejectReason::WrongLeg), (9, good.clone(), RejectReason::Full)]
    {
        world.command(Command::OpenLeg { leg: leg(leg_number), offer });
        let rejected = Event::Rejected { leg: leg(leg_number), reason: expected };
        assert_eq!(world.events.pop(), Some(rejected));
    }
    world.command(Command::RestartLeg { leg: leg(9), offer: good });
    let rejected = Event::Rejected { leg: leg(9), reason: RejectReason::WrongLeg };
    assert_eq!(world.events.pop(), Some(rejected));
    world.command(Command::CloseLeg { leg: leg(0) });
    world.take_events();
    world.command(Command::OpenLeg { leg: leg(9), offer: "v=0".into() });
    let rejected = Event::Rejected { leg: leg(9), reason: RejectReason::BadOffer };
    assert_eq!(world.events.pop(), Some(rejected));
    assert_eq!(world.stats().legs, 3);
}

#[test]
fn a_restart_from_another_certificate_is_rejected() {
    let mut world = World::new();
    let peer = world.connect(Versions::Both);
    let offer = Peer::new(9, Versions::Both, world.now).offer();
    world.command(Command::RestartLeg { leg: leg(peer), offer });
    let rejected = Event::Rejected { leg: leg(peer), reason: RejectReason::BadOffer };
    assert_eq!(world.events.pop(), Some(rejected));
    assert_eq!(world.stats().warm_legs, 1);
}

#[test]
fn a_restart_moves_the_leg_to_another_network() {
    let mut world = World::new();
    let peer = world.connect(Versions::Both);
    world.peers[peer].restart_ice();
    let offer = world.peers[peer].offer();
    world.command(Command::RestartLeg { leg: leg(peer), offer });
    let Some(Event::Answer { sdp, .. }) = world.events.pop() else { panic!("an answer") };
    world.peers[peer].take_answer(&sdp);
    world.peers[peer].address.set_port(6_000);
    let check = world.peers[peer].check(true);
    world.send(peer, &check);
    assert_eq!(world.peers[peer].answers.len(), 2);
    world.command(Command::CloseLeg { leg: leg(peer) });
    assert!(world.peers[peer].dtls.closed, "close_notify went to the new address");
}

#[test]
fn an_offer_with_the_same_user_name_is_no_restart() {
    let mut world = World::new();
    let peer = world.connect(Versions::Both);
    let (ufrag, pwd) = world.peers[peer].node.clone();
    let offer = world.peers[peer].offer();
    world.command(Command::RestartLeg { leg: leg(peer), offer });
    let Some(Event::Answer { sdp, .. }) = world.events.pop() else { panic!("an answer") };
    assert!(sdp.contains(&format!("a=ice-ufrag:{ufrag}\r\n")));
    assert!(sdp.contains(&format!("a=ice-pwd:{pwd}\r\n")));
    world.check(peer);
    assert_eq!(world.peers[peer].answers.len(), 2);
}

#[test]
fn a_page_that_never_connects_is_closed() {
    let mut world = World::new();
    let peer = world.open(Versions::Both);
    world.run_silently(CONNECT_TIMEOUT - Duration::from_millis(1));
    assert_eq!(world.take_events(), []);
    world.run_silently(Duration::from_millis(1));
    let closed = Event::Closed { leg: leg(peer), reason: CloseReason::NeverConnected };
    assert_eq!(world.take_events(), [closed]);
    assert_eq!(world.stats().legs, 0);
    assert_eq!(world.cores[0].next_timeout(), None);
}

#[test]
fn a_peer_that_is_gone_falls_silent_and_then_loses_consent() {
    let mut world = World::new();
    let peer = world.connect(Versions::Both);
    world.take_events();
    world.run_silently(SILENT_AFTER);
    assert_eq!(world.take_events(), [Event::Silent { leg: leg(peer) }]);
    let check = world.peers[peer].check(false);
    world.send(peer, &check);
    world.run_silently(CONSENT_TIMEOUT);
    let closed = Event::Closed { leg: leg(peer), reason: CloseReason::ConsentLost };
    assert_eq!(world.take_events(), [Event::Silent { leg: leg(peer) }, closed]);
}

#[test]
fn a_handshake_without_answer_fails() {
    let mut world = World::new();
    let peer = world.open(Versions::Both);
    let (port, from) = (world.peers[peer].port, world.peers[peer].address);
    for _ in 0..10 {
        let mut check = world.peers[peer].check(true);
        world.cores[0].handle_datagram(world.now, port, from, &mut check);
        world.run_silently(Duration::from_secs(2));
    }
    let closed = Event::Closed { leg: leg(peer), reason: CloseReason::DtlsFailed };
    assert!(world.take_events().contains(&closed));
}

#[test]
fn closing_says_goodbye_and_a_goodbye_closes() {
    let mut world = World::new();
    let peer = world.connect(Versions::Both);
    world.take_events();
    world.command(Command::CloseLeg { leg: leg(peer) });
    assert!(world.peers[peer].dtls.closed);
    let closed = Event::Closed { leg: leg(peer), reason: CloseReason::Asked };
    assert_eq!(world.take_events(), [closed]);

    let peer = world.connect(Versions::Both);
    world.take_events();
    world.peers[peer].dtls.close();
    for packet in world.peers[peer].poll_dtls(world.now) {
        world.send(peer, &packet);
    }
    let closed = Event::Closed { leg: leg(peer), reason: CloseReason::PeerClosed };
    assert_eq!(world.take_events(), [closed]);
    assert_eq!(world.stats().legs, 0);
}
