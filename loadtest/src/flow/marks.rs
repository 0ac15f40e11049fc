//! When a seat reached which stage.

use std::time::Duration;

use signaling_wire::browser::{Stage, StageMark};

/// The stages a seat has reached, each with the time it was first reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks(Vec<(Stage, Duration)>);

impl Marks {
    /// Notes that `stage` was reached; only the first time counts.
    pub(super) fn reach(&mut self, stage: Stage, now: Duration) {
        if self.at(stage).is_none() {
            self.0.push((stage, now));
        }
    }

    /// When the stage was reached.
    pub fn at(&self, stage: Stage) -> Option<Duration> {
        self.0.iter().find(|(known, _)| *known == stage).map(|(_, at)| *at)
    }

    /// The stages in the order they were reached.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> {
        self.0.iter().copied()
    }

    /// As a page reports them.
    pub(super) fn to_wire(&self) -> Vec<StageMark> {
        self.iter()
            .map(|(stage, at)| StageMark { stage, at_ms: at.as_secs_f64() * 1_000.0 })
            .collect()
    }
}
