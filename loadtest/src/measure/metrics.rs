//! The values of all metrics of one group of calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signaling_wire::browser::Role;

use super::{Aggregate, Hist, Kind, Metric};

/// The values of all metrics of some calls: of all of them, of a region's, of a node's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics(BTreeMap<(Metric, Option<Role>), Value>);

/// What a metric's values were added up to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A histogram.
    Trend(Hist),
    /// So many of so many.
    Share {
        /// Those meant.
        of: u64,
        /// All.
        all: u64,
    },
    /// So many.
    Count(u64),
}

impl Value {
    fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Trend => Self::Trend(Hist::fine()),
            Kind::Share => Self::Share { of: 0, all: 0 },
            Kind::Count => Self::Count(0),
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Trend(mine), Self::Trend(others)) => mine.merge(others),
            (Self::Share { of, all }, Self::Share { of: more, all: of_more }) => {
                *of += more;
                *all += of_more;
            }
            (Self::Count(mine), Self::Count(others)) => *mine += others,
            // A metric's kind is a constant: other pairs are only in a file that somebody changed.
            _ => {}
        }
    }

    /// A figure of the values; none when there are none to take it from.
    pub fn figure(&self, aggregate: Aggregate) -> Option<f64> {
        match (self, aggregate) {
            (Self::Trend(hist), Aggregate::Percentile(percent)) => hist.percentile(percent),
            (Self::Trend(hist), Aggregate::Mean) => hist.mean(),
            (Self::Trend(hist), Aggregate::Min) => hist.min(),
            (Self::Trend(hist), Aggregate::Max) => hist.max(),
            (Self::Trend(hist), Aggregate::Count) => Some(hist.count() as f64),
            (Self::Share { all, .. }, Aggregate::Rate) if *all == 0 => None,
            (Self::Share { of, all }, Aggregate::Rate) => Some(*of as f64 / *all as f64),
            (Self::Share { of, .. }, Aggregate::Count) => Some(*of as f64),
            (Self::Count(count), Aggregate::Count) => Some(*count as f64),
            _ => None,
        }
    }

    /// How many values there are: the weight that a figure has.
    pub fn samples(&self) -> u64 {
        match self {
            Self::Trend(hist) => hist.count(),
            Self::Share { all, .. } => *all,
            Self::Count(count) => *count,
        }
    }
}

impl Metrics {
    fn slot(&mut self, metric: Metric, side: Option<Role>) -> &mut Value {
        self.0.entry((metric, side)).or_insert_with(|| Value::empty(metric.kind()))
    }

    /// Records values into a trend.
    pub(super) fn record(
        &mut self,
        metric: Metric,
        side: Option<Role>,
        record: impl FnOnce(&mut Hist),
    ) {
        if let Value::Trend(hist) = self.slot(metric, side) {
            record(hist);
        }
    }

    /// Adds `of` of `all` to a share.
    pub(super) fn share(&mut self, metric: Metric, side: Option<Role>, of: u64, all: u64) {
        if let Value::Share { of: sum, all: of_sum } = self.slot(metric, side) {
            *sum += of;
            *of_sum += all;
        }
    }

    /// Adds to a count.
    pub(super) fn count(&mut self, metric: Metric, side: Option<Role>, more: u64) {
        if let Value::Count(count) = self.slot(metric, side) {
            *count += more;
        }
    }

    /// Adds all of another's values.
    pub fn merge(&mut self, other: &Self) {
        for ((metric, side), value) in &other.0 {
            self.slot(*metric, *side).merge(value);
        }
    }

    /// The values of a metric: of one side, or of both and of what belongs to none.
    pub fn value(&self, metric: Metric, side: Option<Role>) -> Value {
        let mut sum = Value::empty(metric.kind());
        for ((_, of), value) in self.0.range((metric, None)..=(metric, Some(Role::Agent))) {
            if side.is_none() || *of == side {
                sum.merge(value);
            }
        }
        sum
    }

    /// A figure of a metric over both sides.
    pub fn figure(&self, metric: Metric, aggregate: Aggregate) -> Option<f64> {
        self.value(metric, None).figure(aggregate)
    }

    /// A metric's histogram over both sides; empty for what is not a trend.
    pub fn hist(&self, metric: Metric) -> Hist {
        match self.value(metric, None) {
            Value::Trend(hist) => hist,
            Value::Share { .. } | Value::Count(_) => Hist::fine(),
        }
    }

    /// A metric's count over both sides.
    pub fn total(&self, metric: Metric) -> u64 {
        self.figure(metric, Aggregate::Count).unwrap_or(0.0) as u64
    }
}

/// One metric as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    metric: Metric,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    side: Option<Role>,
    #[serde(flatten)]
    value: Value,
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|((metric, side), value)| Written {
            metric: *metric,
            side: *side,
            value: value.clone(),
        }))
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut metrics = Self::default();
        for Written { metric, side, value } in Vec::<Written>::deserialize(deserializer)? {
            metrics.slot(metric, side).merge(&value);
        }
        Ok(metrics)
    }
}
