//! The table in `docs/congestion/simulated.md`.

use std::fmt::Write;

use super::{CaseResult, Figures};
use crate::case::{Bound, Figure, Goal, Way};

const PREFACE: &str = include_str!("preface.md");
const HELD_OUT: &str = include_str!("held_out.md");

/// Writes the page.
pub fn write(results: &[CaseResult], held_out: &[CaseResult]) -> String {
    let mut page = String::from(PREFACE);
    for (way, title) in [
        (Way::Down, "The viewer's line is narrow (downlink)"),
        (Way::Up, "The publisher's line is narrow (uplink)"),
    ] {
        let results: Vec<_> = results.iter().filter(|result| result.case.way == way).collect();
        if !results.is_empty() {
            section(&mut page, title, &results);
        }
    }
    if !held_out.is_empty() {
        page.push_str(HELD_OUT);
        for (tuned, held_out) in results.iter().zip(held_out) {
            hold_out_rows(&mut page, tuned, held_out);
        }
    }
    page
}

/// One line for each goal: what the seeds of the table show, and what the others do.
fn hold_out_rows(page: &mut String, tuned: &CaseResult, held_out: &CaseResult) {
    for goal in &tuned.case.goals {
        let get = |figures: &Figures| figures.get(goal.figure);
        let (before, after) = (middle(tuned, &get), middle(held_out, &get));
        let worse = match goal.bound {
            Bound::AtLeast(_) => "lowest",
            Bound::AtMost(_) => "highest",
        };
        let id = tuned.case.id();
        let (name, bound) = (goal.figure.name(), bound(goal));
        let (met, worst) = (met(held_out, goal), worst(held_out, goal));
        let all = held_out.figures.len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| {id} | {name} {bound} | {} | {} | {met}/{all}, {worse} {} |",
            shown(goal.figure, before),
            shown(goal.figure, after),
            shown(goal.figure, worst),
        );
    }
}

fn section(page: &mut String, title: &str, results: &[&CaseResult]) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "\n## {title}\n");
    page.push_str(
        "| case | util. % | media kbit/s | queue p50/p95 ms | loss queue/link % | freeze % | frame/shown p95 ms \
         | fps | concealed % | down/drain s | up s | Jain | least share |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for result in results {
        let _ = writeln!(page, "{}", row(result));
    }
    page.push_str(
        "\n| case | | goals met by so many of the seeds (worst figure) |\n|---|---|---|\n",
    );
    for result in results {
        let goals: Vec<String> =
            result.case.goals.iter().map(|goal| verdict(result, goal)).collect();
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            result.case.name,
            result.case.title,
            goals.join("; ")
        );
    }
}

fn row(result: &CaseResult) -> String {
    let middle = |get: &dyn Fn(&Figures) -> f64| middle(result, get);
    let maybe = |get: &dyn Fn(&Figures) -> Option<f64>| {
        let known = result.figures.iter().all(|figures| get(figures).is_some());
        known.then(|| middle(&|figures| get(figures).unwrap_or(0.0)))
    };
    let secs = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| number(value, 1));
    let share = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| number(value, 2));
    format!(
        "| {} | {} | {} | {} / {} | {} / {} | {} | {} / {} | {} | {} | {} / {} | {} | {} | {} |",
        result.case.name,
        number(middle(&|f| f.utilisation) * 100.0, 0),
        number(middle(&|f| f.media) / 1e3, 0),
        number(middle(&|f| f.queue_p50) * 1e3, 0),
        number(middle(&|f| f.queue_p95) * 1e3, 0),
        number(middle(&|f| f.congestion_loss) * 100.0, 1),
        number(middle(&|f| f.link_loss) * 100.0, 1),
        number(middle(&|f| f.freeze) * 100.0, 1),
        number(middle(&|f| f.frame_p95) * 1e3, 0),
        number(middle(&|f| f.shown_p95) * 1e3, 0),
        number(middle(&|f| f.fps), 0),
        number(middle(&|f| f.concealed) * 100.0, 1),
        secs(maybe(&|f| f.down)),
        secs(maybe(&|f| f.drain)),
        secs(maybe(&|f| f.up)),
        share(maybe(&|f| f.jain)),
        share(maybe(&|f| f.share)),
    )
}

/// The median; of an even number of runs the upper one of two.
fn middle(result: &CaseResult, get: &dyn Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = result.figures.iter().map(get).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn number(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "never".into() }
}

fn verdict(result: &CaseResult, goal: &Goal) -> String {
    let (met, all) = (met(result, goal), result.figures.len());
    let worst = shown(goal.figure, worst(result, goal));
    let text = format!("{} {}: {met}/{all} ({worst})", goal.figure.name(), bound(goal));
    if met == all { text } else { format!("**{text}**") }
}

fn met(result: &CaseResult, goal: &Goal) -> usize {
    result.figures.iter().filter(|figures| goal.is_met(figures.get(goal.figure))).count()
}

fn worst(result: &CaseResult, goal: &Goal) -> f64 {
    let values = result.figures.iter().map(|figures| figures.get(goal.figure));
    match goal.bound {
        Bound::AtLeast(_) => values.fold(f64::INFINITY, f64::min),
        Bound::AtMost(_) => values.fold(f64::NEG_INFINITY, f64::max),
    }
}

fn bound(goal: &Goal) -> String {
    let (sign, bound) = match goal.bound {
        Bound::AtLeast(bound) => ("≥", bound),
        Bound::AtMost(bound) => ("≤", bound),
    };
    format!("{sign} {}", shown(goal.figure, bound))
}

fn shown(figure: Figure, value: f64) -> String {
    if !value.is_finite() {
        return "never".into();
    }
    match figure {
        Figure::Utilisation => format!("{:.0} %", value * 100.0),
        Figure::CongestionLoss | Figure::Freeze | Figure::Concealed => {
            format!("{:.1} %", value * 100.0)
        }
        Figure::QueueP95 => format!("{:.0} ms", value * 1e3),
        Figure::Down | Figure::Drain | Figure::Up | Figure::Picture => format!("{value:.1} s"),
        Figure::Jain | Figure::Share => format!("{value:.2}"),
    }
}
