use signaling_wire::browser::{EndReason, OfferEnd};

use super::*;

#[test]
fn the_longest_waiting_is_served_first_and_priority_before_all() {
    let mut world = World::new();
    let first = world.joined(link(1));
    world.pass_s(1);
    world.joined(link(2));
    world.pass_s(1);
    let mut urgent = link(3);
    urgent.priority = 5;
    let urgent = world.joined(urgent);
    assert_eq!(world.place(urgent).unwrap().position, 1);
    world.pass_s(1);
    assert_eq!(world.place(first).unwrap().position, 2);

    let a = world.available(agent(1, &[], &[]));
    let b = world.available(agent(2, &[], &[]));
    assert_eq!(world.ring(a).unwrap().waited_s, 1, "the urgent one joined last");
    assert_eq!(world.ring(b).unwrap().waited_s, 3, "then the first of the others");
}

#[test]
fn equals_are_served_in_order_of_arrival_even_within_one_millisecond() {
    let mut world = World::new();
    // Ids that sort the other way round.
    let sockets: Vec<_> = (1..=4).rev().map(|id| world.joined(link(id))).collect();
    world.pass_s(1);
    let places: Vec<_> = sockets.iter().map(|s| world.place(*s).unwrap().position).collect();
    assert_eq!(places, [1, 2, 3, 4]);
}

#[test]
fn the_shopper_sees_who_is_there_and_that_it_rings() {
    let mut world = World::new();
    let shopper = world.joined(link(1));
    let place = world.place(shopper).unwrap();
    assert_eq!((place.position, place.agents, place.ringing), (1, 0, false));
    assert_eq!(place.estimate_s, None, "nothing to base one on");
    world.available(agent(1, &[], &[]));
    world.agent(agent(2, &[], &[]));
    world.pass_s(1);
    let place = world.place(shopper).unwrap();
    assert_eq!((place.agents, place.ringing), (1, true), "who is on a break does not count");
}

#[test]
fn an_estimate_comes_from_earlier_calls_only() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    for id in 1..=3 {
        let shopper = world.joined(link(id));
        let offer = world.ring(console).unwrap();
        world.pass_s(5);
        world.says(console, ClientMessage::Accept { offer: offer.offer });
        world.pass_s(100);
        world.says(shopper, ClientMessage::HangUp);
        world.says(console, ClientMessage::Presence { state: WantedPresence::Available });
    }
    let next = world.joined(link(10));
    assert_eq!(world.place(next).unwrap().estimate_s, Some(5));
    let offer = world.ring(console).unwrap();
    world.pass_s(5);
    world.says(console, ClientMessage::Accept { offer: offer.offer });
    let after = world.joined(link(11));
    assert_eq!(world.place(after).unwrap().estimate_s, Some(105));
}

#[test]
fn a_decline_rings_the_next_agent_and_spares_the_decliner_for_a_while() {
    let mut world = World::new();
    let a = world.available(agent(1, &[], &[]));
    let shopper = world.joined(link(1));
    let offer = world.ring(a).unwrap();
    world.says(a, ClientMessage::Decline { offer: offer.offer });
    assert!(
        world.heard(a).contains(&ServerMessage::OfferEnded {
            offer: offer.offer,
            reason: OfferEnd::Declined
        })
    );
    world.pass_s(29);
    assert_eq!(world.ring(a), None);
    let b = world.available(agent(2, &[], &[]));
    let second = world.ring(b).unwrap();
    assert_eq!((second.call, second.offer != offer.offer), (offer.call, true));
    world.says(b, ClientMessage::Decline { offer: second.offer });
    world.pass_s(2);
    assert_eq!(world.ring(a).unwrap().call, offer.call, "asked again, as nobody else is there");
    assert!(world.place(shopper).unwrap().ringing);
}

#[test]
fn two_expired_offers_put_the_agent_on_a_break() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.joined(link(1));
    let offer = world.ring(console).unwrap();
    assert_eq!(offer.left_ms, 20_000);
    world.pass_s(20);
    assert!(
        world
            .heard(console)
            .contains(&ServerMessage::OfferEnded { offer: offer.offer, reason: OfferEnd::Expired })
    );
    world.says(console, ClientMessage::Accept { offer: offer.offer });
    assert_eq!(world.problem(console), Some(Code::Conflict), "too late");
    world.pass_s(30);
    assert!(world.ring(console).is_some(), "the first one may have been a slip");
    world.pass_s(20);
    let last = world.heard(console).into_iter().rev().find_map(|message| match message {
        ServerMessage::Presence { state } => Some(state),
        _ => None,
    });
    assert_eq!(last, Some(signaling_wire::browser::Presence::Break));
    world.pass_s(120);
    assert_eq!(world.ring(console), None);
}

#[test]
fn leaving_withdraws_the_ring_and_a_late_accept_is_a_conflict() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    let shopper = world.joined(link(1));
    let offer = world.ring(console).unwrap();
    world.says(shopper, ClientMessage::Leave);
    assert!(
        world.heard(console).contains(&ServerMessage::OfferEnded {
            offer: offer.offer,
            reason: OfferEnd::Withdrawn
        })
    );
    world.says(console, ClientMessage::Accept { offer: offer.offer });
    assert_eq!(world.problem(console), Some(Code::Conflict));
    assert!(world.heard(shopper).contains(&ServerMessage::CallEnded {
        call: offer.call,
        reason: EndReason::Abandoned,
        duration_s: 0,
        wrap_up_s: None,
    }));
    assert!(matches!(world.ends()[..], [Verb::End { reason: EndReason::Abandoned, .. }]));
    assert_eq!(world.desk.counters().abandoned, 1);
    // The link has not been used: nobody answered.
    world.says(shopper, ClientMessage::Join { media: MediaChoice::Audio });
    assert_eq!(world.ring(console).unwrap().media, MediaChoice::Audio);
}

#[test]
fn a_place_is_kept_for_a_while_without_a_page() {
    let mut world = World::new();
    let first = world.joined(link(1));
    world.pass_s(1);
    let second = world.joined(link(2));
    world.drop_socket(first);
    world.pass_s(50);
    let console = world.available(agent(1, &[], &[]));
    let offer = world.ring(console).unwrap();
    assert_eq!(offer.waited_s, 50, "whose page is gone is not offered");
    world.says(console, ClientMessage::Decline { offer: offer.offer });
    let back = world.shopper(link(1));
    assert!(
        matches!(&world.welcomed[&back].0, Phase::Queued(place) if place.position == 1),
        "the place is still theirs"
    );
    assert_eq!(world.ring(console).unwrap().waited_s, 51);
    world.drop_socket(second);
    world.pass_s(60);
    let late = world.shopper(link(2));
    assert_eq!(world.welcomed[&late].0, Phase::Lobby);
}

#[test]
fn a_ring_survives_a_reload_of_either_page_but_not_their_absence() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    let shopper = world.joined(link(1));
    let offer = world.ring(console).unwrap();
    world.drop_socket(console);
    world.drop_socket(shopper);
    world.pass_s(3);
    let console = world.agent(agent(1, &[], &[]));
    assert!(matches!(
        &world.welcomed[&console].0,
        Phase::Ringing(ringing) if ringing.offer == offer.offer && ringing.left_ms == 17_000
    ));
    let shopper = world.shopper(link(1));
    world.pass_s(3);
    assert_eq!(world.heard(console).len(), 1, "only the number of those waiting");

    world.drop_socket(shopper);
    world.pass_s(6);
    assert!(
        world
            .heard(console)
            .iter()
            .any(|m| matches!(m, ServerMessage::OfferEnded { reason: OfferEnd::Withdrawn, .. }))
    );
    world.shopper(link(1));
    assert!(world.ring(console).is_some(), "back, and rung for again at once");
    world.drop_socket(console);
    world.pass_s(6);
    let other = world.available(agent(2, &[], &[]));
    assert!(world.ring(other).is_some());
}

#[test]
fn the_language_relaxes_only_while_someone_on_duty_speaks_it() {
    let mut world = World::new();
    let english = world.available(agent(1, &["en"], &[]));
    let thai = world.available(agent(2, &["th"], &[]));
    world.joined(speaking(1, "th-TH"));
    assert_eq!(world.ring(english), None);
    let offer = world.ring(thai).unwrap();
    assert!(offer.why.contains("speaks th-TH"), "{}", offer.why);
    world.says(thai, ClientMessage::Accept { offer: offer.offer });

    world.joined(speaking(2, "th"));
    world.pass_s(39);
    assert_eq!(world.ring(english), None, "the speaker is busy, but on duty");
    world.pass_s(1);
    let offer = world.ring(english).unwrap();
    assert!(offer.why.contains("waited 40 s"), "{}", offer.why);
    world.says(english, ClientMessage::Decline { offer: offer.offer });

    world.joined(speaking(3, "vi"));
    let offer = world.ring(english).unwrap();
    assert!(offer.why.contains("nobody on duty speaks vi"), "{}", offer.why);
}

#[test]
fn a_full_queue_says_so() {
    let rules = Rules { max_waiting: 1, ..Rules::default() };
    let mut world = World::with(Desk::new(rules, StdRng::seed_from_u64(1)));
    world.joined(link(1));
    let second = world.joined(link(2));
    assert_eq!(world.problem(second), Some(Code::QueueUnavailable));
}
