//! The engine against a whole deployment: calls on light legs, and what is told of them.

mod support;

use std::time::Duration;

use loadtest::{
    drive::{Clock, api::ApiKey},
    engine::{self, RunSetup, Share, Stop},
    observe::{CallEnded, CallResult, Event, Recovery, Stream},
    plan::{Action, ChaosStep, Load, Run, Share as Part},
};
use signaling_wire::browser::Stage;
use support::Deployment;
use tokio::sync::{mpsc, watch};

/// A run's plan for a machine that builds other things meanwhile.
fn plan(stage: &str) -> Run {
    let load = Load::parse(&[stage]).expect("a load");
    let mut plan = Run::new("test".parse().expect("a name"), load);
    plan.hold = "2s".parse().expect("a hold");
    plan.patience = Duration::from_secs(30);
    plan.grace = Duration::from_secs(60);
    plan
}

/// Runs it and returns everything that was told.
async fn run(deployment: &Deployment, plan: Run) -> Vec<Event> {
    run_on(deployment, plan, 0.0).await
}

/// The same with a share of the calls on the `webrtc` stack.
async fn run_on(deployment: &Deployment, plan: Run, full_stack: f64) -> Vec<Event> {
    let (events, mut told) = mpsc::unbounded_channel();
    let (_stop, stopped) = watch::channel(Stop::GoOn);
    let setup = RunSetup {
        plan,
        target: deployment.target(),
        key: ApiKey::new(&deployment.api_key()),
        clock: Clock::start(),
        events,
        stop: stopped,
        share: Share::ALL,
        threads: Some(1),
        full_stack,
    };
    engine::run(setup).await.expect("the run is made");
    let mut all = Vec::new();
    while let Ok(event) = told.try_recv() {
        all.push(event);
    }
    all
}

fn ended(events: &[Event]) -> Vec<&CallEnded> {
    let ended = events.iter().filter_map(|event| match event {
        Event::Ended(ended) => Some(ended.as_ref()),
        _ => None,
    });
    ended.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_made_and_told_whole() {
    let deployment = Deployment::start().await;
    let mut plan = plan("5/s@4s");
    plan.max_calls = Some(10);
    let events = run(&deployment, plan).await;

    let calls = ended(&events);
    assert_eq!(calls.len(), 10);
    for call in &calls {
        assert_eq!(call.result, CallResult::Completed, "{call:#?}");
        assert!(call.started >= call.scheduled && call.hang_up.is_some());
        for side in [&call.shopper, &call.agent] {
            for stage in [Stage::Socket, Stage::LegAnswer, Stage::Dtls, Stage::FirstFrame] {
                assert!(side.at(stage).is_some_and(|at| at >= call.started), "{stage:?}: {call:?}");
            }
            assert_eq!(side.foreign.total(), 0);
            assert_eq!(side.loss, Some(0.0), "nothing is lost on loopback");
            assert!(side.place.node.is_some(), "the record says where it was");
        }
        let record = deployment.api().call_record(call.id.expect("an id")).await.expect("a record");
        assert_eq!(record["synthetic"], true);
    }
    let connected = events.iter().filter_map(|event| match event {
        Event::Connected { place, .. } => Some(place),
        _ => None,
    });
    let connected: Vec<_> = connected.collect();
    assert_eq!(connected.len(), 20, "each side once");
    assert!(
        connected.iter().all(|place| place.node.is_some()),
        "{connected:?}: counts on its node"
    );
    let received = |wanted: Stream| -> u64 {
        let media = events.iter().filter_map(|event| match event {
            Event::Media(media) if media.stream == wanted => Some(media),
            _ => None,
        });
        media.map(|media| media.arrived.received).sum()
    };
    // Two seconds of 50 sounds a second, on both sides of ten calls, and what the start takes.
    assert!((2_000..2_600).contains(&received(Stream::Audio)), "{}", received(Stream::Audio));
    assert!(received(Stream::Video) > 1_500, "{}", received(Stream::Video));
    assert!(events.iter().any(|event| matches!(event, Event::Generator(_))));
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_callers_network_does_is_seen_and_repaired() {
    let deployment = Deployment::start().await;
    let mut plan = plan("4/s@1s");
    plan.max_calls = Some(3);
    plan.hold = "4s".parse().expect("a hold");
    plan.impair.shopper = Some("loss=5%,rtt=100ms".parse().expect("an impairment"));
    plan.impair.share = "100%".parse().expect("a share");
    let events = run(&deployment, plan).await;

    let calls = ended(&events);
    assert!(calls.iter().all(|call| call.result == CallResult::Completed), "{calls:#?}");
    let mut latency = Vec::new();
    let (mut audio, mut video) = ((0, 0), (0, 0));
    for event in &events {
        let Event::Media(media) = event else { continue };
        latency.extend_from_slice(&media.arrived.latency_us);
        let sum = if media.stream == Stream::Audio { &mut audio } else { &mut video };
        *sum = (sum.0 + media.arrived.lost, sum.1 + media.arrived.received);
    }
    latency.sort_unstable();
    let median = latency[latency.len() / 2];
    assert!((50_000..75_000).contains(&median), "half of the round trip: {median} µs");
    let share = |(lost, received): (u64, u64)| lost as f64 / (lost + received) as f64;
    assert!((0.02..0.09).contains(&share(audio)), "sound is not repaired: {}", share(audio));
    assert!(share(video) < share(audio) / 3.0, "pictures are: {}", share(video));
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_on_the_complete_stack_are_told_alike() {
    loadtest::drive::warm_up().await.expect("the stack starts");
    let deployment = Deployment::start().await;
    let mut plan = plan("2/s@2s");
    plan.max_calls = Some(2);
    let events = run_on(&deployment, plan, 1.0).await;

    let calls = ended(&events);
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.result == CallResult::Completed), "{calls:#?}");
    let media = events.iter().filter_map(|event| match event {
        Event::Media(media) => Some((media.arrived.received, media.arrived.lost)),
        _ => None,
    });
    let (received, lost) =
        media.fold((0, 0), |sum, (received, lost)| (sum.0 + received, sum.1 + lost));
    assert!(received > 600, "{received}");
    assert_eq!(lost, 0);
    deployment.stop().await;
}

fn recoveries(events: &[Event]) -> Vec<&Recovery> {
    let recoveries = events.iter().filter_map(|event| match event {
        Event::Recovery(recovery) => Some(recovery),
        _ => None,
    });
    recoveries.collect()
}

/// Three calls of eight seconds, to all of which something is done when they are well under way.
async fn disturbed(action: Action) -> (Deployment, Vec<Event>) {
    let deployment = Deployment::start().await;
    let mut plan = plan("3@5s");
    plan.max_calls = Some(3);
    plan.hold = "8s".parse().expect("a hold");
    let within = Duration::from_secs(5);
    plan.chaos = vec![ChaosStep { at: Duration::from_secs(4), action, within }];
    let events = run(&deployment, plan).await;
    let calls = ended(&events);
    assert!(calls.iter().all(|call| call.result == CallResult::Completed), "{calls:#?}");
    let ran = events.iter().filter_map(|event| match event {
        Event::Chaos(ran) => Some((ran.calls, ran.error.clone())),
        _ => None,
    });
    assert_eq!(ran.collect::<Vec<_>>(), [(Some(3), None)]);
    (deployment, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_udp_is_a_recovery_of_its_length() {
    let lasts = Duration::from_millis(1_200);
    let (deployment, events) = disturbed(Action::DropUdp { lasts, share: Part::ALL }).await;

    let recoveries = recoveries(&events);
    assert_eq!(recoveries.len(), 6, "each side of three calls: {recoveries:#?}");
    for recovery in recoveries {
        let after = recovery.after.expect("it comes back");
        // The last packet before and the first after are up to 20 ms away, and both sides are deaf:
        // what was on its way to the other is lost as well.
        assert!((lasts - Duration::from_millis(50)..lasts * 2).contains(&after), "{after:?}");
    }
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_with_another_address_go_on() {
    let (deployment, events) = disturbed(Action::ChangeAddress { share: Part::ALL }).await;

    for call in ended(&events) {
        for side in [&call.shopper, &call.agent] {
            assert!(side.loss.is_some_and(|loss| loss < 0.05), "{side:#?}");
        }
    }
    deployment.stop().await;
}
