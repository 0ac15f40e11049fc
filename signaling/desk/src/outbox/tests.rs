use signaling_wire::{
    browser::{EndReason, WantedPresence},
    ids::{AgentId, CallId, OfferId},
    text::Name,
};

use super::*;

const NOW: Millis = Millis(1_000);

fn told(id: u128) -> Verb {
    Verb::End { call: CallId::from_bits(id), epoch: 0, reason: EndReason::Abandoned, at: NOW }
}

fn asked() -> Verb {
    Verb::Claim {
        call: CallId::from_bits(1),
        offer: OfferId::from_bits(1),
        agent: AgentId::from_bits(1),
        name: Name::default(),
        why: String::new(),
        at: NOW,
        until: NOW,
    }
}

fn away() -> Result<Applied, StoreError> {
    Err(StoreError::Unavailable(String::new()))
}

#[test]
fn told_verbs_are_repeated_in_order_and_asked_ones_fail_at_once() {
    let mut outbox = Outbox::default();
    outbox.push(told(1));
    outbox.push(asked());
    outbox.push(told(2));
    let (ticket, verb) = outbox.next(NOW).unwrap();
    assert_eq!(verb, told(1));
    assert!(outbox.next(NOW).is_none(), "one at a time");
    let failed = outbox.answer(ticket, away(), NOW);
    assert!(matches!(&failed[..], [Answer { verb, result: Err(NotStored::Unavailable) }]
        if *verb == asked()));
    assert!(outbox.is_down());
    assert!(outbox.next(NOW).is_none(), "not before the retry");
    let at = outbox.retry_at().unwrap();
    for id in [1, 2] {
        let (ticket, verb) = outbox.next(at).unwrap();
        assert_eq!(verb, told(id));
        assert!(outbox.answer(ticket, Ok(Applied::Done), at).is_empty());
    }
    assert!(outbox.is_empty() && !outbox.is_down());
}

#[test]
fn retries_slow_down_to_a_bound_and_an_old_answer_changes_nothing() {
    let mut outbox = Outbox::default();
    outbox.push(told(1));
    let mut now = NOW;
    let mut last = Duration::ZERO;
    for _ in 0..40 {
        let (ticket, _) = outbox.next(now).unwrap();
        outbox.answer(Ticket(ticket.0 + 7), Ok(Applied::Done), now);
        assert!(!outbox.is_empty());
        outbox.answer(ticket, away(), now);
        let next = outbox.retry_at().unwrap();
        assert!(next.since(now) >= last);
        last = next.since(now);
        now = next;
    }
    assert_eq!(last, MAX_RETRY);
}

#[test]
fn a_failed_question_alone_leaves_something_to_find_the_store_again() {
    let mut outbox = Outbox::default();
    outbox.push(asked());
    let (ticket, _) = outbox.next(NOW).unwrap();
    assert_eq!(outbox.answer(ticket, away(), NOW).len(), 1);
    let at = outbox.retry_at().unwrap();
    let (ticket, verb) = outbox.next(at).unwrap();
    assert!(matches!(verb, Verb::Alive { .. }));
    outbox.answer(ticket, Ok(Applied::Done), at);
    assert!(!outbox.is_down() && outbox.is_empty());
}

#[test]
fn what_can_never_be_stored_is_given_up_and_counted() {
    let mut outbox = Outbox::default();
    outbox.push(told(1));
    let (ticket, _) = outbox.next(NOW).unwrap();
    outbox.answer(ticket, Err(StoreError::Damaged(String::new())), NOW);
    assert_eq!((outbox.lost(), outbox.is_empty()), (1, true));
    outbox.push(Verb::Wanted { agent: AgentId::from_bits(1), state: WantedPresence::Break });
    let (ticket, _) = outbox.next(NOW).unwrap();
    outbox.answer(ticket, Ok(Applied::Refused(Refusal::NotFound)), NOW);
    assert_eq!((outbox.lost(), outbox.refused()), (1, 1));
}
