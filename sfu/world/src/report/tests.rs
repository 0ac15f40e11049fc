use std::time::Duration;

use super::{freeze, run_one};
use crate::{
    case::{self, Case},
    time::Time,
    viewer::Shown,
    world::World,
};

fn shown(times: impl Iterator<Item = f64>) -> Vec<Shown> {
    times
        .map(|at| Shown { at: Time::secs(at), delay: Duration::ZERO, latency: Duration::ZERO })
        .collect()
}

fn case(id: &str) -> Case {
    case::all().into_iter().find(|case| case.id() == id).unwrap()
}

#[test]
fn a_picture_that_stands_still_is_a_freeze_and_a_slow_one_is_not() {
    let steady = shown((0..300).map(|n| f64::from(n) / 30.0));
    assert_eq!(freeze::total(&steady, 10.0, None), 0.0);
    let slow = shown((0..100).map(|n| f64::from(n) / 10.0));
    assert_eq!(freeze::total(&slow, 10.0, None), 0.0);
    let gap = shown((0..300).map(|n| f64::from(n) / 30.0).filter(|at| !(5.0..6.0).contains(at)));
    let frozen = freeze::total(&gap, 10.0, None);
    assert!((1.0..1.1).contains(&frozen), "{frozen}");
    assert_eq!(freeze::total(&gap, 10.0, Some((5.0, 6.0))), 0.0, "it is nobody's fault");
    let ended = shown((0..150).map(|n| f64::from(n) / 30.0));
    let frozen = freeze::total(&ended, 10.0, None);
    assert!((4.9..5.1).contains(&frozen), "the picture never came back: {frozen}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_does_not() {
    let case = case("D/down");
    let run = |seed| {
        let (figures, trace) = run_one(&case, seed, true);
        (format!("{figures:?}"), trace.unwrap().csv())
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
}

#[test]
fn no_packet_is_lost_track_of() {
    for id in ["5.7/down", "E/up", "A/down"] {
        let mut plan = case(id).plan;
        plan.secs = 30.0;
        let (record, _) = World::new(plan, 1).run();
        let tally = record.tally;
        assert!(tally.sent > 1_000);
        let known = tally.arrived + tally.dropped + tally.lost + tally.under_way;
        assert_eq!(tally.sent, known, "{id}: {tally:?}");
        assert!(tally.under_way < 500, "{id}: {tally:?}");
    }
}

#[test]
fn a_wide_link_shows_everything_the_encoder_has() {
    for way in ["F/down", "F/up"] {
        let (figures, _) = run_one(&case(way), 1, false);
        assert!(figures.utilisation > 0.9, "{way}: {figures:?}");
        assert_eq!(figures.freeze, 0.0, "{way}");
        assert_eq!(figures.congestion_loss, 0.0, "{way}");
        assert!(figures.fps > 29.0, "{way}: {figures:?}");
        assert!(figures.queue_p95 < 0.05, "{way}: {figures:?}");
    }
}

#[test]
fn a_publisher_that_does_not_listen_shows_in_the_figures() {
    let mut case = case("C/down");
    let obedient = run_one(&case, 1, false).0;
    for publish in case.plan.calls.iter_mut().flat_map(|call| call.publish.iter_mut().flatten()) {
        publish.obeys = false;
    }
    let deaf = run_one(&case, 1, false).0;
    let hurt = |figures: &super::Figures| figures.freeze + figures.congestion_loss;
    assert!(hurt(&deaf) > hurt(&obedient) + 0.02, "{obedient:?}\n{deaf:?}");
}
