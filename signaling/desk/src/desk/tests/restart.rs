use signaling_wire::{
    browser::{ChatLine, EndReason, Presence, Role},
    control::{CarriedCall, CarriedEnds, Remote},
    ids::OfferId,
    text::ChatText,
};

use super::*;
use crate::store::{OpenCall, OpenState};

const THEN: Millis = Millis(1_700_000_000_000);

fn open(id: u128, state: OpenState, epoch: u32) -> OpenCall {
    OpenCall {
        call: CallId::from_bits(id),
        link: Box::new(link(id)),
        media: MediaChoice::Video,
        queued_at: THEN,
        state,
        epoch,
        chat: Vec::new(),
        timeline: Vec::new(),
    }
}

fn active(id: u128) -> OpenCall {
    let agent = AgentId::from_bits(id);
    let mut open =
        open(id, OpenState::Active { agent, name: name("Agent 1"), started_at: THEN }, 3);
    let text = ChatText::parse("before").unwrap();
    open.chat = vec![ChatLine { seq: 9, from: Role::Shopper, client_id: 4, text, at_ms: THEN.0 }];
    open
}

fn restored(calls: Vec<OpenCall>) -> Restored {
    let wanted = vec![(AgentId::from_bits(1), WantedPresence::Available)];
    Restored { calls, wanted, alive_at: Some(THEN) }
}

#[test]
fn a_call_goes_on_in_a_new_desk() {
    let mut world = World::restored(restored(vec![active(1)]), THEN + Duration::from_secs(8));
    let shopper = world.shopper(link(1));
    let Phase::InCall(view) = world.welcomed[&shopper].0.clone() else { panic!("not in the call") };
    assert_eq!((view.call, view.elapsed_s, view.peer_connected), (CallId::from_bits(1), 8, false));
    assert_eq!((view.chat.len(), view.peer), (1, name("Agent 1")));
    let console = world.agent(agent(1, &[], &[]));
    assert_eq!(world.heard(shopper), [ServerMessage::Peer { connected: true }]);
    world.warm(shopper);
    world.warm(console);
    let [Effect::Bridge { epoch, .. }] = world.media[..] else { panic!("not bridged") };
    assert!(epoch > 3 + 10, "newer than what the last desk stored, and than what it had not yet");
    let text = ChatText::parse("after").unwrap();
    world.says(shopper, ClientMessage::Chat { client_id: 5, text });
    let heard = world.heard(console);
    assert!(matches!(&heard[..], [ServerMessage::Chat(line)] if line.seq == 10));
    world.says(console, ClientMessage::HangUp);
    world.says(console, ClientMessage::Presence { state: WantedPresence::Available });
    assert!(world.heard(console).contains(&ServerMessage::Presence { state: Presence::Available }));
}

#[test]
fn a_call_nobody_comes_back_to_ends_with_the_server_as_the_reason() {
    let mut world = World::restored(restored(vec![active(1)]), THEN);
    world.pass_s(90);
    assert!(matches!(world.ends()[..], [Verb::End { reason: EndReason::ServerStopped, .. }]));
}

#[test]
fn a_call_one_side_comes_back_to_ends_with_the_other_as_the_reason() {
    let mut world = World::restored(restored(vec![active(1)]), THEN);
    let shopper = world.shopper(link(1));
    world.pass_s(90);
    assert!(matches!(world.ends()[..], [Verb::End { reason: EndReason::AgentLost, .. }]));
    assert!(world.heard(shopper).iter().any(|m| matches!(m, ServerMessage::CallEnded { .. })));
}

#[test]
fn the_queue_is_kept_in_order_and_open_rings_are_withdrawn() {
    let offer = OfferId::from_bits(5);
    let calls = vec![open(2, OpenState::Ringing { offer }, 0), open(1, OpenState::Waiting, 0)];
    let mut world = World::restored(restored(calls), THEN + Duration::from_secs(2));
    assert!(matches!(world.stored[0], Verb::Release { offer: released, .. } if released == offer));
    let first = world.shopper(link(1));
    let second = world.shopper(link(2));
    assert!(matches!(&world.welcomed[&first].0, Phase::Queued(place) if place.position == 2));
    assert!(matches!(&world.welcomed[&second].0, Phase::Queued(place) if place.position == 1));
    let console = world.agent(agent(1, &[], &[]));
    assert_eq!(world.ring(console).unwrap().call, CallId::from_bits(2), "available as before");
}

#[test]
fn calls_of_long_ago_are_over_when_that_desk_was_last_alive() {
    let world = World::restored(restored(vec![active(1)]), THEN + Duration::from_secs(3_600));
    let reason = EndReason::ServerStopped;
    let end = Verb::End { call: CallId::from_bits(1), epoch: 3, reason, at: THEN };
    assert_eq!(world.ends(), [&end]);
    assert!(world.desk.calls.is_empty());
}

#[test]
fn stopping_leaves_calls_to_the_next_desk() {
    let mut world = World::new();
    let talk = world.call();
    let other = world.available(agent(2, &[], &[]));
    world.joined(link(2));
    assert!(world.ring(other).is_some());
    world.store = StoreIs::Slow;
    world.input(Input::Shutdown);
    for socket in [talk.shopper, talk.agent, other] {
        assert_eq!(world.closed[&socket], ByeReason::Restarting);
    }
    assert!(!world.desk.is_drained());
    world.store = StoreIs::Fine;
    world.answer();
    world.settle();
    assert!(world.desk.is_drained());
    assert_eq!(world.ends().len(), 0);
    assert!(matches!(world.stored[..], [.., Verb::Release { .. }, Verb::Alive { .. }]));
}

const LEGS: [LegId; 2] = [LegId::from_bits(71), LegId::from_bits(72)];

/// A node with two warm legs and a bridge of them, as it tells a desk that takes over.
fn found(world: &mut World, call: u128, epoch: u32) {
    let ends = CarriedEnds::Here(LEGS);
    let calls = vec![CarriedCall { call: CallId::from_bits(call), epoch, ends }];
    world.input(Input::Found { place: place(), legs: LEGS.to_vec(), calls });
    for leg in LEGS {
        world.input(Input::LegWarm { leg });
    }
}

#[test]
fn media_that_flows_is_not_touched_by_a_new_desk() {
    let mut world = World::restored(restored(vec![active(1)]), THEN + Duration::from_secs(2));
    found(&mut world, 1, 5);
    let shopper = world.shopper_with_leg(link(1), Some(LEGS[0]));
    let console = world.agent_with_leg(agent(1, &[], &[]), Some(LEGS[1]));
    assert!(world.welcomed[&shopper].1 && world.welcomed[&console].1, "they keep their legs");
    assert_eq!(world.media, [], "nothing is ordered of the node");
    assert!(!world.stored.iter().any(|verb| matches!(verb, Verb::Bridged { .. })));
    // A page that comes with another leg is bridged as ever, after the bridge that was found.
    let leg = world.warm(shopper);
    let [Effect::Bridge { epoch: 6, legs, .. }, ..] = world.media[..] else {
        panic!("{:?}", world.media);
    };
    assert_eq!(legs, [leg, LEGS[1]]);
    world.says(console, ClientMessage::HangUp);
    assert!(world.media.iter().any(|effect| matches!(effect, Effect::Unbridge { epoch: 6, .. })));
}

#[test]
fn a_found_leg_is_claimed_once() {
    let mut world = World::restored(restored(vec![active(1)]), THEN + Duration::from_secs(2));
    found(&mut world, 1, 5);
    let shopper = world.shopper_with_leg(link(1), Some(LEGS[0]));
    let stranger = world.shopper_with_leg(link(2), Some(LEGS[0]));
    assert!(world.welcomed[&shopper].1 && !world.welcomed[&stranger].1);
    world.input(Input::LegLost { leg: LEGS[1] });
    let console = world.agent_with_leg(agent(1, &[], &[]), Some(LEGS[1]));
    assert!(!world.welcomed[&console].1, "it is gone");
}

#[test]
fn a_call_over_two_nodes_is_found_from_both() {
    let mut world = World::restored(restored(vec![active(1)]), THEN + Duration::from_secs(2));
    for (leg, other) in [(LEGS[1], LEGS[0]), (LEGS[0], LEGS[1])] {
        let remote = Remote { leg: other, node: NodeId::from_bits(2), addresses: Vec::new() };
        let ends = CarriedEnds::Across { leg, remote };
        let calls = vec![CarriedCall { call: CallId::from_bits(1), epoch: 5, ends }];
        world.input(Input::Found { place: place(), legs: vec![leg], calls });
        world.input(Input::LegWarm { leg });
    }
    world.shopper_with_leg(link(1), Some(LEGS[0]));
    let console = world.agent_with_leg(agent(1, &[], &[]), Some(LEGS[1]));
    assert_eq!(world.media, [], "nothing is ordered of the nodes");
    world.says(console, ClientMessage::HangUp);
    assert!(matches!(world.media[..], [Effect::Unbridge { epoch: 5, legs: LEGS, .. }, ..]));
}

#[test]
fn what_a_node_still_forwards_of_a_call_that_is_over_ends() {
    let mut world = World::restored(restored(vec![active(1)]), THEN + Duration::from_secs(2));
    found(&mut world, 9, 2);
    let call = CallId::from_bits(9);
    assert_eq!(world.media, [Effect::Unbridge { call, epoch: 2, legs: LEGS }]);
}

#[test]
fn a_bridge_older_than_the_stored_one_is_made_anew() {
    let mut world = World::restored(restored(vec![active(1)]), THEN + Duration::from_secs(2));
    found(&mut world, 1, 2);
    world.shopper_with_leg(link(1), Some(LEGS[0]));
    world.agent_with_leg(agent(1, &[], &[]), Some(LEGS[1]));
    let [Effect::Unbridge { epoch: 2, .. }, Effect::Bridge { legs, epoch, .. }] = world.media[..]
    else {
        panic!("{:?}", world.media);
    };
    assert!(legs == LEGS && epoch > 3);
}
