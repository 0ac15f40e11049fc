use std::time::{Duration, Instant};

use super::*;

/// Two seconds of 100 packets each of 1,000 bytes at `pps`, of which every `lose`th is lost and
/// each is `delay(n)` microseconds under way.
fn run(estimator: &mut Estimator, start: Instant, lose: usize, delay: impl Fn(usize) -> i64) {
    for n in 0..500 {
        let sent = Duration::from_millis(4 * n as u64);
        let lost = lose != 0 && n % lose == 0;
        estimator.on_packet(PacketResult {
            sent_at: start + sent,
            size: 1_000,
            arrival: (!lost).then(|| sent.as_micros() as i64 + delay(n)),
        });
        if n % 10 == 9 {
            estimator.on_feedback(start + sent + Duration::from_millis(20));
        }
    }
}

#[test]
fn clean_link_grows_and_never_beyond_what_was_proven() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    run(&mut estimator, start, 0, |_| 20_000);
    let grown = estimator.bitrate();
    assert!(grown > START_BITRATE);
    assert!(grown <= 3_100_000, "2 Mbit/s were acknowledged, not {grown}");
}

#[test]
fn heavy_loss_shrinks() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    run(&mut estimator, start, 3, |_| 20_000);
    assert!(estimator.bitrate() < START_BITRATE * 3 / 4);
}

#[test]
fn standing_queue_shrinks_below_what_came_through() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    run(&mut estimator, start, 0, |n| 20_000 + 1_000 * n as i64);
    assert!(estimator.bitrate() < 2_000_000);
}

#[test]
fn a_hiccup_on_an_idle_way_costs_little_and_is_made_up_for() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    // 100 kbit/s of audio and a still picture; one second of it comes 300 ms late.
    let mut send = |from: usize, to: usize, delay: i64| {
        for n in from..to {
            let sent = Duration::from_millis(20 * n as u64);
            let arrival = Some(sent.as_micros() as i64 + delay);
            estimator.on_packet(PacketResult { sent_at: start + sent, size: 250, arrival });
            estimator.on_feedback(start + sent);
        }
        estimator.bitrate()
    };
    assert_eq!(send(0, 100, 20_000), START_BITRATE);
    let low = send(100, 150, 320_000);
    assert!(low < START_BITRATE, "it might have been a queue");
    assert!(low > START_BITRATE / 4, "{low}");
    let recovered = send(150, 400, 20_000);
    assert!(recovered > START_BITRATE * 9 / 10, "{recovered}");
}

#[test]
fn light_loss_keeps_the_estimate() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    run(&mut estimator, start, 20, |_| 20_000);
    assert_eq!(estimator.bitrate(), START_BITRATE);
}
