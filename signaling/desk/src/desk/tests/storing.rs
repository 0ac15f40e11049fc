use signaling_wire::{browser::Score, text::ChatText};

use super::*;
use crate::record::OfferResult;

#[test]
fn a_lost_store_means_no_new_calls_and_never_ends_one() {
    let mut world = World::new();
    let talk = world.call();
    world.store = StoreIs::Away;
    let shopper = world.joined(link(2));
    assert_eq!(world.problem(shopper), Some(Code::Unavailable));
    let text = ChatText::parse("still here").unwrap();
    world.says(talk.shopper, ClientMessage::Chat { client_id: 1, text });
    assert!(matches!(world.heard(talk.agent)[..], [ServerMessage::Chat(_)]));
    world.pass_s(300);
    world.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
    assert_eq!(world.problem(shopper), Some(Code::Unavailable), "at once, without asking");
    world.says(talk.agent, ClientMessage::HangUp);
    assert_eq!(world.ends().len(), 0);

    world.store = StoreIs::Fine;
    world.pass_s(10);
    let ends = |call_id| {
        let of_call = |verb: &&Verb| matches!(verb, Verb::End { call, .. } if *call == call_id);
        world.stored.iter().filter(of_call).count()
    };
    assert_eq!(ends(talk.call), 1, "stored late, but stored");
    let stored = world.stored.iter().filter(|verb| matches!(verb, Verb::Chat { .. })).count();
    assert_eq!(stored, 1);
    world.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
    assert_eq!(world.place(shopper).unwrap().position, 1);
}

#[test]
fn a_shopper_who_waits_while_the_store_is_lost_is_rung_for_when_it_is_back() {
    let mut world = World::new();
    world.joined(link(1));
    world.store = StoreIs::Away;
    let console = world.available(agent(1, &[], &[]));
    assert_eq!(world.ring(console), None);
    world.pass_s(20);
    assert_eq!(world.ring(console), None);
    world.store = StoreIs::Fine;
    world.pass_s(10);
    assert!(world.ring(console).is_some());
}

#[test]
fn a_used_up_link_is_refused_in_words() {
    let mut world = World::new();
    world.store = StoreIs::Refusing(Refusal::LinkUsedUp);
    let shopper = world.joined(link(1));
    assert_eq!(world.problem(shopper), Some(Code::LinkUsedUp));
    world.store = StoreIs::Fine;
    world.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
    assert!(world.place(shopper).is_some());
}

#[test]
fn a_reservation_the_store_refuses_leaves_both_where_they_were() {
    let mut world = World::new();
    let shopper = world.joined(link(1));
    world.store = StoreIs::Slow;
    let console = world.available(agent(1, &[], &[]));
    world.answer_with(Ok(Applied::Done));
    world.settle();
    assert!(matches!(world.asked.front(), Some((_, Verb::Claim { .. }))));
    world.store = StoreIs::Fine;
    world.answer_with(Ok(Applied::Refused(Refusal::Conflict)));
    world.settle();
    assert_eq!(world.ring(console), None);
    assert!(!world.place(shopper).unwrap().ringing);
    world.pass_s(3);
    assert!(world.ring(console).is_some(), "tried again a little later");
}

#[test]
fn leaving_while_the_store_thinks_leaves_nothing_behind() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.store = StoreIs::Slow;
    let shopper = world.joined(link(1));
    world.says(shopper, ClientMessage::Leave);
    world.store = StoreIs::Fine;
    world.answer();
    world.settle();
    assert!(matches!(world.stored[..], [.., Verb::Enqueue { .. }, Verb::End { .. }]));
    assert!(world.desk.calls.is_empty() && world.desk.queue.is_empty());
    assert_eq!(world.ring(console), None);

    // The same while a reservation is under way.
    world.store = StoreIs::Slow;
    world.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
    world.answer_with(Ok(Applied::Done));
    world.settle();
    assert!(matches!(world.asked.front(), Some((_, Verb::Claim { .. }))));
    world.says(shopper, ClientMessage::Leave);
    world.store = StoreIs::Fine;
    world.answer();
    world.settle();
    assert_eq!(world.ring(console), None);
    world.joined(link(2));
    assert!(world.ring(console).is_some(), "the agent is free again");
}

#[test]
fn a_break_before_the_ring_declines_nothing() {
    let mut world = World::new();
    world.joined(link(1));
    world.store = StoreIs::Slow;
    let console = world.available(agent(1, &[], &[]));
    world.answer_with(Ok(Applied::Done));
    world.settle();
    assert!(matches!(world.asked.front(), Some((_, Verb::Claim { .. }))));
    world.says(console, ClientMessage::Presence { state: WantedPresence::Break });
    world.store = StoreIs::Fine;
    world.answer();
    world.settle();
    assert_eq!(world.ring(console), None);
    let withdrawn =
        |verb: &Verb| matches!(verb, Verb::Release { result: OfferResult::Withdrawn, .. });
    assert!(world.stored.iter().any(withdrawn), "{:?}", world.stored);

    world.says(console, ClientMessage::Presence { state: WantedPresence::Available });
    assert!(world.ring(console).is_some(), "asked again at once");
}

#[test]
fn a_backlog_is_bounded_and_keeps_what_matters() {
    let mut world = World::new();
    let talk = world.call();
    world.store = StoreIs::Away;
    for client_id in 0..4_900 {
        for socket in [talk.shopper, talk.agent] {
            let text = ChatText::parse("x").unwrap();
            world.says(socket, ClientMessage::Chat { client_id, text });
        }
    }
    for _ in 0..10_000 {
        let score = Score::try_from(1).unwrap();
        let call = CallId::from_bits(77);
        world.says(talk.shopper, ClientMessage::Satisfaction { call, score, comment: None });
    }
    assert!(world.desk.counters().backlog <= 10_001);
    assert!(world.desk.counters().lost > 0);
    world.says(talk.agent, ClientMessage::HangUp);
    world.store = StoreIs::Fine;
    world.pass_s(10);
    assert_eq!(world.ends().len(), 1);
}
