//! Legs that move to another worker.

use std::{net::SocketAddr, time::Duration};

use super::world::{CALL, World, leg};
use crate::{
    api::{CloseReason, Command, Disposition, Epoch, Event, Port},
    ice::CONSENT_TIMEOUT,
    testing::{Versions, rtp_packet},
};

/// Moves the leg of a peer that was opened at worker 0 to worker 1.
fn move_leg(world: &mut World, peer: usize) {
    let released = world.cores[0].release(world.now, leg(peer), Port(1)).expect("the leg");
    assert_eq!(released.id(), leg(peer));
    world.command_to(1, Command::Adopt(released));
}

/// A peer's rtcp receiver report without blocks: something it can send at any time.
fn report(ssrc: u32) -> Vec<u8> {
    let mut report = vec![0x80, 201, 0, 1];
    report.extend(ssrc.to_be_bytes());
    report
}

fn moved() -> (World, usize) {
    let mut world = World::with_workers(2);
    let peer = world.connect(Versions::Both);
    world.take_events();
    move_leg(&mut world, peer);
    (world, peer)
}

#[test]
fn a_moved_leg_is_reached_through_its_old_port() {
    let (mut world, peer) = moved();
    assert_eq!(world.cores[0].stats().legs, 0);
    assert_eq!(world.cores[1].stats().warm_legs, 1);

    world.check(peer);
    let ssrc = world.peers[peer].ssrcs()[0];
    let report = world.peers[peer].seal_rtcp(&report(ssrc));
    world.send(peer, &report);
    assert_eq!(world.peers[peer].answers.len(), 2, "answered from the old port");
    assert_eq!(world.cores[0].stats().passed_on, 2);
    assert_eq!(world.cores[1].stats().checks, 1);
    assert_eq!(world.cores[1].stats().dropped, Default::default());
    assert_eq!(world.take_events(), []);
}

#[test]
fn a_moved_leg_may_change_its_address() {
    let (mut world, peer) = moved();
    world.peers[peer].address.set_port(7_000);
    world.check(peer);
    let ssrc = world.peers[peer].ssrcs()[0];
    let report = world.peers[peer].seal_rtcp(&report(ssrc));
    world.send(peer, &report);
    assert_eq!(world.cores[0].stats().passed_on, 2);
    assert_eq!(world.cores[1].stats().dropped, Default::default());
}

#[test]
fn what_was_counted_stays_counted_once() {
    let (mut world, peer) = moved();
    let ssrc = world.peers[peer].ssrcs()[0];
    let mut total = 0;
    for sequence in 1..4 {
        let packet = world.peers[peer].seal_rtp(&rtp_packet(111, sequence, ssrc, b"counted"));
        world.send(peer, &packet);
        total += 1;
        let (to, from) = if sequence % 2 == 0 { (1, 0) } else { (0, 1) };
        let released = world.cores[from].release(world.now, leg(peer), Port(to as u16));
        world.command_to(to as u16, Command::Adopt(released.expect("the leg")));
        let counted = world.cores.iter().map(|core| core.stats().media.packets_in).sum::<u64>();
        assert_eq!(counted, total);
    }
}

#[test]
fn a_stranger_is_not_passed_on() {
    let (mut world, peer) = moved();
    let stranger = SocketAddr::from(([203, 0, 113, 66], 666));
    let forged = world.peers[peer].forged_check();
    for mut data in [forged, vec![128, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let disposition = world.cores[0].handle_datagram(world.now, Port(0), stranger, &mut data);
        assert_eq!(disposition, Disposition::Done);
    }
    let dropped = world.cores[0].stats().dropped;
    assert_eq!((dropped.unknown_ufrag, dropped.unknown_source), (1, 1));
}

#[test]
fn a_leg_may_come_back() {
    let (mut world, peer) = moved();
    let released = world.cores[1].release(world.now, leg(peer), Port(0)).expect("the leg");
    world.command_to(0, Command::Adopt(released));
    world.check(peer);
    assert_eq!(world.cores[0].stats().passed_on, 0);
    assert_eq!(world.cores[0].stats().warm_legs, 1);
}

#[test]
fn a_leg_may_move_while_it_shakes_hands() {
    let mut world = World::with_workers(2);
    let peer = world.open(Versions::Both);
    let (port, from) = (world.peers[peer].port, world.peers[peer].address);
    let mut check = world.peers[peer].check(true);
    world.cores[0].handle_datagram(world.now, port, from, &mut check);
    // The ClientHello is made, but has not been sent.
    move_leg(&mut world, peer);
    world.run(Duration::from_millis(500));
    assert!(world.peers[peer].is_warm());
    assert_eq!(world.cores[1].stats().warm_legs, 1);
}

#[test]
fn an_idle_trace_is_forgotten() {
    let (mut world, peer) = moved();
    world.run_silently(CONSENT_TIMEOUT * 2);
    let events = world.take_events();
    let closed = Event::Closed { leg: leg(peer), reason: CloseReason::ConsentLost };
    assert_eq!(events.last(), Some(&closed));
    assert_eq!(world.cores[0].next_timeout(), None);
    world.check(peer);
    assert_eq!(world.cores[0].stats().passed_on, 0);
    assert_eq!(world.cores[0].stats().dropped.unknown_ufrag, 1);
}

#[test]
fn legs_of_two_workers_are_bridged_after_a_move() {
    let mut world = World::with_workers(2);
    let a = world.connect_at(0, Versions::Both);
    let b = world.connect_at(1, Versions::Both);
    world.take_events();
    move_leg(&mut world, a);
    let bridge = Command::Bridge { call: CALL, epoch: Epoch(1), legs: [leg(a), leg(b)] };
    world.command_to(1, bridge);
    assert_eq!(world.cores[1].stats().calls, 1);
}

#[test]
fn releasing_an_unknown_leg_gives_nothing() {
    let mut world = World::with_workers(2);
    assert!(world.cores[0].release(world.now, leg(5), Port(1)).is_none());
}

#[test]
fn a_released_leg_can_change_threads() {
    fn is_send<T: Send>() {}
    is_send::<Command>();
}
