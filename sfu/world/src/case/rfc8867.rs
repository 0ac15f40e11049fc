//! The test cases of RFC 8867 §5.

use super::{
    Case, Fall, Figure, Goal, Judged, Rise, Shared, Way,
    access::{self, DELAY, ENCODER_MAX, NARROW, NARROW_BACK},
};
use crate::{
    net::{FlowId, LinkPlan},
    tcp::{Algorithm, TcpPlan, Traffic},
    time::{Time, millis},
    world::{TcpRoute, WorldPlan},
};

const MEGA: f64 = 1e6;
/// A rise counts as used at this share…
const USED: f64 = 0.9;
/// …over this long.
const OVER: f64 = 1.0;

pub(super) fn all(way: Way) -> Vec<Case> {
    vec![
        variable(way),
        variable_two(way),
        congested_feedback(way),
        three(way),
        round_trips(way),
        long_tcp(way, "5.6", "a long TCP flow (CUBIC), queue of 300 ms", 300),
        long_tcp(way, "5.6b", "the same, queue of 1000 ms", 1_000),
        short_tcps(way),
        pause(way),
    ]
}

fn first(calls: usize) -> Vec<FlowId> {
    (0..calls).map(|call| WorldPlan::media(call, 0)).collect()
}

/// Falls and rises of a schedule of rates.
pub(super) fn changes(rates: &[(f64, f64)], most: f64) -> (Vec<Fall>, Vec<Rise>) {
    let (mut falls, mut rises) = (Vec::new(), Vec::new());
    for pair in rates.windows(2) {
        let (at, to) = pair[1];
        if to < pair[0].1 {
            falls.push(Fall { at, to });
        } else {
            rises.push(Rise { at, flow: None, to: USED * to.min(most), over: OVER });
        }
    }
    (falls, rises)
}

pub(super) fn judged(secs: f64, media: Vec<FlowId>, rates: &[(f64, f64)], max: f64) -> Judged {
    let most = access::on_wire(max) * media.len() as f64;
    let (falls, rises) = changes(rates, most);
    Judged {
        link: NARROW,
        media,
        others: Vec::new(),
        from: 2.0,
        to: secs,
        grace: 2.0,
        most,
        falls,
        rises,
        shared: Vec::new(),
        dark: None,
    }
}

pub(super) fn usual_goals(utilisation: f64) -> Vec<Goal> {
    vec![
        Goal::least(Figure::Utilisation, utilisation),
        Goal::most(Figure::QueueP95, 0.080),
        Goal::most(Figure::Down, 1.0),
        Goal::most(Figure::Drain, 2.0),
        Goal::most(Figure::CongestionLoss, 0.02),
        Goal::most(Figure::Up, 5.0),
        Goal::most(Figure::Freeze, 0.0),
    ]
}

fn variable(way: Way) -> Case {
    let rates = [(0.0, MEGA), (40.0, 2.5 * MEGA), (60.0, 0.6 * MEGA), (80.0, MEGA)];
    let secs = 100.0;
    let mut plan = access::world(secs, LinkPlan::limited(DELAY, &rates), LinkPlan::free(DELAY));
    access::add_call(&mut plan, way, 0.0, None, [Some(access::publish(0.0, ENCODER_MAX)), None]);
    Case {
        name: "5.1",
        title: "capacity 1 / 2.5 / 0.6 / 1 Mbit/s, one flow",
        way,
        plan,
        judged: judged(secs, first(1), &rates, ENCODER_MAX),
        goals: usual_goals(0.85),
    }
}

fn variable_two(way: Way) -> Case {
    let rates = [4.0, 2.0, 3.5, 1.0, 2.0].map(|rate| rate * MEGA);
    let rates: Vec<_> =
        rates.iter().enumerate().map(|(n, &rate)| (25.0 * n as f64, rate)).collect();
    let secs = 125.0;
    let mut plan = access::world(secs, LinkPlan::limited(DELAY, &rates), LinkPlan::free(DELAY));
    for _ in 0..2 {
        let publish = [Some(access::publish(0.0, ENCODER_MAX)), None];
        access::add_call(&mut plan, way, 0.0, None, publish);
    }
    let shared = rates
        .iter()
        .map(|&(at, rate)| Shared {
            from: at + 10.0,
            to: at + 25.0,
            flows: first(2),
            fair: rate / 2.0,
        })
        .collect();
    let mut goals = usual_goals(0.85);
    goals.push(Goal::least(Figure::Jain, 0.9));
    Case {
        name: "5.2",
        title: "capacity 4 / 2 / 3.5 / 1 / 2 Mbit/s, two flows",
        way,
        plan,
        judged: Judged { shared, ..judged(secs, first(2), &rates, ENCODER_MAX) },
        goals,
    }
}

fn congested_feedback(way: Way) -> Case {
    let rates = [(0.0, 2.0 * MEGA), (20.0, MEGA), (40.0, 0.5 * MEGA), (60.0, 2.0 * MEGA)];
    let back = [(0.0, 2.0 * MEGA), (35.0, 0.8 * MEGA), (70.0, 2.0 * MEGA)];
    let secs = 100.0;
    let mut plan =
        access::world(secs, LinkPlan::limited(DELAY, &rates), LinkPlan::limited(DELAY, &back));
    plan.measured.push(NARROW_BACK);
    let publish = || Some(access::publish(0.0, ENCODER_MAX));
    access::add_call(&mut plan, way, 0.0, None, [publish(), publish()]);
    Case {
        name: "5.3",
        title: "both ways carry media: 2 / 1 / 0.5 / 2 and back 2 / 0.8 / 2 Mbit/s",
        way,
        plan,
        judged: judged(secs, first(1), &rates, ENCODER_MAX),
        goals: usual_goals(0.75),
    }
}

fn three(way: Way) -> Case {
    let rates = [(0.0, 3.5 * MEGA)];
    let secs = 120.0;
    let mut plan = access::world(secs, LinkPlan::limited(DELAY, &rates), LinkPlan::free(DELAY));
    for start in [0.0, 20.0, 40.0] {
        let publish = [Some(access::publish(start, ENCODER_MAX)), None];
        access::add_call(&mut plan, way, start, None, publish);
    }
    let share = |from, to, flows: usize| Shared {
        from,
        to,
        flows: first(flows),
        fair: rates[0].1 / flows as f64,
    };
    let shared = vec![share(30.0, 40.0, 2), share(50.0, secs, 3)];
    Case {
        name: "5.4",
        title: "three flows from 0 / 20 / 40 s, 3.5 Mbit/s",
        way,
        plan,
        judged: Judged { shared, from: 50.0, ..judged(secs, first(3), &rates, ENCODER_MAX) },
        goals: vec![
            Goal::least(Figure::Jain, 0.9),
            Goal::least(Figure::Utilisation, 0.85),
            Goal::most(Figure::QueueP95, 0.080),
            Goal::most(Figure::CongestionLoss, 0.02),
            Goal::most(Figure::Freeze, 0.0),
        ],
    }
}

fn round_trips(way: Way) -> Case {
    let rates = [(0.0, 4.0 * MEGA)];
    let secs = 300.0;
    let mut plan =
        access::world(secs, LinkPlan::limited(millis(0), &rates), LinkPlan::free(millis(0)));
    for (index, delay) in [10, 25, 50, 100, 150].into_iter().enumerate() {
        let start = 10.0 * index as f64;
        let publish = [Some(access::publish(start, ENCODER_MAX)), None];
        access::add_call(&mut plan, way, start, Some(millis(delay)), publish);
    }
    let shared = vec![Shared { from: 60.0, to: secs, flows: first(5), fair: rates[0].1 / 5.0 }];
    Case {
        name: "5.5",
        title: "five flows with one-way delays of 10 / 25 / 50 / 100 / 150 ms, 4 Mbit/s",
        way,
        plan,
        judged: Judged { shared, from: 60.0, ..judged(secs, first(5), &rates, ENCODER_MAX) },
        goals: vec![
            Goal::least(Figure::Share, 0.5),
            Goal::least(Figure::Utilisation, 0.85),
            Goal::most(Figure::Freeze, 0.0),
        ],
    }
}

fn tcp(plan: &mut WorldPlan, start: f64, traffic: Traffic) -> FlowId {
    let tcp = TcpPlan { start: Time::secs(start), algorithm: Algorithm::Cubic, traffic };
    plan.tcps.push(TcpRoute { plan: tcp, forward: vec![NARROW], back: vec![NARROW_BACK] });
    plan.tcp(plan.tcps.len() - 1)
}

fn long_tcp(way: Way, name: &'static str, title: &'static str, queue: u64) -> Case {
    let rates = [(0.0, 2.0 * MEGA)];
    let secs = 120.0;
    let narrow = LinkPlan { queue: millis(queue), ..LinkPlan::limited(DELAY, &rates) };
    let mut plan = access::world(secs, narrow, LinkPlan::free(DELAY));
    access::add_call(&mut plan, way, 5.0, None, [Some(access::publish(5.0, ENCODER_MAX)), None]);
    let other = tcp(&mut plan, 0.0, Traffic::Long);
    let shared = vec![Shared { from: 15.0, to: secs, flows: first(1), fair: MEGA }];
    Case {
        name,
        title,
        way,
        plan,
        judged: Judged {
            others: vec![other],
            shared,
            from: 10.0,
            ..judged(secs, first(1), &rates, ENCODER_MAX)
        },
        goals: vec![
            Goal::least(Figure::Share, 0.3),
            Goal::most(Figure::Freeze, 0.0),
            Goal::most(Figure::Concealed, 0.01),
        ],
    }
}

fn short_tcps(way: Way) -> Case {
    let rates = [(0.0, 2.0 * MEGA)];
    let secs = 300.0;
    let mut plan = access::world(secs, LinkPlan::limited(DELAY, &rates), LinkPlan::free(DELAY));
    for _ in 0..2 {
        let publish = [Some(access::publish(5.0, ENCODER_MAX)), None];
        access::add_call(&mut plan, way, 5.0, None, publish);
    }
    let others = (0..10).map(|_| tcp(&mut plan, 0.0, Traffic::Short)).collect();
    Case {
        name: "5.7",
        title: "two flows and ten short TCP flows (CUBIC), 2 Mbit/s",
        way,
        plan,
        judged: Judged { others, from: 10.0, ..judged(secs, first(2), &rates, ENCODER_MAX) },
        goals: vec![Goal::least(Figure::Utilisation, 0.7), Goal::most(Figure::Freeze, 0.01)],
    }
}

fn pause(way: Way) -> Case {
    let rates = [(0.0, 3.5 * MEGA)];
    let (secs, pause) = (120.0, (40.0, 60.0));
    let mut plan = access::world(secs, LinkPlan::limited(DELAY, &rates), LinkPlan::free(DELAY));
    for index in 0..3 {
        let mut publish = access::publish(0.0, ENCODER_MAX);
        if index == 0 {
            publish.pauses.push((Time::secs(pause.0), Time::secs(pause.1)));
        }
        access::add_call(&mut plan, way, 0.0, None, [Some(publish), None]);
    }
    let fair = rates[0].1 / 3.0;
    let back = Rise { at: pause.1, flow: Some(FlowId(0)), to: 0.8 * fair, over: OVER };
    let shared = vec![
        Shared { from: 20.0, to: 40.0, flows: first(3), fair },
        Shared { from: 70.0, to: secs, flows: first(3), fair },
    ];
    Case {
        name: "5.8",
        title: "three flows, one of them pauses from 40 to 60 s, 3.5 Mbit/s",
        way,
        plan,
        judged: Judged {
            shared,
            rises: vec![back],
            dark: Some(pause),
            ..judged(secs, first(3), &rates, ENCODER_MAX)
        },
        goals: vec![
            Goal::most(Figure::Up, 2.0),
            Goal::least(Figure::Jain, 0.9),
            Goal::least(Figure::Utilisation, 0.85),
            Goal::most(Figure::Freeze, 0.0),
        ],
    }
}
