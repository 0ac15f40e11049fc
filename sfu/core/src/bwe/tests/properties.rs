use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::bwe::{Estimator, Fate, MAX_BITRATE, MIN_BITRATE, PacketResult};

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

    /// Growth without a probe stays within one and a half times what came through.
    #[test]
    fn growth_is_bounded_by_what_was_acknowledged(
        sizes in prop::collection::vec(100u16..1_400, 500),
        gap in 2u64..40,
    ) {
        let start = Instant::now();
        let mut estimator = Estimator::new(start);
        let mut acknowledged = 0.0f64;
        let mut window = std::collections::VecDeque::new();
        for (index, size) in sizes.into_iter().enumerate() {
            let sent = Duration::from_millis(gap * index as u64);
            estimator.on_sent(start + sent, usize::from(size));
            window.push_back((sent, size));
            while window.front().is_some_and(|(at, _)| *at + Duration::from_millis(500) < sent) {
                window.pop_front();
            }
            let bytes: f64 = window.iter().map(|(_, size)| f64::from(*size)).sum();
            let length = sent.as_secs_f64().clamp(0.225, 0.5);
            acknowledged = acknowledged.max(bytes * 8.0 / length);
            let fate = Fate::Arrived(sent.as_micros() as i64 + 20_000);
            let before = estimator.bitrate();
            let now = start + sent + Duration::from_millis(40);
            estimator.begin_feedback(now, Duration::from_millis(40));
            estimator.on_packet(PacketResult { sent_at: start + sent, size, fate, probe: None });
            estimator.end_feedback(now, Duration::from_millis(40));
            let after = estimator.bitrate();
            // Half a second, less at first, is measured in steps of 25 ms: hence the tenth.
            prop_assert!(
                after <= before || (after as f64) < 1.5 * 1.1 * acknowledged.max(1.0) + 10_000.0,
                "{before} -> {after}, {acknowledged} acknowledged"
            );
        }
    }
}
