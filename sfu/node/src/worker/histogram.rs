//! How long something took, counted in steps.

use std::time::Duration;

/// Upper bounds of the steps, in microseconds: three or four to each power of ten, and exact where
/// a target is (100 µs, 1 ms, 3 ms). What took longer than the last one is counted behind it.
pub(crate) const BOUNDS_MICROS: [u32; 20] = [
    10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000,
    30_000, 100_000, 300_000,
];

/// Cumulative since a worker's start, like its other counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    /// By step.
    pub(crate) counts: [u64; BOUNDS_MICROS.len() + 1],
    /// Of everything that was recorded.
    pub(crate) sum: Duration,
}

impl Histogram {
    /// Counts something that took this long.
    pub(crate) fn record(&mut self, took: Duration) {
        let step =
            BOUNDS_MICROS.partition_point(|&bound| Duration::from_micros(u64::from(bound)) < took);
        self.counts[step] += 1;
        self.sum += took;
    }

    /// Adds what another worker has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(other.counts) {
            *count += other;
        }
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_their_steps() {
        let mut histogram = Histogram::default();
        for micros in [0, 10, 11, 1_000, 300_000, 300_001] {
            histogram.record(Duration::from_micros(micros));
        }
        let step = |bound| BOUNDS_MICROS.iter().position(|&b| b == bound).expect("a bound");
        assert_eq!(histogram.counts[step(10)], 2);
        assert_eq!(histogram.counts[step(20)], 1);
        assert_eq!(histogram.counts[step(1_000)], 1);
        assert_eq!(histogram.counts[step(300_000)], 1);
        assert_eq!(histogram.counts[BOUNDS_MICROS.len()], 1);
        let mut twice = histogram;
        twice.add(&histogram);
        assert_eq!(twice.counts.iter().sum::<u64>(), 12);
        assert_eq!(twice.sum, histogram.sum * 2);
    }
}
