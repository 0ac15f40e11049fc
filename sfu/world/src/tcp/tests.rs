use super::{Algorithm, TcpPlan, Traffic};
use crate::{
    meter::Record,
    net::{LinkId, LinkPlan},
    time::{Time, millis},
    world::{TcpRoute, World, WorldPlan},
};

const RATE: f64 = 2e6;

fn run(algorithms: &[Algorithm], traffic: Traffic, loss: f64) -> Record {
    let tcps = algorithms.iter().map(|&algorithm| TcpRoute {
        plan: TcpPlan { start: Time::ZERO, algorithm, traffic },
        forward: vec![LinkId(0)],
        back: vec![LinkId(1)],
    });
    let narrow = LinkPlan { loss, ..LinkPlan::limited(millis(50), &[(0.0, RATE)]) };
    let plan = WorldPlan {
        secs: 60.0,
        links: vec![narrow, LinkPlan::free(millis(50))],
        measured: vec![LinkId(0)],
        calls: Vec::new(),
        tcps: tcps.collect(),
    };
    World::new(plan, 1).run().0
}

fn rates(record: &Record) -> Vec<f64> {
    record.flows.iter().map(|flow| flow.delivered.rate(10.0, 60.0)).collect()
}

#[test]
fn one_long_flow_fills_the_link_and_most_of_the_queue() {
    for algorithm in [Algorithm::Reno, Algorithm::Cubic] {
        let record = run(&[algorithm], Traffic::Long, 0.0);
        let rate = rates(&record)[0];
        assert!(rate > 0.95 * RATE, "{algorithm:?}: {rate}");
        let flow = &record.flows[0];
        let waited = flow.waits.iter().map(|(_, wait)| f64::from(*wait)).sum::<f64>();
        let mean = waited / flow.waits.len() as f64;
        assert!((0.1..0.3).contains(&mean), "{algorithm:?}: {mean}");
        assert!(flow.dropped > 0 && flow.dropped < flow.packets / 20, "{}", flow.dropped);
    }
}

#[test]
fn two_long_flows_share() {
    let rates = rates(&run(&[Algorithm::Cubic; 2], Traffic::Long, 0.0));
    assert!(rates[0].min(rates[1]) > 0.25 * RATE, "{rates:?}");
    assert!(rates[0] + rates[1] > 0.95 * RATE, "{rates:?}");
}

#[test]
fn losses_are_repaired_and_slow_a_flow_down() {
    // Mathis: 1,460 bytes / 100 ms * 1.22 / sqrt(0.02) is about 1 Mbit/s; queues add to it.
    let rate = rates(&run(&[Algorithm::Reno], Traffic::Long, 0.02))[0];
    assert!((0.3 * RATE..0.8 * RATE).contains(&rate), "{rate}");
}

#[test]
fn short_transfers_pause_in_between() {
    let rate = rates(&run(&[Algorithm::Cubic], Traffic::Short, 0.0))[0];
    // 550 kB every 10 s and the time that they take.
    assert!((0.05 * RATE..0.4 * RATE).contains(&rate), "{rate}");
}
