use super::*;
use crate::{record::OfferResult, store::MAX_CALLS_PER_LINK};

pub(super) async fn a_link_has_one_open_call_and_as_many_uses_as_it_allows(store: &dyn Store) {
    for id in 1..=2 {
        assert_eq!(apply(store, enqueue(id, link(7, 2), 0)).await, DONE);
        assert_eq!(apply(store, enqueue(100 + id, link(7, 2), 0)).await, CONFLICT);
        assert_eq!(apply(store, claim(id, id, 1, 1)).await, DONE);
        assert_eq!(apply(store, accept(id, id, 2)).await, DONE);
        assert_eq!(apply(store, enqueue(200 + id, link(7, 2), 3)).await, CONFLICT);
        assert_eq!(apply(store, end(id, 0, EndReason::AgentHungUp, 4)).await, DONE);
    }
    assert_eq!(apply(store, enqueue(3, link(7, 2), 5)).await, LINK_USED_UP);
    assert_eq!(apply(store, enqueue(4, link(8, 1), 5)).await, DONE);
}

pub(super) async fn waiting_in_vain_does_not_use_a_link_but_is_bounded(store: &dyn Store) {
    for id in 0..u128::from(MAX_CALLS_PER_LINK) {
        assert_eq!(apply(store, enqueue(id, link(7, 1), 0)).await, DONE);
        assert_eq!(apply(store, end(id, 0, EndReason::Abandoned, 1)).await, DONE);
    }
    assert_eq!(apply(store, enqueue(9_999, link(7, 1), 2)).await, LINK_USED_UP);
}

pub(super) async fn a_claim_is_exclusive(store: &dyn Store) {
    assert_eq!(apply(store, claim(1, 1, 1, 0)).await, NOT_FOUND);
    for id in [1, 2] {
        assert_eq!(apply(store, enqueue(id, link(id, 1), 0)).await, DONE);
    }
    assert_eq!(apply(store, claim(1, 1, 1, 1)).await, DONE);
    assert_eq!(apply(store, claim(1, 2, 2, 1)).await, CONFLICT, "two agents for one shopper");
    assert_eq!(apply(store, claim(2, 3, 1, 1)).await, CONFLICT, "two shoppers for one agent");
    assert_eq!(apply(store, accept(1, 1, 2)).await, DONE);
    assert_eq!(apply(store, claim(2, 4, 1, 3)).await, CONFLICT, "in a call");
    assert_eq!(apply(store, claim(2, 5, 2, 3)).await, DONE);
    assert_eq!(apply(store, end(1, 0, EndReason::ShopperHungUp, 4)).await, DONE);
    assert_eq!(apply(store, enqueue(3, link(3, 1), 5)).await, DONE);
    assert_eq!(apply(store, claim(3, 6, 1, 6)).await, DONE, "free again");
    assert_eq!(apply(store, claim(1, 7, 3, 6)).await, CONFLICT, "over");
}

pub(super) async fn one_of_many_claims_goes_through(store: &dyn Store) {
    assert_eq!(apply(store, enqueue(1, link(1, 1), 0)).await, DONE);
    let claims = (1..=16).map(|id| store.apply(claim(1, id, id, 1))).collect();
    let answers = together(claims).await;
    let done = answers.iter().filter(|answer| **answer == Ok(DONE)).count();
    let refused = answers.iter().filter(|answer| **answer == Ok(CONFLICT)).count();
    assert_eq!((done, refused), (1, 15));
}

pub(super) async fn what_comes_at_once_takes_turns(store: &dyn Store) {
    let joins = (1..=8).map(|id| store.apply(enqueue(id, link(7, 9), 0))).collect();
    let joined = together(joins).await.into_iter().filter(|answer| *answer == Ok(DONE)).count();
    assert_eq!(joined, 1, "one open call of a link");
    for id in 11..=18 {
        assert_eq!(apply(store, enqueue(id, link(id, 1), 1)).await, DONE);
    }
    let claims = (11..=18).map(|id| store.apply(claim(id, id, 5, 2))).collect();
    let answers = together(claims).await;
    let done = answers.iter().filter(|answer| **answer == Ok(DONE)).count();
    let refused = answers.iter().filter(|answer| **answer == Ok(CONFLICT)).count();
    assert_eq!((done, refused), (1, 7), "one call of an agent");
    // The same verb twice at the same moment: a retry meets the first try still under way.
    let twice = (0..2).map(|_| store.apply(enqueue(30, link(30, 1), 3))).collect();
    assert_eq!(together(twice).await, [Ok(DONE), Ok(DONE)]);
}

pub(super) async fn an_answered_offer_is_answered(store: &dyn Store) {
    let release = |offer_id, result| Verb::Release {
        call: call(1),
        offer: offer(offer_id),
        result,
        at: at(9),
    };
    assert_eq!(apply(store, enqueue(1, link(1, 1), 0)).await, DONE);
    assert_eq!(apply(store, release(1, OfferResult::Declined)).await, CONFLICT);
    assert_eq!(apply(store, claim(1, 1, 1, 1)).await, DONE);
    assert_eq!(apply(store, accept(1, 2, 2)).await, CONFLICT, "another offer");
    assert_eq!(apply(store, release(1, OfferResult::Declined)).await, DONE);
    assert_eq!(apply(store, accept(1, 1, 2)).await, CONFLICT, "declined");
    assert_eq!(apply(store, release(1, OfferResult::Expired)).await, CONFLICT);
    assert_eq!(apply(store, claim(1, 3, 1, 3)).await, DONE);
    assert_eq!(apply(store, accept(1, 3, 4)).await, DONE);
    assert_eq!(apply(store, release(3, OfferResult::Expired)).await, CONFLICT, "accepted");
}
