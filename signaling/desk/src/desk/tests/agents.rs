use signaling_wire::browser::{EndReason, Presence};

use super::*;

fn presence(world: &mut World, socket: SocketId) -> Option<Presence> {
    world.heard(socket).into_iter().rev().find_map(|message| match message {
        ServerMessage::Presence { state } => Some(state),
        _ => None,
    })
}

#[test]
fn an_agent_starts_on_a_break_and_comes_back_as_they_left() {
    let mut world = World::new();
    let console = world.agent(agent(1, &[], &[]));
    assert_eq!(world.welcomed[&console].0, Phase::Idle { presence: Presence::Break });
    world.says(console, ClientMessage::Presence { state: WantedPresence::Available });
    assert_eq!(presence(&mut world, console), Some(Presence::Available));
    world.drop_socket(console);
    world.joined(link(1));
    world.pass_s(3_600);
    let back = world.agent(agent(1, &[], &[]));
    assert_eq!(world.welcomed[&back].0, Phase::Idle { presence: Presence::Available });
}

#[test]
fn an_absent_agent_is_not_rung_and_after_a_moment_not_counted() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.drop_socket(console);
    let shopper = world.joined(link(1));
    assert_eq!(world.place(shopper).unwrap().agents, 1, "it may be a reload");
    world.pass_s(6);
    assert_eq!(world.place(shopper).unwrap().agents, 0);
    let back = world.agent(agent(1, &[], &[]));
    assert!(world.ring(back).is_some());
}

#[test]
fn the_longest_idle_is_rung() {
    let mut world = World::new();
    let first = world.available(agent(2, &[], &[]));
    world.pass_s(10);
    let second = world.available(agent(1, &[], &[]));
    world.joined(link(1));
    assert!(world.ring(first).is_some());
    assert_eq!(world.ring(second), None);
}

#[test]
fn a_break_during_a_ring_passes_it_on_and_during_a_call_waits_for_its_end() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.joined(link(1));
    assert!(world.ring(console).is_some());
    world.says(console, ClientMessage::Presence { state: WantedPresence::Break });
    assert_eq!(presence(&mut world, console), Some(Presence::Break));

    let other = world.available(agent(2, &[], &[]));
    let offer = world.ring(other).unwrap();
    world.says(other, ClientMessage::Accept { offer: offer.offer });
    world.says(other, ClientMessage::Presence { state: WantedPresence::Break });
    assert_eq!(presence(&mut world, other), Some(Presence::InCall));
    world.says(other, ClientMessage::HangUp);
    world.pass_s(60);
    assert_eq!(presence(&mut world, other), Some(Presence::Break));
}

#[test]
fn one_agent_has_one_shopper() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.joined(link(1));
    world.joined(link(2));
    let offer = world.ring(console).unwrap();
    world.pass_s(1);
    assert_eq!(world.ring(console), None);
    world.says(console, ClientMessage::Accept { offer: offer.offer });
    world.pass_s(100);
    assert_eq!(world.ring(console), None);
    world.says(console, ClientMessage::HangUp);
    assert_eq!(world.ring(console), None, "not during the notes");
    world.says(console, ClientMessage::Presence { state: WantedPresence::Available });
    assert!(world.ring(console).is_some());
}

#[test]
fn an_agent_sees_how_many_wait() {
    let mut world = World::new();
    let console = world.agent(agent(1, &[], &[]));
    world.pass_s(1);
    world.joined(link(1));
    world.pass_s(5);
    world.heard(console);
    world.joined(link(2));
    world.pass_s(1);
    assert!(
        world
            .heard(console)
            .iter()
            .any(|message| matches!(message, ServerMessage::Waiting { waiting: 2, longest_s: 5 }))
    );
}

#[test]
fn signing_out_ends_what_the_agent_was_doing() {
    let mut world = World::new();
    let talk = world.call();
    let id = AgentId::from_bits(1);
    world.input(Input::SignOut { agent: id });
    assert_eq!(world.closed[&talk.agent], ByeReason::SignedOut);
    assert!(matches!(world.ends()[..], [Verb::End { reason: EndReason::AgentLost, .. }]));
    assert!(world.media.iter().any(|effect| matches!(effect, Effect::CloseLeg { .. })));
    assert_eq!(world.desk.counters().agents, 0);
}

#[test]
fn a_page_may_not_do_what_belongs_to_the_other_role() {
    let mut world = World::new();
    let talk = world.call();
    world.says(talk.shopper, ClientMessage::Presence { state: WantedPresence::Available });
    assert_eq!(world.problem(talk.shopper), Some(Code::Forbidden));
    world.says(talk.agent, ClientMessage::Join { media: MediaChoice::Text });
    assert_eq!(world.problem(talk.agent), Some(Code::Forbidden));
}

#[test]
fn a_call_starts_without_a_ring_when_the_agent_wants_it_so() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.says(console, ClientMessage::AutoAccept { on: true });
    let shopper = world.joined(link(1));
    let heard = world.heard(console);
    assert!(!heard.iter().any(|message| matches!(message, ServerMessage::Offer(_))));
    let started = |message: &ServerMessage| matches!(message, ServerMessage::CallStarted(_));
    assert!(heard.iter().any(started) && world.heard(shopper).iter().any(started));
    let kinds = |verb: &Verb| match verb {
        Verb::Claim { .. } => Some("claim"),
        Verb::Accept { .. } => Some("accept"),
        _ => None,
    };
    let stored: Vec<_> = world.stored.iter().filter_map(kinds).collect();
    assert_eq!(stored, ["claim", "accept"], "the store arbitrates as for a ring");
}

#[test]
fn a_console_that_has_not_asked_for_it_is_rung() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.says(console, ClientMessage::AutoAccept { on: true });
    world.says(console, ClientMessage::AutoAccept { on: false });
    world.joined(link(1));
    assert!(world.ring(console).is_some(), "switched off again");

    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.says(console, ClientMessage::AutoAccept { on: true });
    world.drop_socket(console);
    world.joined(link(1));
    let back = world.agent(agent(1, &[], &[]));
    assert!(world.ring(back).is_some(), "another page has to ask for itself");
}
