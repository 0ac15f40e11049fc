use signaling_wire::{
    browser::{Outcome, PageQuality, Role, Score, TimelineEntry},
    text::Note,
};

use super::*;
use crate::{
    quality::QualitySummary,
    record::{OfferResult, RecordState},
    store::CallFilter,
};

fn wrap_up(agent_id: u128, note: &str) -> Verb {
    Verb::WrapUp {
        call: call(1),
        agent: agent(agent_id),
        outcome: Outcome::FollowUp,
        note: Note::parse(note).unwrap(),
        at: at(40),
    }
}

fn satisfaction(link_id: u128, score: u8) -> Verb {
    Verb::Satisfaction {
        call: call(1),
        link: LinkId::from_bits(link_id),
        score: Score::try_from(score).unwrap(),
        comment: Some(Note::parse("thanks").unwrap()),
        at: at(41),
    }
}

pub(super) async fn only_those_who_were_there_may_comment(store: &dyn Store) {
    started(store, 1).await;
    assert_eq!(apply(store, wrap_up(1, "early")).await, CONFLICT);
    assert_eq!(apply(store, satisfaction(1, 5)).await, CONFLICT);
    assert_eq!(apply(store, end(1, 0, EndReason::AgentHungUp, 30)).await, DONE);
    assert_eq!(apply(store, wrap_up(2, "not mine")).await, CONFLICT);
    assert_eq!(apply(store, satisfaction(2, 1)).await, CONFLICT);
    assert_eq!(apply(store, wrap_up(1, "first words")).await, DONE);
    assert_eq!(apply(store, wrap_up(1, "better words")).await, DONE);
    assert_eq!(apply(store, satisfaction(1, 4)).await, DONE);
    assert_eq!(apply(store, satisfaction(1, 1)).await, CONFLICT, "only the first counts");
    let record = store.call_record(call(1)).await.unwrap().unwrap();
    assert_eq!(record.wrap_up.unwrap().note.as_str(), "better words");
    assert_eq!(u8::from(record.satisfaction.unwrap().score), 4);
}

pub(super) async fn a_record_tells_the_whole_call(store: &dyn Store) {
    assert_eq!(store.call_record(call(1)).await.unwrap(), None);
    assert_eq!(apply(store, enqueue(1, link(1, 1), 0)).await, DONE);
    assert_eq!(apply(store, claim(1, 1, 1, 1)).await, DONE);
    let ringing = store.call_record(call(1)).await.unwrap().unwrap();
    assert_eq!((ringing.state, ringing.agent), (RecordState::Ringing, None), "not theirs yet");
    let declined =
        Verb::Release { call: call(1), offer: offer(1), result: OfferResult::Declined, at: at(3) };
    let entry = TimelineEntry { side: Some(Role::Agent), stage: "accept".to_owned(), at_ms: 0.5 };
    let mut summary = QualitySummary::default();
    summary.page(&PageQuality { rtt_ms: 42.0, ..PageQuality::default() });
    for verb in [
        declined,
        claim(1, 2, 2, 3),
        accept(1, 2, 6),
        Verb::Bridged {
            call: call(1),
            epoch: 1,
            at: at(7),
            places: [Some(place(1, "fra")), Some(place(2, "sgp"))],
        },
        Verb::Timeline { call: call(1), entries: vec![entry.clone()] },
        Verb::Quality { call: call(1), side: Role::Shopper, summary: Box::new(summary) },
        end(1, 1, EndReason::ShopperHungUp, 66),
    ] {
        assert_eq!(apply(store, verb).await, DONE);
    }
    let record = store.call_record(call(1)).await.unwrap().unwrap();
    assert_eq!(record.state, RecordState::Ended);
    assert_eq!(record.agent.as_ref().map(|agent| agent.name.as_str()), Some("Agent 2"));
    assert_eq!((record.queued_at, record.offered_at), (at(0), Some(at(1))));
    assert_eq!((record.started_at, record.ended_at), (Some(at(6)), Some(at(66))));
    assert_eq!((record.wait_ms, record.duration_ms), (Some(6_000), Some(60_000)));
    assert_eq!((record.priority, record.synthetic, record.media), (2, true, MediaChoice::Audio));
    assert_eq!((record.skills, record.context.language), (vec![name("returns")], Some(name("th"))));
    assert_eq!(record.timeline, [entry]);
    let places: Vec<_> =
        record.places.iter().map(|at| (at.side, at.place.region.as_str())).collect();
    assert_eq!(places, [(Role::Shopper, "fra"), (Role::Agent, "sgp")]);
    assert_eq!(record.quality.len(), 1);
    assert_eq!(record.quality[0].summary, summary);
    let offers: Vec<_> =
        record.offers.iter().map(|o| (o.agent.id, o.result, o.why.as_str())).collect();
    assert_eq!(
        offers,
        [
            (agent(1), Some(OfferResult::Declined), "speaks th"),
            (agent(2), Some(OfferResult::Accepted), "speaks th"),
        ]
    );

    assert_eq!(apply(store, enqueue(2, link(2, 1), 0)).await, DONE);
    assert_eq!(apply(store, claim(2, 3, 1, 1)).await, DONE);
    assert_eq!(apply(store, end(2, 0, EndReason::Abandoned, 9)).await, DONE);
    let abandoned = store.call_record(call(2)).await.unwrap().unwrap();
    assert_eq!((abandoned.agent, abandoned.duration_ms), (None, None));
    assert_eq!(abandoned.wait_ms, Some(9_000));
    assert_eq!(abandoned.offers[0].result, Some(OfferResult::Withdrawn));
}

pub(super) async fn calls_are_listed_newest_first(store: &dyn Store) {
    for id in 1..=5 {
        assert_eq!(apply(store, enqueue(id, link(id, 1), (id / 2) as u64)).await, DONE);
    }
    assert_eq!(apply(store, end(4, 0, EndReason::Abandoned, 9)).await, DONE);
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let filter = CallFilter { before, open: false, limit: 2 };
        let page = store.list_calls(filter).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.iter().map(|record| record.id));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1].map(call));
    let open = CallFilter { before: None, open: true, limit: 10 };
    let open: Vec<_> = store.list_calls(open).await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(open, [5, 3, 2, 1].map(call));
}
