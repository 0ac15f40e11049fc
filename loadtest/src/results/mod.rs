//! What a run came to, and every form in which it is told.
//!
//! [`RunReport`] is the whole of it: as JSON it holds every histogram, so that two reports can be
//! compared ([`compare`](fn@compare)) and a report can be rendered again in any other form at any time.

mod compare;
mod csv;
mod figures;
mod html;
mod junit;
pub(crate) mod show;
mod summary;
mod verdict;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use compare::{Comparison, compare};
pub use csv::csv;
pub use figures::{Figures, figures};
pub use html::html;
pub use junit::junit;
pub use summary::Summary;
pub use verdict::Verdict;

use crate::{
    measure::{Judged, Metric, Tally},
    plan::{PlanError, Run},
};

/// The form of the JSON. The number counts up when something is removed or changes its meaning;
/// what is added does not count.
pub const SCHEMA: &str = "vitrine-loadtest-run/1";

/// A run and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of this program.
    pub tool: String,
    /// The deployment.
    pub target: String,
    /// When the run began, in UTC as RFC 3339.
    pub began: String,
    /// How long it took.
    pub seconds: f64,
    /// What the operator wants to find it by.
    pub labels: BTreeMap<String, String>,
    /// What it came to.
    pub verdict: Verdict,
    /// What had to hold, and whether it did.
    pub thresholds: Vec<Judged>,
    /// The usual figures of every metric, for people and `jq`; all else is made of `tally`.
    pub figures: BTreeMap<Metric, Figures>,
    /// The effective scenario, as TOML.
    pub plan: Run,
    /// Everything that was measured.
    pub tally: Tally,
}

/// How a run came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By plan.
    Planned,
    /// A threshold was beyond hope and the scenario wants the run to end then.
    Aborted,
    /// The operator did not want any more.
    Interrupted,
    /// The deployment could not be reached, or would not have us.
    Unreachable(String),
}

/// Everything about a run that is not measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The deployment.
    pub target: String,
    /// When the run began, in UTC as RFC 3339.
    pub began: String,
    /// What the operator wants to find it by.
    pub labels: BTreeMap<String, String>,
}

impl RunReport {
    /// Judges a run of `plan` that took `seconds`.
    pub fn new(about: About, plan: Run, seconds: f64, ending: &Ending, tally: Tally) -> Self {
        let thresholds: Vec<Judged> =
            plan.thresholds.iter().map(|threshold| threshold.judge(&tally)).collect();
        Self {
            schema: SCHEMA.to_owned(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            target: about.target,
            began: about.began,
            seconds,
            labels: about.labels,
            verdict: Verdict::of(ending, &thresholds, &tally),
            thresholds,
            figures: figures(&tally.all),
            plan,
            tally,
        }
    }

    /// Reads a report from JSON.
    ///
    /// # Errors
    /// When it is no report, or one of another form.
    pub fn parse(json: &str) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct Form {
            schema: String,
        }
        let wrong = |error: serde_json::Error| PlanError::new("", format!("no report: {error}"));
        let Form { schema } = serde_json::from_str(json).map_err(wrong)?;
        if schema != SCHEMA {
            let reason = format!("a report of the form {schema:?}; this program reads {SCHEMA:?}");
            return Err(PlanError::new("", reason));
        }
        serde_json::from_str(json).map_err(wrong)
    }
}

#[cfg(test)]
mod tests;
