//! What a run came to.

use serde::{Deserialize, Serialize};

use super::Ending;
use crate::measure::{Judged, Metric, Tally};

/// What a run came to. Decides the exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Verdict {
    /// Everything that had to hold did.
    Passed,
    /// Something did not.
    Failed {
        /// What, for people.
        reasons: Vec<String>,
    },
    /// The generator was the bottleneck: the figures are its own, not the deployment's.
    Invalid {
        /// Why.
        reasons: Vec<String>,
    },
    /// Ended by the operator before its time.
    Interrupted,
    /// The deployment could not be reached, or would not have us.
    Unreachable {
        /// Why.
        reasons: Vec<String>,
    },
}

impl Verdict {
    /// A packet of another call is never the generator's fault, and bad however the run ended. A
    /// run that was cut short or disturbed can neither pass nor fail otherwise.
    pub(super) fn of(ending: &Ending, thresholds: &[Judged], tally: &Tally) -> Self {
        let leaked = tally.all.total(Metric::Leaked);
        if leaked > 0 {
            let leak = format!(
                "{leaked} packets reached somebody they were not for, or were changed on the way"
            );
            return Self::Failed { reasons: [vec![leak], missed(thresholds)].concat() };
        }
        if let Ending::Unreachable(reason) = ending {
            return Self::Unreachable { reasons: vec![reason.clone()] };
        }
        if *ending == Ending::Interrupted {
            return Self::Interrupted;
        }
        if let Some(reason) = tally.health.invalid() {
            return Self::Invalid { reasons: vec![reason] };
        }
        let mut reasons = missed(thresholds);
        if *ending == Ending::Aborted {
            reasons.insert(0, "ended early, as a threshold was beyond hope".to_owned());
        }
        // Without thresholds every call counts: "no error" must not mean "nobody looked".
        let failed = tally.all.total(Metric::CallsFailed);
        if thresholds.is_empty() && failed > 0 {
            reasons.push(format!("{failed} calls failed, and no threshold allows any"));
        }
        if tally.all.total(Metric::CallsStarted) == 0 {
            reasons.push("no call was made".to_owned());
        }
        if reasons.is_empty() { Self::Passed } else { Self::Failed { reasons } }
    }

    /// One word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::Invalid { .. } => "invalid",
            Self::Interrupted => "interrupted",
            Self::Unreachable { .. } => "unreachable",
        }
    }

    /// Why, for people; nothing to say about a pass.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Passed => Vec::new(),
            Self::Failed { reasons }
            | Self::Invalid { reasons }
            | Self::Unreachable { reasons } => reasons.clone(),
            Self::Interrupted => vec!["the operator ended the run before its time".to_owned()],
        }
    }
}

fn missed(thresholds: &[Judged]) -> Vec<String> {
    thresholds
        .iter()
        .filter(|judged| !judged.held)
        .map(|judged| {
            let actual = super::show::actual(judged);
            format!("{} does not hold: {actual}", judged.threshold)
        })
        .collect()
}
