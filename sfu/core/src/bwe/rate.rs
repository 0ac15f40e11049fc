//! Bytes in a sliding window.

/// Length of a bucket in microseconds, and how many are kept.
const BUCKET: i64 = 25_000;
const BUCKETS: usize = 40;

/// Counts bytes over the last second of some clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateMeter {
    /// First and latest bucket that count.
    span: Option<(i64, i64)>,
    /// When the latest one begins, and where it is: nearly every packet falls into it. Before the first, a
    /// time that is far from any.
    latest: (i64, usize),
    /// Bytes by time in buckets, modulo [`BUCKETS`].
    buckets: [u32; BUCKETS],
}

impl Default for RateMeter {
    fn default() -> Self {
        Self { span: None, latest: (i64::MIN / 2, 0), buckets: [0; BUCKETS] }
    }
}

impl RateMeter {
    /// Adds bytes at a time in microseconds. What is older than a second counts for nothing.
    pub(crate) fn add(&mut self, at: i64, bytes: usize) {
        let (begins, place) = self.latest;
        if (0..BUCKET).contains(&at.wrapping_sub(begins)) {
            let place = &mut self.buckets[place];
            *place = place.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
            return;
        }
        let bucket = at.div_euclid(BUCKET);
        self.advance(bucket);
        if let Some((first, latest)) = self.span
            && latest.saturating_sub(bucket) < BUCKETS as i64
        {
            self.span = Some((first.min(bucket), latest));
            let place = &mut self.buckets[slot(bucket)];
            *place = place.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Bit/s over the `window` microseconds up to `at`, a second at most. `None` as long as less
    /// than half of it has been seen.
    pub(crate) fn rate(&mut self, at: i64, window: i64) -> Option<f64> {
        let end = at.div_euclid(BUCKET);
        self.advance(end);
        let (first, latest) = self.span?;
        let window = (window / BUCKET).clamp(1, BUCKETS as i64 - 1);
        let seen = (latest - first + 1).min(window);
        if seen * 2 < window {
            return None;
        }
        let (from, to) = (slot(latest - seen + 1), slot(latest));
        let sum = |part: &[u32]| part.iter().copied().map(u64::from).sum::<u64>();
        let bytes = if from <= to {
            sum(&self.buckets[from..=to])
        } else {
            sum(&self.buckets[from..]) + sum(&self.buckets[..=to])
        };
        // The latest bucket has only begun.
        let into = (at.max(latest * BUCKET) - latest * BUCKET).min(BUCKET);
        let length = ((seen - 1) * BUCKET + into).max(BUCKET);
        Some(bytes as f64 * 8e6 / length as f64)
    }

    fn advance(&mut self, bucket: i64) {
        match &mut self.span {
            Some((first, latest)) if bucket > *latest => {
                let skipped = (bucket - *latest).min(BUCKETS as i64);
                for stale in bucket - skipped + 1..=bucket {
                    self.buckets[slot(stale)] = 0;
                }
                *latest = bucket;
                *first = (*first).max(bucket - BUCKETS as i64 + 1);
            }
            Some(_) => return,
            None => self.span = Some((bucket, bucket)),
        }
        self.latest = (bucket.saturating_mul(BUCKET), slot(bucket));
    }
}

fn slot(bucket: i64) -> usize {
    bucket.rem_euclid(BUCKETS as i64) as usize
}
