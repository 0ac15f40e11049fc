//! What RFC 8867 does not ask and calls meet: outages, slides, oscillation, losses, the start.

use super::{
    Case, Fall, Figure, Goal, Judged, Rise, Way,
    access::{self, DELAY, ENCODER_MAX, NARROW, NARROW_BACK},
    rfc8867::{judged, usual_goals},
};
use crate::{
    net::{Burst, FlowId, LinkPlan, Step},
    time::Time,
    world::WorldPlan,
};

const MEGA: f64 = 1e6;

pub(super) fn all(way: Way) -> Vec<Case> {
    vec![
        outage(way),
        large_step(way),
        slide(way),
        oscillation(way),
        random_loss(way),
        start(way),
        loss_both_ways(way),
        back_and_forth(way),
        narrow_start(way, "I", "the start on a line of 1 Mbit/s, both ways carry media", MEGA),
        narrow_start(
            way,
            "J",
            "the start on a line of 0.5 Mbit/s, both ways carry media",
            MEGA / 2.0,
        ),
    ]
}

fn media() -> Vec<FlowId> {
    vec![WorldPlan::media(0, 0)]
}

fn one(way: Way, secs: f64, narrow: LinkPlan, max: f64) -> WorldPlan {
    let mut plan = access::world(secs, narrow, LinkPlan::free(DELAY));
    access::add_call(&mut plan, way, 0.0, None, [Some(access::publish(0.0, max)), None]);
    plan
}

fn outage(way: Way) -> Case {
    let rates = [(0.0, 2.0 * MEGA)];
    let (secs, from, to) = (60.0, 20.0, 26.0);
    let mut plan = one(way, secs, LinkPlan::limited(DELAY, &rates), ENCODER_MAX);
    for link in [NARROW, NARROW_BACK] {
        let steps = &mut plan.links[link.0].steps;
        steps.push((Time::secs(from), Step::Blocked(true)));
        steps.push((Time::secs(to), Step::Blocked(false)));
    }
    let back = Rise { at: to, flow: None, to: 0.8 * rates[0].1, over: 1.0 };
    Case {
        name: "A",
        title: "nothing gets through for 6 s, 2 Mbit/s",
        way,
        plan,
        judged: Judged {
            rises: vec![back],
            dark: Some((from, to)),
            ..judged(secs, media(), &rates, ENCODER_MAX)
        },
        goals: vec![Goal::most(Figure::Picture, 1.5), Goal::most(Figure::Up, 5.0)],
    }
}

fn large_step(way: Way) -> Case {
    // A screen, say: the link is to be the limit.
    let max = 4.0 * MEGA;
    let rates = [(0.0, 0.5 * MEGA), (20.0, 3.0 * MEGA)];
    let secs = 60.0;
    Case {
        name: "B",
        title: "0.5 to 3 Mbit/s at once (encoder up to 4 Mbit/s)",
        way,
        plan: one(way, secs, LinkPlan::limited(DELAY, &rates), max),
        judged: judged(secs, media(), &rates, max),
        goals: vec![
            Goal::most(Figure::Up, 8.0),
            Goal::most(Figure::QueueP95, 0.080),
            Goal::most(Figure::Freeze, 0.0),
        ],
    }
}

fn slide(way: Way) -> Case {
    let max = 4.0 * MEGA;
    let (secs, from, to) = (70.0, 10.0, 50.0);
    let mut rates = vec![(0.0, 3.0 * MEGA)];
    rates.extend((1..=80).map(|step| {
        let part = f64::from(step) / 80.0;
        (from + (to - from) * part, (3.0 + (0.7 - 3.0) * part) * MEGA)
    }));
    Case {
        name: "C",
        title: "3 to 0.7 Mbit/s within 40 s (encoder up to 4 Mbit/s)",
        way,
        plan: one(way, secs, LinkPlan::limited(DELAY, &rates), max),
        judged: Judged { falls: Vec::new(), from, ..judged(secs, media(), &rates, max) },
        goals: vec![
            Goal::most(Figure::QueueP95, 0.080),
            Goal::most(Figure::CongestionLoss, 0.01),
            Goal::most(Figure::Freeze, 0.0),
        ],
    }
}

fn oscillation(way: Way) -> Case {
    let secs = 120.0;
    let (low, high, period) = (0.8 * MEGA, 2.5 * MEGA, 20.0);
    // A triangle in steps of half a second.
    let rates: Vec<_> = (0..240)
        .map(|step| {
            let at = f64::from(step) * 0.5;
            let phase = (at / period).fract();
            let part = if phase < 0.5 { 1.0 - 2.0 * phase } else { 2.0 * phase - 1.0 };
            (at, low + (high - low) * part)
        })
        .collect();
    let narrow = LinkPlan {
        burst: Some(Burst { share: 0.01, mean: 4.0 }),
        ..LinkPlan::limited(DELAY, &rates)
    };
    Case {
        name: "D",
        title: "0.8 to 2.5 Mbit/s and back every 20 s, 1 % of packets lost in runs of 4",
        way,
        plan: one(way, secs, narrow, ENCODER_MAX),
        judged: Judged {
            falls: Vec::new(),
            rises: Vec::new(),
            grace: 0.0,
            ..judged(secs, media(), &rates, ENCODER_MAX)
        },
        goals: vec![Goal::most(Figure::CongestionLoss, 0.02), Goal::most(Figure::Freeze, 0.02)],
    }
}

fn random_loss(way: Way) -> Case {
    let rates = [(0.0, MEGA)];
    let secs = 60.0;
    let narrow = LinkPlan { loss: 0.10, ..LinkPlan::limited(DELAY, &rates) };
    Case {
        name: "E",
        title: "10 % of packets lost at random, 1 Mbit/s",
        way,
        plan: one(way, secs, narrow, ENCODER_MAX),
        judged: Judged { from: 5.0, ..judged(secs, media(), &rates, ENCODER_MAX) },
        goals: vec![Goal::least(Figure::Utilisation, 0.7)],
    }
}

fn start(way: Way) -> Case {
    let rates = [(0.0, 5.0 * MEGA)];
    let secs = 20.0;
    let up = Rise { at: 0.0, flow: None, to: 2.0 * MEGA, over: 0.5 };
    let mut goals = vec![Goal::most(Figure::Up, 1.0)];
    goals.extend(usual_goals(0.85).into_iter().filter(|goal| {
        matches!(goal.figure, Figure::Utilisation | Figure::QueueP95 | Figure::Freeze)
    }));
    Case {
        name: "F",
        title: "the start on a link of 5 Mbit/s: time to 2 Mbit/s",
        way,
        plan: one(way, secs, LinkPlan::limited(DELAY, &rates), ENCODER_MAX),
        judged: Judged { rises: vec![up], ..judged(secs, media(), &rates, ENCODER_MAX) },
        goals,
    }
}

/// What `deploy/picture`'s case `loss` does to two browsers: media on both ways, and feedback that is
/// lost as often as media is.
fn loss_both_ways(way: Way) -> Case {
    let rates = [(0.0, MEGA)];
    let secs = 60.0;
    let lossy = LinkPlan { loss: 0.10, ..LinkPlan::limited(DELAY, &rates) };
    Case {
        name: "G",
        title: "10 % of packets lost at random on both ways, both carry media, 1 Mbit/s",
        way,
        plan: both_ways(way, secs, &lossy),
        judged: Judged { from: 5.0, ..judged(secs, media(), &rates, ENCODER_MAX) },
        goals: vec![Goal::least(Figure::Utilisation, 0.7)],
    }
}

/// A line narrow both ways, with media on both, as the shopper's in `deploy/picture`.
fn both_ways(way: Way, secs: f64, line: &LinkPlan) -> WorldPlan {
    let mut plan = access::world(secs, line.clone(), line.clone());
    plan.measured.push(NARROW_BACK);
    let publish = || Some(access::publish(0.0, ENCODER_MAX));
    access::add_call(&mut plan, way, 0.0, None, [publish(), publish()]);
    plan
}

/// What `deploy/picture`'s case `oscillation` does to two browsers.
fn back_and_forth(way: Way) -> Case {
    let (low, high) = (0.8 * MEGA, 2.5 * MEGA);
    let rates: Vec<_> =
        (0..8).map(|half| (f64::from(half) * 10.0, [low, high][half as usize % 2])).collect();
    let secs = 80.0;
    let line = LinkPlan {
        burst: Some(Burst { share: 0.01, mean: 4.0 }),
        ..LinkPlan::limited(DELAY, &rates)
    };
    Case {
        name: "H",
        title: "0.8 and 2.5 Mbit/s in turn, 10 s each, 1 % lost in runs of 4, both ways carry media",
        way,
        plan: both_ways(way, secs, &line),
        judged: Judged { rises: Vec::new(), ..judged(secs, media(), &rates, ENCODER_MAX) },
        goals: vec![Goal::most(Figure::Drain, 2.0), Goal::most(Figure::Freeze, 0.02)],
    }
}

fn narrow_start(way: Way, name: &'static str, title: &'static str, rate: f64) -> Case {
    let rates = [(0.0, rate)];
    let secs = 10.0;
    let line = LinkPlan::limited(DELAY, &rates);
    let fall = Fall { at: 0.0, to: rate };
    Case {
        name,
        title,
        way,
        plan: both_ways(way, secs, &line),
        judged: Judged {
            from: 0.0,
            falls: vec![fall],
            ..judged(secs, media(), &rates, ENCODER_MAX)
        },
        goals: vec![
            Goal::most(Figure::QueueP95, 0.080),
            Goal::most(Figure::Drain, 1.0),
            Goal::most(Figure::Freeze, 0.0),
        ],
    }
}
