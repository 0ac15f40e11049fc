//! Whether one run is worse than another, and whether that can be said at all.
//!
//! Each figure is compared with the uncertainty that its number of values leaves: percentiles by
//! the order statistics around them (the ranks `n·p ± 1.96·√(n·p·(1−p))`, which need no assumption
//! about the distribution), shares by Wilson's interval. Worse means: beyond the tolerance, and the
//! two intervals do not touch. Beyond the tolerance with intervals that touch is *unclear*, and
//! says so; so do percentiles with too few values beyond them.

use std::fmt;

use super::{RunReport, Verdict, show};
use crate::{
    measure::{Hist, Metric, Unit, Value},
    plan::Share,
};

/// A comparison of two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What makes the runs differ in more than the deployment.
    pub warnings: Vec<String>,
    /// Figure by figure.
    pub rows: Vec<Row>,
    /// What is borne.
    pub tolerance: Share,
}

/// One figure of both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Of which metric.
    pub metric: Metric,
    /// Which figure: `p(95)`, `rate`.
    pub figure: &'static str,
    /// Of the run before.
    pub before: Estimate,
    /// Of the run after.
    pub after: Estimate,
    /// What can be said.
    pub finding: Finding,
}

/// A figure with what its number of values allows to say about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// With 95 % confidence not less.
    pub low: f64,
    /// With 95 % confidence not more.
    pub high: f64,
    /// From how many values.
    pub count: u64,
    /// Whether they are enough to say anything.
    pub enough: bool,
}

/// What can be said about a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Beyond the tolerance, and not by chance.
    Worse,
    /// As far in the other direction, and not by chance.
    Better,
    /// Beyond the tolerance, and it may be chance.
    Unclear,
    /// Too few values for this figure.
    TooFew,
    /// Within the tolerance.
    Same,
}

/// 97.5 % of a normal distribution are below this many deviations.
const Z: f64 = 1.96;
/// A percentile with fewer values than this beyond it is an anecdote.
const BEYOND: f64 = 10.0;
/// Packets of a stream share the fate of their neighbours: about ten seconds of one stream count
/// as one value.
const PACKETS_PER_VALUE: u64 = 500;
/// Differences below these are the clock's and the scheduler's, whatever they are in percent.
const LEAST_SECONDS: f64 = 0.001;
/// The same for shares: one of a thousand.
const LEAST_RATIO: f64 = 0.001;

/// What is compared: what people wait for, see and hear, and what fails. The generator's own
/// figures and those that depend on how long people talk are not.
const COMPARED: [Metric; 26] = [
    Metric::Socket,
    Metric::Welcome,
    Metric::LegAnswer,
    Metric::Ice,
    Metric::Dtls,
    Metric::Warm,
    Metric::Ring,
    Metric::CallStarted,
    Metric::FirstAudio,
    Metric::Connect,
    Metric::Setup,
    Metric::HangUp,
    Metric::AudioLatency,
    Metric::VideoLatency,
    Metric::Freeze,
    Metric::Recovery,
    Metric::Silence,
    Metric::Rejoin,
    Metric::CallLoss,
    Metric::CallFrozen,
    Metric::CallsFailed,
    Metric::CallsDropped,
    Metric::CallsMisplaced,
    Metric::NotRecovered,
    Metric::AudioLoss,
    Metric::VideoLoss,
];
const PERCENTILES: [(&str, f64); 3] = [("p(50)", 50.0), ("p(95)", 95.0), ("p(99)", 99.0)];

/// Compares a run with the one before it. `tolerance` is relative: 5 % of the figure before.
pub fn compare(before: &RunReport, after: &RunReport, tolerance: Share) -> Comparison {
    let mut rows = Vec::new();
    for metric in COMPARED {
        let values = [before, after].map(|report| report.tally.all.value(metric, None));
        match &values {
            [Value::Trend(one), Value::Trend(other)] => {
                for (figure, percent) in PERCENTILES {
                    let estimates = [one, other].map(|hist| percentile(hist, metric, percent));
                    rows.extend(row(metric, figure, estimates, tolerance));
                }
            }
            [Value::Share { of, all }, Value::Share { of: of2, all: all2 }] => {
                let estimates = [share(metric, *of, *all), share(metric, *of2, *all2)];
                rows.extend(row(metric, "rate", estimates, tolerance));
            }
            _ => {}
        }
    }
    Comparison { warnings: warnings(before, after), rows, tolerance }
}

fn row(
    metric: Metric,
    figure: &'static str,
    [before, after]: [Option<Estimate>; 2],
    tolerance: Share,
) -> Option<Row> {
    let (before, after) = (before?, after?);
    let least = if metric.unit() == Unit::Seconds { LEAST_SECONDS } else { LEAST_RATIO };
    let borne = (before.value * tolerance.get()).max(least);
    let difference = after.value - before.value;
    let finding = if !before.enough || !after.enough {
        Finding::TooFew
    } else if difference.abs() <= borne {
        Finding::Same
    } else if difference > 0.0 {
        if after.low > before.high { Finding::Worse } else { Finding::Unclear }
    } else if after.high < before.low {
        Finding::Better
    } else {
        Finding::Unclear
    };
    Some(Row { metric, figure, before, after, finding })
}

/// How many values there are that say something of their own.
fn independent(metric: Metric, count: u64) -> u64 {
    match metric {
        Metric::AudioLatency | Metric::VideoLatency | Metric::AudioLoss | Metric::VideoLoss => {
            count / PACKETS_PER_VALUE
        }
        _ => count,
    }
}

fn percentile(hist: &Hist, metric: Metric, percent: f64) -> Option<Estimate> {
    let value = hist.percentile(percent)?;
    let n = independent(metric, hist.count()) as f64;
    let p = percent / 100.0;
    let spread = Z * (n * p * (1.0 - p)).sqrt() / n.max(1.0);
    let at = |quantile: f64| hist.percentile(quantile.clamp(0.0, 1.0) * 100.0).unwrap_or(value);
    Some(Estimate {
        value,
        low: at(p - spread),
        high: at(p + spread),
        count: hist.count(),
        enough: n * (1.0 - p) >= BEYOND,
    })
}

/// Wilson's interval: unlike the usual one it is right for shares near nothing.
fn share(metric: Metric, of: u64, all: u64) -> Option<Estimate> {
    if all == 0 {
        return None;
    }
    let value = of as f64 / all as f64;
    let n = independent(metric, all).max(1) as f64;
    let middle = (value + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let spread = Z / (1.0 + Z * Z / n) * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(Estimate {
        value,
        low: (middle - spread).max(0.0),
        high: (middle + spread).min(1.0),
        count: all,
        enough: n >= BEYOND,
    })
}

fn warnings(before: &RunReport, after: &RunReport) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, report) in [("first", before), ("second", after)] {
        if matches!(report.verdict, Verdict::Invalid { .. } | Verdict::Interrupted) {
            let word = report.verdict.word();
            warnings.push(format!("the {name} run is {word}: its figures may be anything"));
        }
    }
    let plan = |report: &RunReport| {
        let mut plan = report.plan.clone();
        // What judges a run does not change it.
        (plan.thresholds, plan.about, plan.abort_on_fail) = Default::default();
        plan
    };
    if plan(before) != plan(after) {
        warnings.push("the runs followed different plans".to_owned());
    }
    if before.tool != after.tool {
        warnings.push(format!("made by loadtest {} and {}", before.tool, after.tool));
    }
    warnings
}

impl Comparison {
    /// Rows with a finding.
    pub fn count(&self, finding: Finding) -> usize {
        self.rows.iter().filter(|row| row.finding == finding).count()
    }

    /// Whether something is worse, and not by chance.
    pub fn is_worse(&self) -> bool {
        self.count(Finding::Worse) > 0
    }
}

impl Finding {
    fn word(self) -> &'static str {
        match self {
            Self::Worse => "WORSE",
            Self::Better => "better",
            Self::Unclear => "unclear",
            Self::TooFew => "too few",
            Self::Same => "",
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "note: {warning}")?;
        }
        writeln!(
            f,
            "{:<24}{:>6}{:>11}{:>11}{:>9}{:>13}{:>13}",
            "", "", "before", "after", "change", "n before", "n after"
        )?;
        for Row { metric, figure, before, after, finding } in &self.rows {
            let change = if before.value == after.value {
                "=".to_owned()
            } else if before.value == 0.0 {
                "new".to_owned()
            } else if after.value / before.value >= 10.0 {
                format!("× {:.0}", after.value / before.value)
            } else {
                format!("{:+.1} %", (after.value / before.value - 1.0) * 100.0)
            };
            writeln!(
                f,
                "{metric:<24}{figure:>6}{:>11}{:>11}{change:>9}{:>13}{:>13}  {}",
                show::value(before.value, metric.unit()),
                show::value(after.value, metric.unit()),
                show::number(before.count),
                show::number(after.count),
                finding.word()
            )?;
        }
        let tolerance = show::value(self.tolerance.get(), Unit::Ratio);
        let (worse, unclear) = (self.count(Finding::Worse), self.count(Finding::Unclear));
        write!(f, "\n{}", if worse > 0 { "WORSE" } else { "NOT WORSE" })?;
        write!(f, "  {worse} worse by more than {tolerance}, ")?;
        write!(f, "{} better, {unclear} unclear, ", self.count(Finding::Better))?;
        write!(f, "{} with too few values", self.count(Finding::TooFew))?;
        if unclear > 0 {
            write!(
                f,
                "\n  unclear: differs by more than the tolerance, and may be chance; run longer to know"
            )?;
        }
        Ok(())
    }
}
