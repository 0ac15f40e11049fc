//! Whether thresholds hold, and what that makes of a run.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Bound, Kind, Tally, Threshold};

/// A threshold and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What must hold.
    pub threshold: Threshold,
    /// The figure; none when there was nothing to take it from.
    pub actual: Option<f64>,
    /// How many values it was taken from.
    pub samples: u64,
    /// Whether it holds. Of nothing that was measured nothing can be said: then it does not.
    pub held: bool,
}

/// Fewer values than this are too few to end a run for.
const ENOUGH: u64 = 20;

impl Threshold {
    /// Judges what was measured.
    pub fn judge(&self, tally: &Tally) -> Judged {
        let value = tally.value(self.metric, &self.part);
        let actual = value.figure(self.aggregate);
        let held = actual.is_some_and(|actual| self.bound.holds(actual, self.value));
        Judged { threshold: self.clone(), actual, samples: value.samples(), held }
    }
}

impl Judged {
    /// Whether the run may be ended for it: it does not hold, and what is still to come is not
    /// likely to change that.
    pub fn is_hopeless(&self) -> bool {
        // What should become large is small at first.
        let can_grow = matches!(self.threshold.bound, Bound::Above | Bound::AtLeast);
        let Some(actual) = self.actual else { return false };
        let too_much = self.threshold.bound != Bound::Exactly || actual > self.threshold.value;
        let enough = self.samples >= ENOUGH || self.threshold.metric.kind() == Kind::Count;
        !self.held && !can_grow && too_much && enough
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
