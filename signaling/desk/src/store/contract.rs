//! What every implementation of [`Store`] must do, as one suite.
//!
//! [`all`] runs each case on a store of its own. A broken promise panics with the case's line.

#![allow(clippy::unwrap_used, reason = "this is a test suite; it is compiled for tests only")]

mod after;
mod directory;
mod life;
mod queue;

use std::{future::Future, pin::Pin, task::Poll};

use signaling_wire::{
    browser::{EndReason, MediaChoice},
    claims::{AUDIENCE_LINK, Context, LinkClaims},
    ids::{AgentId, CallId, LinkId, NodeId, OfferId},
    text::Name,
};

use super::{Applied, Refusal, Store, Verb};
use crate::{Millis, placement::LegPlace};

const DONE: Applied = Applied::Done;
const CONFLICT: Applied = Applied::Refused(Refusal::Conflict);
const NOT_FOUND: Applied = Applied::Refused(Refusal::NotFound);
const LINK_USED_UP: Applied = Applied::Refused(Refusal::LinkUsedUp);

/// Runs every case, each on a fresh store.
pub async fn all<S: Store, F: Future<Output = S>>(fresh: impl Fn() -> F) {
    queue::a_link_has_one_open_call_and_as_many_uses_as_it_allows(&fresh().await).await;
    queue::waiting_in_vain_does_not_use_a_link_but_is_bounded(&fresh().await).await;
    queue::a_claim_is_exclusive(&fresh().await).await;
    queue::one_of_many_claims_goes_through(&fresh().await).await;
    queue::what_comes_at_once_takes_turns(&fresh().await).await;
    queue::an_answered_offer_is_answered(&fresh().await).await;
    life::epochs_only_grow_and_fence_the_end(&fresh().await).await;
    life::a_call_ends_once(&fresh().await).await;
    life::chat_is_stored_once(&fresh().await).await;
    life::a_new_desk_finds_what_was_open(&fresh().await).await;
    after::only_those_who_were_there_may_comment(&fresh().await).await;
    after::a_record_tells_the_whole_call(&fresh().await).await;
    after::calls_are_listed_newest_first(&fresh().await).await;
    directory::agents_are_added_changed_and_removed(&fresh().await).await;
    directory::a_sign_in_is_spent_once(&fresh().await).await;
    directory::a_secret_is_made_once_and_replaced_knowingly(&fresh().await).await;
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn call(id: u128) -> CallId {
    CallId::from_bits(id)
}

fn place(id: u128, region: &str) -> LegPlace {
    let why = "least loaded, 0 % in use".to_owned();
    LegPlace { node: NodeId::from_bits(id), region: region.to_owned(), why }
}

fn offer(id: u128) -> OfferId {
    OfferId::from_bits(id)
}

fn agent(id: u128) -> AgentId {
    AgentId::from_bits(id)
}

fn at(seconds: u64) -> Millis {
    Millis(1_700_000_000_000 + seconds * 1_000)
}

fn link(id: u128, max_uses: u32) -> Box<LinkClaims> {
    Box::new(LinkClaims {
        aud: AUDIENCE_LINK.to_owned(),
        jti: LinkId::from_bits(id),
        exp: 4_000_000_000,
        iat: 1_700_000_000,
        queue: name("support"),
        skills: vec![name("returns")],
        priority: 2,
        max_uses,
        region: None,
        synthetic: true,
        context: Context { language: Some(name("th")), ..Context::default() },
    })
}

fn enqueue(id: u128, link: Box<LinkClaims>, seconds: u64) -> Verb {
    Verb::Enqueue { call: call(id), link, media: MediaChoice::Audio, at: at(seconds) }
}

fn claim(call_id: u128, offer_id: u128, agent_id: u128, seconds: u64) -> Verb {
    Verb::Claim {
        call: call(call_id),
        offer: offer(offer_id),
        agent: agent(agent_id),
        name: name(&format!("Agent {agent_id}")),
        why: "speaks th".to_owned(),
        at: at(seconds),
        until: at(seconds + 20),
    }
}

fn accept(call_id: u128, offer_id: u128, seconds: u64) -> Verb {
    Verb::Accept { call: call(call_id), offer: offer(offer_id), at: at(seconds) }
}

fn end(call_id: u128, epoch: u32, reason: EndReason, seconds: u64) -> Verb {
    Verb::End { call: call(call_id), epoch, reason, at: at(seconds) }
}

async fn apply(store: &dyn Store, verb: Verb) -> Applied {
    let first = store.apply(verb.clone()).await.unwrap();
    // An answer can get lost: whatever the verb, the second time says the same.
    assert_eq!(store.apply(verb.clone()).await.unwrap(), first, "not idempotent: {verb:?}");
    first
}

/// A call that agent 1 accepted, with offer 1.
async fn started(store: &dyn Store, id: u128) {
    for verb in [enqueue(id, link(id, 1), 0), claim(id, id, id, 5), accept(id, id, 8)] {
        assert_eq!(apply(store, verb).await, DONE);
    }
}

/// Runs futures side by side.
async fn together<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<Result<Pin<Box<_>>, T>> =
        futures.into_iter().map(|future| Ok(Box::pin(future))).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for slot in &mut running {
            if let Ok(future) = slot {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *slot = Err(value),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(Result::err).collect()
}
