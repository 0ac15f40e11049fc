use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::bwe::{Estimator, Fate, MAX_BITRATE, MIN_BITRATE, PacketResult, RateMeter};

/// Any packet: sent so many milliseconds after its predecessor, arrived at any time.
fn packets() -> impl Strategy<Value = Vec<(u64, u16, Fate, bool)>> {
    let fate = prop_oneof![
        Just(Fate::Lost),
        Just(Fate::Untold),
        any::<i64>().prop_map(Fate::Arrived),
        any::<i64>().prop_map(Fate::Late),
        (0..10_000_000i64).prop_map(Fate::Arrived),
    ];
    prop::collection::vec((0u64..200, any::<u16>(), fate, any::<bool>()), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_feedback_leaves_the_estimate_within_bounds(
        packets in packets(),
        rtt in 0u64..100_000,
        offered in 0.0..1e9f64,
    ) {
        let mut now = Instant::now();
        let rtt = Duration::from_millis(rtt);
        let mut estimator = Estimator::new(now);
        for (gap, size, fate, ends) in packets {
            now += Duration::from_millis(gap);
            let probe = estimator.poll_probe(now, offered).map(|probe| probe.id);
            estimator.on_sent(now, usize::from(size));
            if let Some(id) = probe {
                estimator.probe_sent(id, 1, u32::from(size));
            }
            let result = PacketResult { sent_at: now, size, fate, probe };
            if ends {
                estimator.begin_feedback(now, rtt);
            }
            estimator.on_packet(result);
            if ends {
                estimator.end_feedback(now, rtt);
            }
            for bitrate in [estimator.bitrate(), estimator.target(now)] {
                prop_assert!((MIN_BITRATE..=MAX_BITRATE).contains(&bitrate));
            }
        }
    }

    /// Without a probe the estimate grows to one and a half times what was acknowledged over the last half second
    /// (and the 10 kbit/s by which audio alone may grow), and no further. It is kept where less is sent:
    /// that says nothing of the way.
    #[test]
    fn growth_is_bounded_by_what_was_acknowledged(
        gap in 2_000u64..4_500,
        packets in prop::collection::vec((600u16..1_400, 0i64..10_000), 1_500),
    ) {
        let start = Instant::now();
        let mut estimator = Estimator::new(start);
        let (mut acknowledged, mut latest, mut grew) = (RateMeter::default(), 0, false);
        let mut sent = Duration::ZERO;
        for (size, late) in packets {
            sent += Duration::from_micros(gap);
            let sent_at = start + sent;
            estimator.on_sent(sent_at, usize::from(size));
            let arrival = sent.as_micros() as i64 + 20_000 + late;
            acknowledged.add(arrival, usize::from(size));
            latest = latest.max(arrival);
            let before = estimator.bitrate();
            let now = sent_at + Duration::from_millis(50);
            estimator.begin_feedback(now, Duration::from_millis(40));
            let fate = Fate::Arrived(arrival);
            estimator.on_packet(PacketResult { sent_at, size, fate, probe: None });
            estimator.end_feedback(now, Duration::from_millis(40));
            let after = estimator.bitrate();
            if after > before {
                grew = true;
                let rate = acknowledged.rate(latest, 500_000).expect("nothing grows before");
                prop_assert!(after as f64 <= 1.5 * rate + 10_000.0, "{before} -> {after}, {rate}");
            }
        }
        prop_assert!(grew, "{}", estimator.bitrate());
    }

    /// Bytes are counted in the bucket of 25 ms that they belong to, whether they come in order, in
    /// bursts or late.
    #[test]
    fn rate_is_of_all_bytes_of_the_window(
        packets in prop::collection::vec((0i64..30_000, 0i64..60_000, 0usize..1_500), 100..300),
    ) {
        const BUCKET: i64 = 25_000;
        let (mut meter, mut at, mut model) = (RateMeter::default(), 0, Vec::new());
        // Half of them come at the moment of the one before.
        for (passed, late, bytes) in packets {
            at += (passed - 15_000).max(0);
            let of = at - (late - 30_000).max(0);
            meter.add(of, bytes);
            model.push((of.div_euclid(BUCKET), bytes));
        }
        at = at.max(model[0].0 * BUCKET + 2_000_000);
        meter.add(at, 100);
        model.push((at / BUCKET, 100));
        let latest = at / BUCKET;
        let counted: usize =
            model.iter().filter(|(of, _)| (latest - 38..=latest).contains(of)).map(|(_, b)| b).sum();
        let length = 38 * BUCKET + (at - latest * BUCKET);
        let rate = meter.rate(at, 39 * BUCKET).expect("more than a second has passed");
        prop_assert!((rate - counted as f64 * 8e6 / length as f64).abs() < 1e-3, "{rate} {counted}");
    }
}
