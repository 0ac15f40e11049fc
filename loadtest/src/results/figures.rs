//! The usual figures of a metric.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::{Metric, Metrics, Value};

/// The usual figures of a metric, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of a trend.
    Trend {
        /// How many values.
        count: u64,
        /// The smallest.
        min: f64,
        /// The mean.
        avg: f64,
        /// Half are not above.
        p50: f64,
        /// 90 of 100 are not above.
        p90: f64,
        /// 95 of 100 are not above.
        p95: f64,
        /// 99 of 100 are not above.
        p99: f64,
        /// The largest.
        max: f64,
    },
    /// Of a share.
    Share {
        /// 0 to 1; none of nothing.
        rate: Option<f64>,
        /// Those meant.
        of: u64,
        /// All.
        all: u64,
    },
    /// Of a count.
    Count {
        /// How many.
        count: u64,
    },
}

/// The figures of every metric that something was measured of.
pub fn figures(metrics: &Metrics) -> BTreeMap<Metric, Figures> {
    Metric::ALL
        .iter()
        .filter_map(|metric| Some((*metric, of(&metrics.value(*metric, None))?)))
        .collect()
}

fn of(value: &Value) -> Option<Figures> {
    match value {
        Value::Trend(hist) => Some(Figures::Trend {
            count: hist.count(),
            min: hist.min()?,
            avg: hist.mean()?,
            p50: hist.percentile(50.0)?,
            p90: hist.percentile(90.0)?,
            p95: hist.percentile(95.0)?,
            p99: hist.percentile(99.0)?,
            max: hist.max()?,
        }),
        Value::Share { of, all } => (*all > 0).then(|| Figures::Share {
            rate: Some(*of as f64 / *all as f64),
            of: *of,
            all: *all,
        }),
        Value::Count(count) => Some(Figures::Count { count: *count }),
    }
}
