//! A publisher's way that may carry more: the page is told when it is worth a try, and not otherwise.

use std::time::{Duration, Instant};

use crate::media::room::{Room, Seen};

const STEP: Duration = Duration::from_millis(100);

/// Looks for so many seconds at a publisher that sends `through` bit/s, where nothing has waited since
/// `calm` before the first look. Returns when it was told to try.
fn tries(room: &mut Room, start: Instant, secs: u32, calm: Duration, through: f64) -> Vec<f64> {
    let mut tries = Vec::new();
    for step in 0..secs * 10 {
        let passed = STEP * step;
        let seen = Seen { calm: calm + passed, through, carries: None, told: 2_500_000 };
        if room.is_due(start + passed) && room.look(start + passed, seen) {
            tries.push(passed.as_secs_f64());
        }
    }
    tries
}

#[test]
fn whoever_sends_least_tries_first() {
    let first = |through| {
        let told = tries(&mut Room::default(), Instant::now(), 10, Duration::ZERO, through);
        told[0]
    };
    assert!(first(300e3) < first(1e6) && first(1e6) < first(1.9e6));
    assert!(first(300e3) >= 1.0, "a moment without a queue says nothing");
}

#[test]
fn a_try_that_brings_more_is_followed_by_the_next_and_one_that_brings_nothing_is_not() {
    let mut room = Room::default();
    let start = Instant::now();
    let calm = Duration::from_secs(5);
    let [first] = tries(&mut room, start, 1, calm, 500e3)[..] else { panic!("one try") };
    assert_eq!(first, 0.0);
    let after = start + Duration::from_secs(1);
    let [next] = tries(&mut room, after, 1, calm, 1e6)[..] else { panic!("one more") };
    assert!(next < 0.2, "{next}");

    let still = tries(&mut room, after + Duration::from_secs(1), 200, calm, 1e6);
    assert!((3..=8).contains(&still.len()), "a still picture needs no more: {still:?}");
    let pauses: Vec<_> = still.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.is_sorted(), "{pauses:?}");
}

#[test]
fn nobody_tries_where_something_waits_or_the_viewers_way_is_the_narrow_one() {
    let mut room = Room::default();
    let now = Instant::now();
    let full =
        Seen { calm: Duration::from_millis(200), through: 400e3, carries: None, told: 2_500_000 };
    let held = Seen { calm: Duration::from_secs(60), through: 450e3, carries: None, told: 500_000 };
    for step in 0..600 {
        assert!(!room.look(now + STEP * step, if step % 2 == 0 { full } else { held }));
    }
}

#[test]
fn after_something_has_waited_a_rise_is_looked_for_soon_again() {
    let mut room = Room::default();
    let start = Instant::now();
    // The pause between two tries has grown.
    tries(&mut room, start, 100, Duration::ZERO, 800e3);
    let after = start + Duration::from_secs(100);
    let soon = tries(&mut room, after, 10, Duration::ZERO, 800e3);
    assert!(soon.first().is_some_and(|at| *at < 3.0), "{soon:?}");
}

#[test]
fn a_try_that_has_cost_is_not_followed_by_another_before_that_is_back() {
    let mut room = Room::default();
    let start = Instant::now();
    let calm = Duration::from_secs(5);
    assert_eq!(tries(&mut room, start, 1, calm, 800e3).len(), 1);
    // Something has waited, and less comes through.
    let after = start + Duration::from_secs(1);
    assert!(tries(&mut room, after, 6, Duration::ZERO, 650e3).is_empty());
    let regained = after + Duration::from_secs(6);
    assert_eq!(tries(&mut room, regained, 1, Duration::from_secs(5), 900e3).len(), 1);
    // It may be all that the way carries now.
    let later = regained + Duration::from_secs(1);
    let again = tries(&mut room, later, 15, Duration::ZERO, 500e3);
    assert!(again.first().is_some_and(|at| (8.0..11.0).contains(at)), "{again:?}");
}

#[test]
fn whoever_nearly_fills_the_way_does_not_try_and_does_as_soon_as_it_is_wider() {
    let start = Instant::now();
    let look = |room: &mut Room, step: u32, carries| {
        let calm = Duration::from_secs(60);
        let seen = Seen { calm, through: 800e3, carries: Some(carries), told: 2_500_000 };
        room.look(start + STEP * step, seen)
    };
    let mut room = Room::default();
    assert!((0..600).all(|step| !look(&mut room, step, 1e6)));
    assert!(look(&mut room, 600, 1.5e6));
}
