//! A worker's histograms in Prometheus' form.

use prometheus::{
    Opts,
    core::{Collector, Desc, Describer},
    proto::{Bucket, Histogram as Wire, Metric, MetricFamily, MetricType},
};

use crate::worker::{BOUNDS_MICROS, Histogram};

/// A histogram that was counted elsewhere.
pub(super) struct Durations {
    desc: Desc,
    counted: Histogram,
}

impl Durations {
    pub(super) fn new(name: &str, help: &str, counted: Histogram) -> prometheus::Result<Self> {
        Ok(Self { desc: Opts::new(name, help).describe()?, counted })
    }
}

impl Collector for Durations {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut below = 0;
        let buckets = BOUNDS_MICROS.iter().zip(self.counted.counts).map(|(&bound, count)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_cumulative_count(below);
            bucket.set_upper_bound(f64::from(bound) / 1e6);
            bucket
        });
        let mut histogram = Wire::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(self.counted.counts.iter().sum());
        histogram.set_sample_sum(self.counted.sum.as_secs_f64());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
