use super::{Burst, Class, Link, LinkPlan, Outcome, PacketId, Packets, RouteId};
use crate::{
    random::Random,
    time::{Time, millis},
};

const SIZE: u32 = 1_250;

fn packets(count: usize) -> Vec<PacketId> {
    let mut packets = Packets::default();
    (0..count).map(|_| packets.insert(RouteId(0), None, Class::Rtp, SIZE, &[])).collect()
}

fn link(plan: LinkPlan) -> Link {
    Link::new(plan, Random::new(1, 1))
}

#[test]
fn a_limited_link_sends_at_its_rate_and_drops_what_its_queue_cannot_hold() {
    // 1 Mbit/s: a packet takes 10 ms, the queue of 300 ms holds 30.
    let mut link = link(LinkPlan::limited(millis(0), &[(0.0, 1e6)]));
    let packets = packets(40);
    let mut sent = None;
    for (index, &packet) in packets.iter().enumerate() {
        match link.enter(Time::ZERO, packet, SIZE) {
            Outcome::Queued(at) if index == 0 => sent = at,
            Outcome::Queued(None) if index < 30 => {}
            Outcome::Full if index >= 30 => {}
            other => panic!("{index}: {other:?}"),
        }
    }
    assert_eq!(link.backlog(), millis(300));
    let mut count = 0;
    let mut last = Time::ZERO;
    while let Some(at) = sent {
        let done = link.sent(at).unwrap();
        assert_eq!(done.packet, packets[count]);
        count += 1;
        (last, sent) = (at, done.next);
    }
    assert_eq!((count, last), (30, Time::secs(0.3)));
}

#[test]
fn losses_have_the_share_and_the_runs_they_are_planned_with() {
    let share_and_runs = |plan: LinkPlan| {
        let mut link = link(plan);
        let lost: Vec<bool> = (0..200_000).map(|_| link.propagate(Time::ZERO).is_none()).collect();
        let count = lost.iter().filter(|&&lost| lost).count() as f64;
        let runs = lost.windows(2).filter(|pair| pair[1] && !pair[0]).count() as f64;
        (count / lost.len() as f64, count / runs)
    };
    let (share, run) = share_and_runs(LinkPlan { loss: 0.1, ..LinkPlan::default() });
    assert!((share - 0.1).abs() < 0.005, "{share}");
    assert!((run - 1.11).abs() < 0.05, "{run}");
    let burst = Some(Burst { share: 0.02, mean: 5.0 });
    let (share, run) = share_and_runs(LinkPlan { burst, ..LinkPlan::default() });
    assert!((share - 0.02).abs() < 0.003, "{share}");
    assert!((run - 5.0).abs() < 0.4, "{run}");
}

#[test]
fn jitter_spreads_arrivals_and_never_reorders() {
    let mut link = link(LinkPlan { jitter: millis(5), ..LinkPlan::free(millis(50)) });
    let mut last = Time::ZERO;
    let mut delays = Vec::new();
    for index in 0..1_000 {
        let now = Time::secs(f64::from(index) * 0.02);
        let at = link.propagate(now).unwrap();
        assert!(at >= last);
        last = at;
        delays.push(at.since(now));
    }
    assert!(delays.iter().all(|delay| (millis(35)..=millis(65)).contains(delay)));
    let short = delays.iter().filter(|&&delay| delay < millis(45)).count();
    assert!((100..220).contains(&short), "16 % are more than a deviation below: {short}");
}
