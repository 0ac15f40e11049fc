//! Events of a run that never was, for tests of what is made of them.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use signaling_wire::{
    browser::{Role, Stage},
    ids::CallId,
};

use crate::{
    flow::{Failure, Step},
    media::{Foreign, Fresh, FreshPicture},
    observe::{
        CallEnded, CallNumber, CallResult, ChaosRan, Event, GeneratorSample, Media, Recovery,
        ServerSample, SideEnded, Stream, Where,
    },
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Events of `calls` calls between two regions, in the order of time, with a chaos step after 40 s.
pub(crate) fn events(seed: u64, calls: u64) -> Vec<Event> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut events: Vec<Event> = (0..calls).flat_map(|number| call(&mut rng, number)).collect();
    events.extend((0..90).map(|second| generator(second, false)));
    events.extend((0..18).map(|step| server(step * 5)));
    events.push(Event::Chaos(ChaosRan {
        at: MS(40_000),
        step: "drain".into(),
        calls: None,
        error: None,
    }));
    events.sort_by_key(Event::at);
    events
}

pub(crate) fn generator(second: u64, overloaded: bool) -> Event {
    Event::Generator(GeneratorSample {
        at: Duration::from_secs(second),
        worker: None,
        cpu: 0.3 + 0.1 * (second as f64 / 9.0).sin(),
        machine_cpu: 0.5,
        lag: MS(2),
        memory: 90_000_000,
        dropped: 0,
        overloaded: overloaded.then(|| "its work waited longer than 50 ms".into()),
    })
}

fn server(second: u64) -> Event {
    Event::Server(ServerSample {
        at: Duration::from_secs(second),
        source: "127.0.0.1:9090".parse().unwrap(),
        version: Some("0.1.0".into()),
        cpu: Some(0.4 + 0.2 * (second as f64 / 20.0).sin()),
        memory: Some(64_000_000 + second * 10_000),
        fds: Some(120),
        calls: Some(20),
        legs: Some(40),
        load: Some(0.3),
    })
}

fn place(region: &str, node: u64) -> Where {
    Where { region: region.parse().ok(), node: format!("{region}-{node}").parse().ok() }
}

/// One call in a random network: some are slow, a few fail.
fn call(rng: &mut SmallRng, number: u64) -> Vec<Event> {
    let call = CallNumber(number);
    let scheduled = MS(rng.random_range(0..60_000));
    let started = scheduled + MS(rng.random_range(0..3));
    let slow = if rng.random_ratio(1, 12) { rng.random_range(200..900) } else { 0 };
    let mut marks = [started; 2].map(|at| side_marks(rng, at, slow));
    let join = marks[0].last().unwrap().1 + MS(5);
    let ring = join + MS(rng.random_range(3..20));
    let accept = ring + MS(1);
    marks[0].push((Stage::Join, join));
    marks[1].push((Stage::Ring, ring));
    marks[1].push((Stage::Accept, accept));
    let places = [
        place(if number.is_multiple_of(3) { "us-east" } else { "eu-west" }, number % 2),
        place("eu-west", number % 2),
    ];
    let result = match rng.random_range(0..100) {
        0..=1 => {
            let reason = "nothing for 10 s";
            CallResult::Failed(Failure::new(Step::Media, Some(Role::Agent), reason))
        }
        2 => CallResult::Failed(Failure::new(Step::Hold, None, "the server ended the call")),
        _ => CallResult::Completed,
    };
    let mut events = vec![Event::Started { scheduled, at: started, call }];
    let up = !matches!(&result, CallResult::Failed(failure) if failure.step == Step::Media);
    for (at, side) in [Role::Shopper, Role::Agent].into_iter().enumerate() {
        let first = accept + MS(rng.random_range(40..120) + slow / 2);
        if up {
            marks[at].push((Stage::CallStarted, accept + MS(4)));
            marks[at].push((Stage::FirstAudio, first - MS(15)));
            marks[at].push((Stage::FirstFrame, first));
            events.push(Event::Connected {
                at: first,
                call,
                side,
                place: places[at].clone(),
                after_accept: first - accept,
            });
            for second in 1..=6 {
                events.extend(media(rng, call, side, &places[at], first + MS(second * 3_300)));
            }
        }
    }
    if up && rng.random_ratio(1, 5) {
        events.push(Event::Recovery(Recovery {
            at: MS(41_000),
            call,
            side: Role::Shopper,
            place: places[0].clone(),
            after: rng.random_ratio(19, 20).then(|| MS(rng.random_range(300..2_500))),
        }));
    }
    let [shopper, agent] = marks;
    let ended = accept + MS(if up { 21_000 } else { 10_000 });
    let [at_shopper, at_agent] = places;
    let side = |marks, place| SideEnded {
        place,
        placed_right: Some(true),
        marks,
        loss: up.then_some(0.002),
        frozen: up.then_some(0.01),
        silence: up.then_some(MS(60)),
        rejoined: Vec::new(),
        foreign: Foreign::default(),
    };
    events.push(Event::Ended(Box::new(CallEnded {
        call,
        id: up.then(|| CallId::from_bits(u128::from(number) << 64 | 7)),
        scheduled,
        started,
        ended,
        result,
        shopper: side(shopper, at_shopper),
        agent: side(agent, at_agent),
        hang_up: up.then(|| MS(12)),
    })));
    events
}

fn side_marks(rng: &mut SmallRng, started: Duration, slow: u64) -> Vec<(Stage, Duration)> {
    let mut at = started;
    let stages = [
        (Stage::Socket, 2..12),
        (Stage::Welcome, 1..6),
        (Stage::LegOffer, 1..4),
        (Stage::LegAnswer, 2..15),
        (Stage::Ice, 1..20),
        (Stage::Dtls, 3..30),
    ];
    stages
        .into_iter()
        .map(|(stage, range)| {
            at += MS(rng.random_range(range) + slow / 8);
            (stage, at)
        })
        .collect()
}

fn media(
    rng: &mut SmallRng,
    call: CallNumber,
    side: Role,
    place: &Where,
    at: Duration,
) -> [Event; 2] {
    [Stream::Audio, Stream::Video].map(|stream| {
        let packets = if stream == Stream::Audio { 50 } else { 75 };
        let frozen = stream == Stream::Video && rng.random_ratio(1, 60);
        Event::Media(Media {
            at,
            call,
            side,
            stream,
            place: place.clone(),
            arrived: Fresh {
                received: packets,
                lost: u64::from(rng.random_ratio(1, 10)),
                bytes: packets * 800,
                latency_us: (0..packets).map(|_| rng.random_range(400..9_000)).collect(),
                ..Fresh::default()
            },
            seen: FreshPicture {
                watched: if stream == Stream::Video { MS(1_000) } else { Duration::ZERO },
                frozen: if frozen { MS(220) } else { Duration::ZERO },
                freezes: if frozen { vec![MS(220)] } else { Vec::new() },
                frames: 0,
            },
        })
    })
}
