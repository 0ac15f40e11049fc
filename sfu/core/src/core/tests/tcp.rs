//! Legs whose peers reach the node over TCP.

use std::time::Duration;

use super::{
    call::{media, speak},
    world::{CALL, World, leg},
};
use crate::{
    api::{CloseReason, Command, ConnectionId, Epoch, Event, Port},
    ice::CONSENT_TIMEOUT,
    testing::Versions,
};

const WIRE: ConnectionId = ConnectionId(1);

/// A call whose first leg is on TCP, and whose second is on UDP.
fn call() -> World {
    let mut world = World::new();
    let peer = world.open(Versions::Both);
    world.peers[peer].connection = Some(WIRE);
    world.check(peer);
    world.run(Duration::from_millis(500));
    assert!(world.peers[peer].is_warm());
    world.connect(Versions::Both);
    world.bridge(1);
    world
}

fn set_blocked(world: &mut World, blocked: bool) {
    let (now, from) = (world.now, world.peers[0].address);
    world.cores[0].set_blocked(now, WIRE, from, blocked);
    world.run(Duration::from_millis(5));
}

#[test]
fn a_call_works_over_tcp() {
    let mut world = call();
    assert_eq!(world.stats().tcp_legs, 1);
    for from in [0, 1] {
        for sequence in 100..110 {
            assert_eq!(speak(&mut world, from, sequence, b"hello").len(), 1);
        }
    }
    assert_eq!(world.stats().dropped, Default::default());
}

#[test]
fn nothing_is_believed_of_a_connection_before_its_check_is_authenticated() {
    let mut world = World::new();
    let peer = world.open(Versions::Both);
    world.peers[peer].connection = Some(WIRE);
    let from = world.peers[peer].address;
    let forged = world.peers[peer].forged_check();
    world.send(peer, &forged);
    assert!(!world.cores[0].carries_leg(WIRE, from));
    assert_eq!(world.stats().sent.datagrams, 0);
    world.check(peer);
    assert!(world.cores[0].carries_leg(WIRE, from));
    assert!(!world.cores[0].carries_leg(ConnectionId(2), from), "it is that connection's alone");
}

#[test]
fn what_a_full_connection_cannot_take_waits_and_audio_that_is_late_is_dropped() {
    let mut world = call();
    set_blocked(&mut world, true);
    assert_eq!(speak(&mut world, 1, 100, b"later").len(), 0);
    assert!(
        world.cores[0].next_timeout() > Some(world.now + Duration::from_millis(20)),
        "no spinning"
    );
    set_blocked(&mut world, false);
    assert_eq!(media(&world, 0).len(), 1, "what waited");
    assert_eq!(speak(&mut world, 1, 101, b"now").len(), 1);

    set_blocked(&mut world, true);
    for sequence in 102..202 {
        speak(&mut world, 1, sequence, b"never mind");
    }
    let dropped = world.stats().media.overflowed;
    assert!((60..100).contains(&dropped), "{dropped} of 100: the rest still waits");
}

#[test]
fn a_leg_changes_between_tcp_and_udp_by_nomination() {
    let mut world = call();
    set_blocked(&mut world, true);
    world.peers[0].connection = None;
    world.check(0);
    assert_eq!(world.stats().tcp_legs, 0);
    assert_eq!(speak(&mut world, 1, 100, b"by UDP, which is not full").len(), 1);
    set_blocked(&mut world, false);
    world.peers[0].connection = Some(WIRE);
    world.check(0);
    assert_eq!(world.stats().tcp_legs, 1);
    assert_eq!(speak(&mut world, 1, 101, b"and back").len(), 1);
}

#[test]
fn when_its_connection_ends_a_leg_waits_for_another_path() {
    let mut world = call();
    let (now, from) = (world.now, world.peers[0].address);
    world.cores[0].handle_disconnect(now, WIRE, from);
    assert!(!world.cores[0].carries_leg(WIRE, from));
    assert_eq!(speak(&mut world, 1, 100, b"while there is none").len(), 0);
    world.peers[0].connection = Some(ConnectionId(2));
    world.check(0);
    assert_eq!(media(&world, 0).len(), 1, "what waited");
    assert_eq!(speak(&mut world, 1, 101, b"there is one").len(), 1);
    assert_eq!(world.cores[0].poll_abandoned(), None, "the shell knows that it has ended");
}

#[test]
fn a_closed_leg_gives_its_connection_up() {
    let mut world = call();
    world.command(Command::CloseLeg { leg: leg(0) });
    assert_eq!(world.cores[0].poll_abandoned(), Some(WIRE));
    assert_eq!(world.cores[0].poll_abandoned(), None);

    let mut world = call();
    world.run_silently(CONSENT_TIMEOUT * 2);
    let closed = Event::Closed { leg: leg(0), reason: CloseReason::ConsentLost };
    assert!(world.take_events().contains(&closed));
    assert_eq!(world.cores[0].poll_abandoned(), Some(WIRE));
}

#[test]
fn a_connection_moves_with_its_leg_and_a_new_one_finds_it() {
    let mut world = World::with_workers(2);
    let a = world.open(Versions::Both);
    world.peers[a].connection = Some(WIRE);
    world.check(a);
    world.run(Duration::from_millis(500));
    let b = world.connect_at(1, Versions::Both);

    let released = world.cores[0].release(world.now, leg(a), Port(1)).expect("the leg");
    for connection in released.connections() {
        world.connections.insert(connection, Port(1));
    }
    assert_eq!(world.connections[&WIRE], Port(1));
    world.command_to(1, Command::Adopt(released));
    let bridge = Command::Bridge { call: CALL, epoch: Epoch(1), legs: [leg(a), leg(b)] };
    world.command_to(1, bridge);
    assert_eq!(speak(&mut world, 0, 100, b"hello").len(), 1);
    assert_eq!(world.cores[0].stats().passed_on, 0, "nothing takes a detour");

    // Its user name still names the worker where the leg was opened.
    let second = ConnectionId(2);
    world.peers[a].connection = Some(second);
    world.check(a);
    assert_eq!(world.connections[&second], Port(1));
    assert_eq!(speak(&mut world, 1, 100, b"welcome back").len(), 1);
}
