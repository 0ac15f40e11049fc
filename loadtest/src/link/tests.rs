use rand::{SeedableRng, rngs::SmallRng};

use super::*;

const CLEAR: Impairment = Impairment {
    loss: 0.0,
    burst: 1.0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    rate_kbps: None,
    queue: Duration::from_millis(200),
};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Sends `count` datagrams of 972 bytes `every`; when each that arrives does, and its number.
fn carry(impairment: Impairment, count: u64, every: Duration, seed: u64) -> Vec<(Duration, u64)> {
    let mut link = Link::new(Some(impairment));
    let mut rng = SmallRng::seed_from_u64(seed);
    let to = SocketAddr::from(([192, 0, 2, 1], 1));
    let mut data = [0; 972];
    for number in 0..count {
        data[..8].copy_from_slice(&number.to_be_bytes());
        link.push(every * number as u32, to, &data, &mut rng);
    }
    let mut arrived = Vec::new();
    while link.next_timeout() != Duration::MAX {
        let at = link.next_timeout();
        let (_, data) = link.pop(at).expect("it is due");
        arrived.push((at, u64::from_be_bytes(data[..8].try_into().unwrap())));
    }
    arrived
}

#[test]
fn the_share_that_is_lost_is_the_one_asked_for_in_runs_or_not() {
    for burst in [1.0, 4.0] {
        let arrived = carry(Impairment { loss: 0.05, burst, ..CLEAR }, 100_000, millis(1), 1);
        let lost = 1.0 - arrived.len() as f64 / 100_000.0;
        assert!((0.045..0.055).contains(&lost), "burst {burst}: {lost}");
        let runs = arrived.windows(2).filter(|two| two[1].1 > two[0].1 + 1).count();
        let mean = (100_000 - arrived.len()) as f64 / runs as f64;
        // Runs of single losses meet now and then.
        assert!((burst * 0.9..burst * 1.15).contains(&mean), "burst {burst}: runs of {mean}");
    }
}

#[test]
fn delay_and_jitter_are_added_and_nothing_overtakes() {
    let impaired = Impairment { delay: millis(40), jitter: millis(10), ..CLEAR };
    let arrived = carry(impaired, 1_000, millis(5), 2);

    assert_eq!(arrived.len(), 1_000);
    for (at, number) in &arrived {
        let delay = *at - millis(5) * *number as u32;
        assert!((millis(40)..millis(55)).contains(&delay), "{number}: {delay:?}");
    }
    assert!(arrived.windows(2).all(|two| two[0].0 <= two[1].0 && two[0].1 < two[1].1));
}

#[test]
fn a_bottleneck_queues_and_then_drops() {
    // 8,000 bits of 1,000 bytes at 800 kbit/s take 10 ms; twice as much is offered.
    let arrived = carry(Impairment { rate_kbps: Some(800), ..CLEAR }, 400, millis(5), 3);

    let last = arrived.last().unwrap().0;
    let rate = arrived.len() as f64 * 8.0 / last.as_secs_f64();
    assert!((790.0..=801.0).contains(&rate), "{rate} kbit/s");
    let longest = arrived.iter().map(|(at, number)| *at - millis(5) * *number as u32).max();
    assert!((millis(200)..millis(225)).contains(&longest.unwrap()), "{longest:?}");
}

#[test]
fn the_same_seed_gives_the_same_fate() {
    let impaired = Impairment { loss: 0.1, burst: 2.0, jitter: millis(20), ..CLEAR };
    assert_eq!(carry(impaired, 500, millis(5), 9), carry(impaired, 500, millis(5), 9));
    assert_ne!(carry(impaired, 500, millis(5), 9), carry(impaired, 500, millis(5), 10));
}
