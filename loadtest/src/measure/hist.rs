//! A histogram that is written down whole, and reads back as the same.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Values of a metric. Kept to a millionth of the metric's unit (a microsecond, a millionth of a
/// whole), with the relative precision of its digits.
#[derive(Clone, PartialEq)]
pub struct Hist(Histogram<u64>);

/// Significant digits of a metric: 0.1 %.
const FINE: u8 = 3;
/// Significant digits of a point of the time series: 1 %. There are many of them.
const COARSE: u8 = 2;
/// Steps in one unit.
const STEPS: f64 = 1e6;

impl Hist {
    #[allow(clippy::expect_used, reason = "the crate takes 0 to 5 digits, and these are constants")]
    fn with_digits(digits: u8) -> Self {
        Self(Histogram::new(digits).expect("constant histogram digits"))
    }

    /// For a metric: values to 0.1 %.
    pub fn fine() -> Self {
        Self::with_digits(FINE)
    }

    /// For a point of the time series: values to 1 %.
    pub fn coarse() -> Self {
        Self::with_digits(COARSE)
    }

    /// Adds a value in the metric's unit. What is no number is nothing.
    pub fn record(&mut self, value: f64) {
        if value.is_finite() {
            self.record_micros((value.max(0.0) * STEPS).round() as u64);
        }
    }

    /// Adds a time.
    pub fn record_time(&mut self, time: Duration) {
        self.record_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds a value in millionths of the unit.
    pub fn record_micros(&mut self, micros: u64) {
        // Fails only when the range cannot grow any more, and it grows to all of `u64`.
        let _ = self.0.record(micros);
    }

    /// Adds all of another's values, losing nothing.
    pub fn merge(&mut self, other: &Self) {
        let _ = self.0.add(&other.0);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value that `percent` of the values are not above; none without values.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        self.some(self.0.value_at_quantile(percent / 100.0))
    }

    /// The smallest.
    pub fn min(&self) -> Option<f64> {
        self.some(self.0.min())
    }

    /// The largest.
    pub fn max(&self) -> Option<f64> {
        self.some(self.0.max())
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean() / STEPS)
    }

    /// How many values are at most `value`.
    pub fn count_to(&self, value: f64) -> u64 {
        self.0.count_between(0, (value.max(0.0) * STEPS).round() as u64)
    }

    fn some(&self, micros: u64) -> Option<f64> {
        (!self.0.is_empty()).then(|| micros as f64 / STEPS)
    }

    /// Each value that was recorded, in millionths of the unit, and how often.
    pub fn values(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }
}

impl fmt::Debug for Hist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most] = [50.0, 100.0].map(|percent| self.percentile(percent).unwrap_or(0.0));
        write!(f, "Hist({} values, p(50) {half}, max {most})", self.count())
    }
}

/// As it is written: the digits it keeps, and each value (in millionths) with its count.
#[derive(Serialize, Deserialize)]
struct Written {
    digits: u8,
    values: Vec<(u64, u64)>,
}

impl Serialize for Hist {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { digits: self.0.sigfig(), values: self.values().collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        if !(1..=FINE).contains(&written.digits) {
            return Err(de::Error::custom(format!("a histogram keeps 1 to {FINE} digits")));
        }
        let mut hist = Self::with_digits(written.digits);
        for (value, count) in written.values {
            hist.0.record_n(value, count).map_err(de::Error::custom)?;
        }
        Ok(hist)
    }
}
