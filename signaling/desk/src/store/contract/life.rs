use signaling_wire::{
    browser::{ChatLine, Role, WantedPresence},
    text::ChatText,
};

use super::*;
use crate::{
    record::RecordPlace,
    store::{AgentProfile, OpenState},
};

fn bridged(epoch: u32) -> Verb {
    let places = [Some(place(epoch.into(), "fra")), None];
    Verb::Bridged { call: call(1), epoch, at: at(10 + u64::from(epoch)), places }
}

fn line(seq: u32, from: Role, client_id: u32) -> Verb {
    let text = ChatText::parse(&format!("line {seq}")).unwrap();
    let line = ChatLine { seq, from, client_id, text, at_ms: at(seq.into()).0 };
    Verb::Chat { call: call(1), line }
}

pub(super) async fn epochs_only_grow_and_fence_the_end(store: &dyn Store) {
    assert_eq!(apply(store, bridged(1)).await, NOT_FOUND);
    assert_eq!(apply(store, enqueue(1, link(1, 1), 0)).await, DONE);
    assert_eq!(apply(store, bridged(1)).await, CONFLICT, "nobody has accepted");
    for verb in [claim(1, 1, 1, 1), accept(1, 1, 2), bridged(1), bridged(3)] {
        assert_eq!(apply(store, verb).await, DONE);
    }
    assert_eq!(apply(store, bridged(2)).await, CONFLICT);
    let reason = EndReason::AgentLost;
    assert_eq!(apply(store, end(1, 2, reason, 20)).await, CONFLICT, "a desk of the past");
    assert_eq!(apply(store, end(1, 3, reason, 20)).await, DONE);
    assert_eq!(apply(store, bridged(4)).await, CONFLICT, "over");
    let record = store.call_record(call(1)).await.unwrap().unwrap();
    assert_eq!((record.epoch, record.bridged_at), (3, Some(at(11))));
    let newest = RecordPlace { side: Role::Shopper, place: place(3, "fra") };
    assert_eq!(record.places, [newest], "of the newest bridge");
}

pub(super) async fn a_call_ends_once(store: &dyn Store) {
    assert_eq!(apply(store, end(1, 0, EndReason::Operator, 1)).await, NOT_FOUND);
    started(store, 1).await;
    assert_eq!(apply(store, end(1, 0, EndReason::ShopperHungUp, 30)).await, DONE);
    assert_eq!(apply(store, end(1, 0, EndReason::AgentHungUp, 31)).await, CONFLICT);
    let record = store.call_record(call(1)).await.unwrap().unwrap();
    assert_eq!(record.end_reason, Some(EndReason::ShopperHungUp));
    assert_eq!((record.wait_ms, record.duration_ms), (Some(8_000), Some(22_000)));
}

pub(super) async fn chat_is_stored_once(store: &dyn Store) {
    assert_eq!(apply(store, line(1, Role::Agent, 1)).await, NOT_FOUND);
    started(store, 1).await;
    assert_eq!(apply(store, line(1, Role::Shopper, 1)).await, DONE);
    assert_eq!(apply(store, line(2, Role::Shopper, 1)).await, DONE, "said before");
    assert_eq!(apply(store, line(2, Role::Agent, 1)).await, DONE);
    assert_eq!(apply(store, line(2, Role::Agent, 2)).await, CONFLICT, "the number is taken");
    let record = store.call_record(call(1)).await.unwrap().unwrap();
    assert_eq!(record.chat_count, 2);
}

pub(super) async fn a_new_desk_finds_what_was_open(store: &dyn Store) {
    let nothing = store.restore().await.unwrap();
    assert_eq!((nothing.calls.len(), nothing.alive_at), (0, None));
    let profile = AgentProfile { id: agent(1), name: name("A"), languages: vec![], skills: vec![] };
    store.put_agent(profile).await.unwrap();
    let state = WantedPresence::Available;
    assert_eq!(apply(store, Verb::Wanted { agent: agent(1), state }).await, DONE);
    assert_eq!(apply(store, Verb::Wanted { agent: agent(9), state }).await, NOT_FOUND);
    for seconds in [40, 50] {
        assert_eq!(apply(store, Verb::Alive { at: at(seconds) }).await, DONE);
    }
    started(store, 1).await;
    for seq in 1..=300 {
        assert_eq!(store.apply(line(seq, Role::Agent, seq)).await, Ok(DONE));
    }
    for verb in [
        bridged(1),
        enqueue(3, link(3, 1), 2),
        claim(3, 3, 3, 4),
        enqueue(2, link(2, 1), 1),
        enqueue(4, link(4, 1), 3),
        end(4, 0, EndReason::Abandoned, 4),
    ] {
        assert_eq!(apply(store, verb).await, DONE);
    }

    let restored = store.restore().await.unwrap();
    assert_eq!(restored.wanted, [(agent(1), state)]);
    assert_eq!(restored.alive_at, Some(at(50)));
    let ids: Vec<_> = restored.calls.iter().map(|open| open.call).collect();
    assert_eq!(ids, [call(1), call(2), call(3)], "in order of waiting");
    let [active, waiting, ringing] = &restored.calls[..] else { unreachable!("three calls") };
    let started_at = at(8);
    let name = name("Agent 1");
    assert_eq!(active.state, OpenState::Active { agent: agent(1), name, started_at });
    assert_eq!((active.epoch, active.link.clone()), (1, link(1, 1)));
    let seqs: Vec<_> = active.chat.iter().map(|line| line.seq).collect();
    assert_eq!((seqs.len(), seqs[0], seqs[199]), (200, 101, 300));
    assert_eq!(waiting.state, OpenState::Waiting);
    assert_eq!(ringing.state, OpenState::Ringing { offer: offer(3) });
}
