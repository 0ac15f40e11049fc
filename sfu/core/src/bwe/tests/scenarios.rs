use std::time::Duration;

use super::link::Run;
use crate::bwe::START_BITRATE;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_narrow_way_is_found_at_once_and_used_well() {
    let mut run = Run::new(1e6);
    run.run(secs(2));
    let rate = run.measure(secs(20));
    assert!(rate > 0.85e6, "{rate}");
    assert!(run.longest_queue < Duration::from_millis(120), "{:?}", run.longest_queue);
}

/// What is sent is little beside what a call begins with, and too much for the way all the same.
#[test]
fn a_narrow_way_is_believed_before_the_first_estimate() {
    let mut run = Run::new(0.8e6);
    run.probes = false;
    run.wants = 0.9e6;
    run.run(Duration::from_millis(1_100));
    assert!(run.estimator.bitrate() < 800_000, "{}", run.estimator.bitrate());
}

/// Four packets are too few to lower what a call begins with, and a page that sends little gives no other reason to.
#[test]
fn a_first_key_frame_that_tells_too_little_is_made_up_for() {
    for (loss, capacity) in [(0.0, 1e6), (0.1, 1e6), (0.0, 5e6)] {
        let mut run = Run::new(capacity);
        run.wants = 0.4e6;
        run.loss = loss;
        run.start(4);
        run.run(Duration::from_millis(700));
        let estimate = run.estimator.bitrate() as f64;
        let least = 0.7 * capacity.min(START_BITRATE as f64);
        assert!((least..1.2 * capacity).contains(&estimate), "{loss} {capacity}: {estimate}");
        assert!(!run.estimator.starts_anew());
    }
}

#[test]
fn a_wide_way_is_found_by_probing() {
    let mut run = Run::new(5e6);
    run.run(secs(3));
    assert!(run.estimator.bitrate() > 4_000_000, "{}", run.estimator.bitrate());
}

#[test]
fn without_probes_the_estimate_stays_near_what_was_proven() {
    let mut run = Run::new(20e6);
    run.probes = false;
    run.wants = 1e6;
    run.run(secs(30));
    assert_eq!(run.estimator.bitrate(), START_BITRATE, "1 Mbit/s was acknowledged");
}

#[test]
fn a_drop_is_followed_within_half_a_second() {
    let mut run = Run::new(2.5e6);
    run.run(secs(10));
    run.capacity = 0.6e6;
    run.run(Duration::from_millis(500));
    assert!(run.estimator.bitrate() < 600_000, "{}", run.estimator.bitrate());
    run.run(Duration::from_millis(1_500));
    run.probes = false;
    run.measure(secs(1));
    assert!(run.longest_queue < Duration::from_millis(80), "{:?}", run.longest_queue);
}

#[test]
fn a_rise_is_found_within_five_seconds() {
    let mut run = Run::new(0.5e6);
    run.run(secs(15));
    run.capacity = 3e6;
    run.run(secs(6));
    assert!(run.estimator.bitrate() > 2_700_000, "{}", run.estimator.bitrate());
}

#[test]
fn random_loss_is_not_taken_for_congestion() {
    let mut run = Run::new(1e6);
    run.loss = 0.1;
    run.run(secs(5));
    let rate = run.measure(secs(20));
    assert!(rate > 0.7e6, "{rate}");
}

#[test]
fn lost_feedback_is_not_taken_for_a_narrow_way() {
    let mut run = Run::new(1e6);
    run.run(secs(5));
    run.feedback_loss = 0.2;
    let rate = run.measure(secs(20));
    assert!(rate > 0.85e6, "{rate}");
}

#[test]
fn a_queue_that_overflows_is_taken_for_congestion_on_a_lossy_way_too() {
    let mut run = Run::new(2e6);
    run.loss = 0.05;
    run.run(secs(10));
    run.capacity = 0.5e6;
    run.run(secs(2));
    run.measure(secs(3));
    assert!(run.longest_queue < Duration::from_millis(200), "{:?}", run.longest_queue);
    assert!(run.estimator.bitrate() < 700_000, "{}", run.estimator.bitrate());
}

#[test]
fn a_hiccup_on_an_idle_way_costs_little() {
    let mut run = Run::new(10e6);
    run.wants = 0.1e6;
    run.run(secs(5));
    assert_eq!(run.estimator.bitrate(), START_BITRATE);
    run.stall(Duration::from_millis(290));
    run.run(secs(1));
    assert!(run.estimator.bitrate() > START_BITRATE / 2, "{}", run.estimator.bitrate());
}

#[test]
fn an_outage_is_survived_at_a_share_of_what_was_good() {
    let mut run = Run::new(2e6);
    run.run(secs(10));
    let before = run.estimator.bitrate();
    run.dead = true;
    run.run(secs(6));
    assert!(run.estimator.is_blind(run.now, super::link::RTT));
    run.dead = false;
    run.run(Duration::from_millis(300));
    assert!(!run.estimator.is_blind(run.now, super::link::RTT));
    run.run(secs(4));
    let after = run.estimator.bitrate();
    assert!(after > before * 8 / 10, "{before} {after}");
}

#[test]
fn a_moment_in_which_nothing_came_is_no_congestion() {
    let mut run = Run::new(4e6);
    run.wants = 1.2e6;
    run.loss = 0.02;
    run.run(secs(10));
    for outage in [300, 450, 600] {
        let before = run.estimator.bitrate();
        run.dead = true;
        run.run(Duration::from_millis(outage));
        run.dead = false;
        for _ in 0..20 {
            run.run(Duration::from_millis(100));
            let after = run.estimator.bitrate();
            assert!(after > before * 9 / 10, "{outage} ms: {before} {after}");
        }
        run.run(secs(3));
    }
}

#[test]
fn a_queue_that_others_keep_filled_leaves_room_for_a_picture() {
    let mut run = Run::new(20e6);
    run.run(secs(2));
    run.crowded = true;
    run.run(secs(30));
    assert!(run.estimator.has_rivals());
    let rate = run.measure(secs(10));
    assert!(rate > 0.6e6, "{rate}");
}

#[test]
fn others_that_have_left_are_not_fought_any_more() {
    let mut run = Run::new(2e6);
    run.run(secs(2));
    run.crowded = true;
    run.run(secs(30));
    run.crowded = false;
    run.run(secs(15));
    assert!(!run.estimator.has_rivals());
    run.run(secs(5));
    run.measure(secs(20));
    assert!(run.longest_queue < Duration::from_millis(120), "{:?}", run.longest_queue);
}

#[test]
fn a_queue_of_our_own_is_not_taken_for_that_of_others() {
    for capacity in [0.3e6, 0.6e6, 1e6, 3e6] {
        let mut run = Run::new(capacity);
        for second in 0..60 {
            // A third of it is lost at once, a half slides away, and it comes back.
            run.capacity = capacity
                * match second {
                    20..30 => 0.66,
                    30..40 => 1.0 - 0.05 * f64::from(second - 29),
                    _ => 1.0,
                };
            run.run(secs(1));
            assert!(!run.estimator.has_rivals(), "{capacity} after {second} s");
        }
    }
}

#[test]
fn a_line_that_carries_more_than_a_small_picture_is_not_kept_full() {
    let mut run = Run::new(0.3e6);
    run.run(secs(10));
    let (mut full, mut rate) = (0, 0.0);
    for _ in 0..60 {
        rate += run.measure(secs(1)) / 60.0;
        full += u32::from(run.longest_queue > Duration::from_millis(150));
    }
    assert!(rate > 0.25e6, "{rate}");
    assert!(full < 10, "a long queue in {full} seconds of 60");
}

#[test]
fn a_climb_that_was_taken_back_is_not_made_again_at_once() {
    let mut run = Run::new(0.8e6);
    run.run(secs(10));
    run.capacity = 2.5e6;
    run.run(secs(9));
    assert!(run.estimator.bitrate() > 2_000_000, "{}", run.estimator.bitrate());
    run.capacity = 0.8e6;
    run.run(secs(10));
    run.capacity = 2.5e6;
    run.run(secs(9));
    let rate = run.estimator.bitrate();
    assert!((1_000_000..1_300_000).contains(&rate), "{rate}");
    run.capacity = 0.8e6;
    run.measure(secs(10));
    assert!(run.longest_queue < Duration::from_millis(220), "{:?}", run.longest_queue);
    run.capacity = 2.5e6;
    run.run(secs(40));
    assert!(run.estimator.bitrate() > 2_000_000, "it is forgotten some time");
}

#[test]
fn a_fall_from_what_has_held_for_long_makes_nobody_wary() {
    let mut run = Run::new(0.8e6);
    run.run(secs(10));
    run.capacity = 2.5e6;
    run.run(secs(25));
    run.capacity = 0.8e6;
    run.run(secs(10));
    run.capacity = 2.5e6;
    run.run(secs(8));
    assert!(run.estimator.bitrate() > 2_000_000, "{}", run.estimator.bitrate());
}
