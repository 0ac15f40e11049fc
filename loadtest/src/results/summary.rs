//! What a run came to, on a terminal.

use std::fmt;

use super::{RunReport, show};
use crate::measure::{Metric, Metrics, Unit, Value};

/// The end of a run in a few lines.
pub struct Summary<'a>(pub &'a RunReport);

/// What is shown of trends, in the order of a call's life.
const TRENDS: [Metric; 12] = [
    Metric::Warm,
    Metric::Ring,
    Metric::Connect,
    Metric::Setup,
    Metric::AudioLatency,
    Metric::VideoLatency,
    Metric::Freeze,
    Metric::Recovery,
    Metric::Silence,
    Metric::Rejoin,
    Metric::HangUp,
    Metric::StartDelay,
];
/// What is shown of shares.
const SHARES: [Metric; 9] = [
    Metric::CallsFailed,
    Metric::CallsDropped,
    Metric::CallsMisplaced,
    Metric::NotRecovered,
    Metric::AudioLoss,
    Metric::VideoLoss,
    Metric::Frozen,
    Metric::LateStarts,
    Metric::DroppedStarts,
];
/// Most reasons for failures.
const REASONS: usize = 5;

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(f)?;
        trends(f, &report.tally.all)?;
        writeln!(f)?;
        shares(f, &report.tally.all)?;
        reasons(f, report)?;
        servers(f, report)?;
        if !report.thresholds.is_empty() {
            writeln!(f)?;
        }
        for judged in &report.thresholds {
            let mark = if judged.held { "ok  " } else { "MISS" };
            writeln!(f, "{mark}  {:<50} {}", judged.threshold.to_string(), show::actual(judged))?;
        }
        let word = report.verdict.word().to_uppercase();
        let started = show::number(report.tally.all.total(Metric::CallsStarted));
        let length = show::clock(report.seconds);
        write!(f, "\n{word}  {} · {started} calls in {length}", report.plan.name)?;
        for reason in report.verdict.reasons() {
            write!(f, "\n  {reason}")?;
        }
        Ok(())
    }
}

fn trends(f: &mut fmt::Formatter<'_>, metrics: &Metrics) -> fmt::Result {
    writeln!(f, "{:<24}{:>12}{:>11}{:>11}{:>11}{:>11}", "", "n", "p50", "p95", "p99", "max")?;
    for metric in TRENDS {
        let hist = metrics.hist(metric);
        if hist.count() == 0 {
            continue;
        }
        write!(f, "{metric:<24}{:>12}", show::number(hist.count()))?;
        for percent in [50.0, 95.0, 99.0, 100.0] {
            write!(f, "{:>11}", show::maybe(hist.percentile(percent), metric.unit()))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn shares(f: &mut fmt::Formatter<'_>, metrics: &Metrics) -> fmt::Result {
    for metric in SHARES {
        let Value::Share { of, all } = metrics.value(metric, None) else { continue };
        if all == 0 {
            continue;
        }
        let rate = show::value(of as f64 / all as f64, Unit::Ratio);
        let numbers = match metric {
            Metric::Frozen => String::new(),
            _ => format!("{} of {}", show::number(of), show::number(all)),
        };
        writeln!(f, "{metric:<24}{rate:>12}  {numbers}")?;
    }
    Ok(())
}

fn reasons(f: &mut fmt::Formatter<'_>, report: &RunReport) -> fmt::Result {
    for (place, reason) in report.tally.errors.iter().take(REASONS).enumerate() {
        let head = if place == 0 { "\nwhy calls failed\n" } else { "" };
        let side = reason.side.map(|side| format!(" ({})", crate::measure::side_name(side)));
        writeln!(
            f,
            "{head}{:>8} × {}{}: {}",
            reason.calls,
            reason.step.doing(),
            side.unwrap_or_default(),
            reason.reason
        )?;
    }
    Ok(())
}

fn servers(f: &mut fmt::Formatter<'_>, report: &RunReport) -> fmt::Result {
    for (source, server) in &report.tally.health.servers {
        let version = server.version.as_deref().unwrap_or("unknown");
        let memory = |bytes: Option<u64>| bytes.map_or_else(|| "–".to_owned(), show::bytes);
        let fds = |fds: Option<u64>| fds.map_or_else(|| "–".to_owned(), |fds| fds.to_string());
        writeln!(
            f,
            "\nserver {source}: version {version}, at most {} cores, memory {} → {} (at most {}), \
             file descriptors {} → {}",
            show::maybe(server.most_cpu, Unit::Number),
            memory(server.first.memory),
            memory(server.last.memory),
            memory(server.most_memory),
            fds(server.first.fds),
            fds(server.last.fds),
        )?;
    }
    Ok(())
}
