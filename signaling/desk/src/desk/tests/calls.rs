use signaling_wire::{
    browser::{
        EndReason, MediaState, Outcome, PageQuality, Presence, Role, Score, Stage, StageMark,
    },
    control::{CallEvent, MediaKind},
    text::{ChatText, Note},
};

use super::*;

fn text(text: &str) -> ChatText {
    ChatText::parse(text).unwrap()
}

#[test]
fn accepting_bridges_first_and_happens_once() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    let agent_leg = world.warm(console);
    let shopper = world.joined(link(1));
    let shopper_leg = world.warm(shopper);
    let offer = world.ring(console).unwrap();
    world.heard(shopper);

    let message = ClientMessage::Accept { offer: offer.offer };
    world.desk.handle(world.now, Input::Page { socket: console, message: message.clone() });
    let first = world.desk.poll_effect();
    let legs = [shopper_leg, agent_leg];
    assert_eq!(first, Some(Effect::Bridge { call: offer.call, epoch: 1, legs }));
    world.settle();
    let view = world.started(shopper).unwrap();
    assert_eq!((view.call, view.epoch, view.peer), (offer.call, 1, name("Agent 1")));
    assert_eq!(world.started(console).unwrap().peer, name("Mali"));

    world.says(console, message);
    assert_eq!(world.problem(console), Some(Code::Conflict));
    let accepts = world.stored.iter().filter(|verb| matches!(verb, Verb::Accept { .. })).count();
    assert_eq!((accepts, world.media.len()), (1, 0));
}

#[test]
fn a_call_starts_before_its_legs_are_warm_and_is_bridged_when_they_are() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    let shopper = world.joined(link(1));
    let offer = world.ring(console).unwrap();
    world.says(console, ClientMessage::Accept { offer: offer.offer });
    assert!(world.started(shopper).is_some());
    let shopper_leg = world.warm(shopper);
    assert_eq!(world.media, []);
    let agent_leg = world.warm(console);
    let legs = [shopper_leg, agent_leg];
    assert_eq!(world.media, [Effect::Bridge { call: offer.call, epoch: 1, legs }]);
}

#[test]
fn a_lost_socket_resumes_the_call_with_the_same_leg() {
    let mut world = World::new();
    let talk = world.call();
    let leg = world.desk.shoppers[&LinkId::from_bits(1)].page.warm;
    world.media.clear();
    world.drop_socket(talk.shopper);
    world.pass_s(1);
    assert_eq!(world.heard(talk.agent), []);
    world.pass_s(19);
    assert_eq!(world.heard(talk.agent), [ServerMessage::Peer { connected: false }]);
    let back = world.shopper_with_leg(link(1), leg);
    let (phase, leg_alive) = &world.welcomed[&back];
    assert!(*leg_alive && matches!(phase, Phase::InCall(view) if view.elapsed_s == 20));
    assert_eq!(world.heard(talk.agent), [ServerMessage::Peer { connected: true }]);
    assert_eq!(world.media, [], "the media never stopped");
}

#[test]
fn a_reload_resumes_the_call_with_a_new_leg_and_epoch() {
    let mut world = World::new();
    let talk = world.call();
    let old = world.desk.agents[&AgentId::from_bits(1)].page.warm.unwrap();
    world.media.clear();
    world.drop_socket(talk.agent);
    let back = world.agent(agent(1, &[], &[]));
    assert!(matches!(&world.welcomed[&back], (Phase::InCall(_), false)));
    assert_eq!(world.media, [Effect::CloseLeg { leg: old }], "its page is gone");
    let new = world.warm(back);
    assert!(matches!(
        world.media[1..],
        [Effect::Bridge { epoch: 2, legs: [_, leg], .. }] if leg == new
    ));
    assert_eq!(world.started(talk.shopper).unwrap().epoch, 2);
    // Stale: the old leg's end must not touch the new one.
    world.input(Input::LegLost { leg: old });
    assert_eq!(world.desk.agents[&AgentId::from_bits(1)].page.warm, Some(new));
}

#[test]
fn a_replaced_leg_carries_until_the_new_one_does() {
    let mut world = World::new();
    let talk = world.call();
    let old = world.desk.shoppers[&LinkId::from_bits(1)].page.warm.unwrap();
    world.media.clear();
    let new = world.warm(talk.shopper);
    assert!(matches!(
        world.media[..],
        [Effect::Bridge { epoch: 2, legs: [leg, _], .. }, Effect::CloseLeg { leg: closed }]
            if leg == new && closed == old
    ));
}

#[test]
fn a_lost_leg_is_told_to_its_page_and_replaced() {
    let mut world = World::new();
    let talk = world.call();
    let leg = world.desk.shoppers[&LinkId::from_bits(1)].page.warm.unwrap();
    world.input(Input::LegLost { leg });
    assert_eq!(world.heard(talk.shopper), [ServerMessage::LegLost { leg }]);
    world.media.clear();
    world.warm(talk.shopper);
    assert!(matches!(world.media[..], [Effect::Bridge { epoch: 2, .. }]));
}

#[test]
fn a_leg_without_a_page_is_closed() {
    let mut world = World::new();
    let leg = LegId::from_bits(99);
    world.input(Input::LegOpened { socket: SocketId(99), leg, place: place() });
    assert_eq!(world.media, [Effect::CloseLeg { leg }]);
}

#[test]
fn a_second_page_takes_the_seat() {
    let mut world = World::new();
    let talk = world.call();
    let second = world.shopper(link(1));
    assert_eq!(world.closed[&talk.shopper], ByeReason::Replaced);
    assert!(matches!(world.welcomed[&second].0, Phase::InCall(_)));
    // What the first still says, and its end, mean nothing any more.
    world.says(talk.shopper, ClientMessage::HangUp);
    world.drop_socket(talk.shopper);
    assert_eq!(world.ends().len(), 0);
    world.pass_s(100);
    assert_eq!(world.ends().len(), 0);
}

#[test]
fn a_side_that_does_not_come_back_ends_the_call() {
    let mut world = World::new();
    let talk = world.call();
    world.drop_socket(talk.shopper);
    world.pass_s(89);
    assert_eq!(world.ends().len(), 0);
    world.pass_s(1);
    assert!(matches!(world.ends()[..], [Verb::End { reason: EndReason::ShopperLost, .. }]));
    assert!(world.heard(talk.agent).iter().any(|message| matches!(
        message,
        ServerMessage::CallEnded { reason: EndReason::ShopperLost, duration_s: 90, .. }
    )));
    assert_eq!(world.desk.counters().ended, 1);
}

#[test]
fn hanging_up_leads_through_wrap_up_and_satisfaction() {
    let mut world = World::new();
    let talk = world.call();
    world.pass_s(61);
    world.media.clear();
    world.says(talk.shopper, ClientMessage::HangUp);
    assert!(matches!(world.media[..], [Effect::Unbridge { epoch: 1, .. }]));
    assert_eq!(
        world.heard(talk.shopper),
        [ServerMessage::CallEnded {
            call: talk.call,
            reason: EndReason::ShopperHungUp,
            duration_s: 61,
            wrap_up_s: None,
        }]
    );
    let heard = world.heard(talk.agent);
    assert!(matches!(heard[0], ServerMessage::CallEnded { wrap_up_s: Some(60), .. }));
    assert!(heard.contains(&ServerMessage::Presence { state: Presence::WrapUp }));

    let note = Note::parse("sent a new strap").unwrap();
    let outcome = Outcome::Resolved;
    world.says(talk.agent, ClientMessage::WrapUp { call: talk.call, outcome, note: note.clone() });
    assert_eq!(world.heard(talk.agent), [ServerMessage::Presence { state: Presence::Available }]);
    let again = world.shopper(link(1));
    assert_eq!(world.welcomed[&again].0, Phase::Satisfaction { call: talk.call });
    let score = Score::try_from(5).unwrap();
    world.says(again, ClientMessage::Satisfaction { call: talk.call, score, comment: None });
    let after = world.shopper(link(1));
    assert_eq!(world.welcomed[&after].0, Phase::Done, "the link had one use");
    assert!(world.stored.iter().any(|verb| matches!(verb,
        Verb::WrapUp { note: stored, outcome: Outcome::Resolved, .. } if *stored == note)));
    assert!(world.stored.iter().any(|verb| matches!(verb, Verb::Satisfaction { .. })));
    assert_eq!(world.ends().len(), 1);
}

#[test]
fn wrap_up_and_the_question_end_by_themselves() {
    let mut world = World::new();
    let talk = world.call();
    world.says(talk.agent, ClientMessage::HangUp);
    world.heard(talk.agent);
    world.pass_s(60);
    let heard = world.heard(talk.agent);
    assert!(heard.contains(&ServerMessage::Presence { state: Presence::Available }));
    world.pass_s(240);
    let back = world.shopper(link(1));
    assert_eq!(world.welcomed[&back].0, Phase::Done);
}

#[test]
fn chat_is_counted_stored_once_and_replayed() {
    let mut world = World::new();
    let talk = world.call();
    world.says(talk.shopper, ClientMessage::Chat { client_id: 1, text: text("hello") });
    world.says(talk.agent, ClientMessage::Chat { client_id: 1, text: text("hi") });
    world.says(talk.shopper, ClientMessage::Chat { client_id: 1, text: text("hello") });
    let own: Vec<_> = world.heard(talk.shopper);
    assert!(matches!(&own[..], [
        ServerMessage::Chat(first), ServerMessage::Chat(second), ServerMessage::Chat(again),
    ] if first.seq == 1 && second.seq == 2 && again == first));
    assert_eq!(world.heard(talk.agent).len(), 2, "the repeat goes to its writer only");
    world.says(talk.shopper, ClientMessage::Chat { client_id: 2, text: text(" ") });
    assert_eq!(world.problem(talk.shopper), Some(Code::Malformed));

    for client_id in 10..300 {
        world.says(talk.shopper, ClientMessage::Chat { client_id, text: text("line") });
    }
    let back = world.shopper(link(1));
    let Phase::InCall(view) = &world.welcomed[&back].0 else { panic!("not in the call") };
    assert_eq!(view.chat.len(), signaling_wire::limits::MAX_CHAT_REPLAY);
    assert_eq!(view.chat.last().map(|line| line.seq), Some(292));
    let stored = world.stored.iter().filter(|verb| matches!(verb, Verb::Chat { .. })).count();
    assert_eq!(stored, 292);
}

#[test]
fn what_the_shopper_chose_to_send_bounds_what_they_are_said_to_send() {
    let all = MediaState { microphone: true, camera: true, screen: true };
    for (choice, seen) in [
        (MediaChoice::Video, all),
        (MediaChoice::Audio, MediaState { microphone: true, camera: false, screen: false }),
        (MediaChoice::Text, MediaState::default()),
    ] {
        let mut world = World::new();
        let console = world.available(agent(1, &[], &[]));
        let shopper = world.shopper(link(1));
        world.says(shopper, ClientMessage::Media(all));
        world.says(shopper, ClientMessage::Join { media: choice });
        let offer = world.ring(console).unwrap();
        world.says(console, ClientMessage::Accept { offer: offer.offer });
        assert_eq!(world.started(console).unwrap().peer_media, seen);
        world.says(shopper, ClientMessage::Media(all));
        assert_eq!(world.heard(console), [ServerMessage::PeerMedia(seen)]);
    }
}

#[test]
fn both_sides_stages_become_one_time_line() {
    let mut world = World::new();
    let talk = world.call();
    let leg = world.desk.shoppers[&LinkId::from_bits(1)].page.warm.unwrap();
    let event = CallEvent::FirstPacket { kind: MediaKind::Video };
    world.input(Input::CallEvent { call: talk.call, epoch: 1, leg, event, at_us: 30_000 });
    let mark = |stage, at_ms| StageMark { stage, at_ms };
    let marks = vec![
        mark(Stage::Accept, 5_000.0),
        mark(Stage::CallStarted, 5_040.0),
        mark(Stage::FirstFrame, 5_200.0),
    ];
    world.says(talk.agent, ClientMessage::Stages { call: Some(talk.call), marks });
    let marks = vec![mark(Stage::CallStarted, 900.0), mark(Stage::FirstFrame, 1_000.0)];
    world.says(talk.shopper, ClientMessage::Stages { call: Some(talk.call), marks });
    let quality = PageQuality { rtt_ms: 60.0, ..PageQuality::default() };
    world.says(talk.shopper, ClientMessage::Quality(quality));
    // The other side's page may not write on this side's line.
    let marks = vec![mark(Stage::FirstAudio, 0.0)];
    world.says(talk.agent, ClientMessage::Stages { call: Some(CallId::from_bits(4)), marks });
    world.says(talk.agent, ClientMessage::HangUp);

    let entries = world.heard(talk.agent).into_iter().find_map(|message| match message {
        ServerMessage::Timeline { entries, .. } => Some(entries),
        _ => None,
    });
    let entries = entries.unwrap();
    let at = |side, stage: &str| {
        entries.iter().find(|e| e.side == side && e.stage == stage).map(|e| e.at_ms)
    };
    assert_eq!(at(Some(Role::Agent), "accept"), Some(0.0));
    assert_eq!(at(Some(Role::Agent), "first_frame"), Some(200.0));
    assert_eq!(at(None, "accept_received"), Some(20.0), "half of the agent's round trip");
    assert_eq!(at(None, "first_video_packet_of_shopper"), Some(50.0));
    assert_eq!(at(Some(Role::Shopper), "call_started"), Some(50.0), "20 up, 30 down");
    assert_eq!(at(Some(Role::Shopper), "first_frame"), Some(150.0));
    assert!(world.stored.iter().any(|verb| matches!(verb,
        Verb::Quality { side: Role::Shopper, summary, .. } if summary.page.reports == 1)));
}

#[test]
fn stages_that_come_after_the_end_still_count() {
    let mut world = World::new();
    let talk = world.call();
    world.says(talk.agent, ClientMessage::HangUp);
    world.heard(talk.agent);
    let marks = vec![StageMark { stage: Stage::CallStarted, at_ms: 1.0 }];
    world.says(talk.shopper, ClientMessage::Stages { call: Some(talk.call), marks });
    assert!(matches!(world.heard(talk.agent)[..], [ServerMessage::Timeline { .. }]));
    world.pass_s(30);
    assert!(world.desk.calls.is_empty(), "an ended call is forgotten");
}

#[test]
fn an_operator_ends_a_call() {
    let mut world = World::new();
    let talk = world.call();
    world.input(Input::EndCall { call: talk.call });
    assert!(matches!(world.ends()[..], [Verb::End { reason: EndReason::Operator, .. }]));
    world.input(Input::EndCall { call: talk.call });
    assert_eq!(world.ends().len(), 1);
}
