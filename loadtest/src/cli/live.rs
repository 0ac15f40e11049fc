//! A run while it goes on: a view that is drawn over and over on a terminal, or a line now and then
//! where there is none.

use std::{
    fmt::Write,
    io::IsTerminal,
    time::{Duration, Instant},
};

use super::output;
use crate::{
    measure::{Aggregate, Hist, Metric, Tally, Threshold, Unit, side_name},
    plan::{Load, Run},
    results::show::{bytes, clock, maybe, number, value},
};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Progress {
    /// `tty` on a terminal, else `plain`
    Auto,
    /// A view that is drawn over and over
    Tty,
    /// A line every ten seconds
    Plain,
    /// Nothing
    None,
}

/// Shows how a run goes.
pub(super) struct Live {
    progress: Progress,
    colour: bool,
    /// Lines of the view that are on the terminal.
    drawn: usize,
    last_line: Option<Instant>,
}

/// Time between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);
/// Columns of the progress bar.
const BAR: usize = 30;
/// Most reasons for failures in the view.
const REASONS: usize = 3;

impl Live {
    pub(super) fn new(progress: Progress) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let progress = match progress {
            Progress::Auto if terminal => Progress::Tty,
            Progress::Auto => Progress::Plain,
            asked => asked,
        };
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Self { progress, colour, drawn: 0, last_line: None }
    }

    /// Shows the run `at` this time since its begin.
    pub(super) fn show(&mut self, run: &Run, target: &str, at: Duration, tally: &Tally) {
        match self.progress {
            Progress::Tty | Progress::Auto => self.draw(&self.view(run, target, at, tally)),
            Progress::Plain => {
                if self.last_line.is_none_or(|last| last.elapsed() >= EVERY) {
                    self.last_line = Some(Instant::now());
                    output::note(&line(run, at, tally));
                }
            }
            Progress::None => {}
        }
    }

    /// Something to know meanwhile.
    pub(super) fn note(&mut self, text: &str) {
        if self.progress != Progress::None {
            self.clear();
            output::note(text);
        }
    }

    /// Takes the view away: the result comes in its place.
    pub(super) fn clear(&mut self) {
        if self.drawn > 0 {
            output::raw(&format!("\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    fn draw(&mut self, view: &str) {
        // In one write, so that nothing flickers: back to the top, each line and the rest of the
        // line before it, and what is left of a longer view.
        let mut out = String::with_capacity(view.len() + 128);
        if self.drawn > 0 {
            let _ = write!(out, "\x1b[{}A", self.drawn);
        }
        self.drawn = 0;
        for line in view.lines() {
            let _ = writeln!(out, "\r\x1b[K{line}");
            self.drawn += 1;
        }
        out.push_str("\x1b[J");
        output::raw(&out);
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn view(&self, run: &Run, target: &str, at: Duration, tally: &Tally) -> String {
        let mut out = String::new();
        let all = &tally.all;
        let length = run.duration();
        let share = (at.as_secs_f64() / length.as_secs_f64()).clamp(0.0, 1.0);
        let full = (share * BAR as f64).round() as usize;
        let bar = format!("{}{}", "━".repeat(full), self.paint("2", &"━".repeat(BAR - full)));
        let name = self.paint("1", run.name.as_str());
        let times = format!("{} of {}", clock(at.as_secs_f64()), clock(length.as_secs_f64()));
        let _ = writeln!(out, "{name}  {target}  {bar}  {times}\n");

        let wanted = run.load.target_at(at);
        let wanted = match run.load {
            Load::Calls(_) => format!("of {}", wanted.ceil()),
            Load::Rate(_) => format!("at {wanted:.1}/s"),
        };
        let failed = all.total(Metric::CallsFailed);
        let failed = format!("failed {}", number(failed));
        let failed = if failed == "failed 0" { failed } else { self.paint("31", &failed) };
        let _ = writeln!(
            out,
            "calls      {} open {wanted} · {} begun · {} completed · {failed}",
            number(tally.open()),
            number(all.total(Metric::CallsStarted)),
            number(all.total(Metric::CallsCompleted)),
        );
        for (word, metric) in [
            ("warm leg", Metric::Warm),
            ("connect", Metric::Connect),
            ("audio", Metric::AudioLatency),
            ("video", Metric::VideoLatency),
            ("recovery", Metric::Recovery),
            ("rejoin", Metric::Rejoin),
        ] {
            let hist = all.hist(metric);
            if hist.count() > 0 {
                let _ = writeln!(out, "{word:<10} {}{}", percentiles(&hist), extra(tally, metric));
            }
        }
        let _ = writeln!(out, "{}", machines(tally));
        self.thresholds(&mut out, run, tally);
        for reason in tally.errors.iter().take(REASONS) {
            let side = reason.side.map(|side| format!(" ({})", side_name(side)));
            let side = side.unwrap_or_default();
            let step = reason.step.doing();
            let text = format!("{} × {step}{side}: {}", reason.calls, reason.reason);
            let _ = writeln!(out, "{}", self.paint("31", &text));
        }
        out
    }

    fn thresholds(&self, out: &mut String, run: &Run, tally: &Tally) {
        let judged: Vec<_> =
            run.thresholds.iter().map(|one| Threshold::judge(one, tally)).collect();
        if judged.is_empty() {
            return;
        }
        let held = judged.iter().filter(|judged| judged.held).count();
        let _ = writeln!(out, "thresholds {held} of {} hold", judged.len());
        for judged in judged.iter().filter(|judged| judged.is_hopeless()) {
            let text = format!(
                "           {} is {}",
                judged.threshold,
                crate::results::show::actual(judged)
            );
            let _ = writeln!(out, "{}", self.paint("31", &text));
        }
    }
}

fn percentiles(hist: &Hist) -> String {
    let at = |percent| maybe(hist.percentile(percent), Unit::Seconds);
    format!("p50 {:>8}  p95 {:>8}  p99 {:>8}", at(50.0), at(95.0), at(99.0))
}

fn extra(tally: &Tally, metric: Metric) -> String {
    let rate = |metric| tally.all.figure(metric, Aggregate::Rate).unwrap_or(0.0);
    let share = |metric| value(rate(metric), Unit::Ratio);
    match metric {
        Metric::AudioLatency => format!("  loss {}", share(Metric::AudioLoss)),
        Metric::VideoLatency => {
            format!("  loss {}  frozen {}", share(Metric::VideoLoss), share(Metric::Frozen))
        }
        _ => String::new(),
    }
}

/// Generators and servers now: the last stretch that says anything.
fn machines(tally: &Tally) -> String {
    let points = &tally.series.points;
    let generator = points.values().rev().find(|point| point.generator_cpu > 0.0);
    let mut text = String::from("generator ");
    match generator {
        None => text.push_str(" –"),
        Some(point) => {
            let cpu = value(point.generator_cpu, Unit::Ratio);
            let lag = value(point.generator_lag.as_secs_f64(), Unit::Seconds);
            let _ = write!(text, " {cpu} of its cores, lag {lag}");
            if point.overloaded {
                text.push_str(", OVERLOADED");
            }
        }
    }
    for (source, server) in &tally.health.servers {
        let last = &server.last;
        let _ = write!(text, "\nserver     {source}: {} cores", maybe(last.cpu, Unit::Number));
        if let Some(memory) = last.memory {
            let _ = write!(text, ", {}", bytes(memory));
        }
        if let Some(calls) = last.calls {
            let _ = write!(text, ", {calls} calls");
        }
    }
    text
}

/// A run in one line.
fn line(run: &Run, at: Duration, tally: &Tally) -> String {
    let all = &tally.all;
    let p95 = |metric| maybe(all.figure(metric, Aggregate::Percentile(95.0)), Unit::Seconds);
    format!(
        "{} {} open={} begun={} completed={} failed={} connect_p95={} video_latency_p95={}",
        run.name,
        clock(at.as_secs_f64()),
        tally.open(),
        all.total(Metric::CallsStarted),
        all.total(Metric::CallsCompleted),
        all.total(Metric::CallsFailed),
        p95(Metric::Connect),
        p95(Metric::VideoLatency),
    )
    .replace(" ms", "ms")
    .replace(" s", "s")
}
