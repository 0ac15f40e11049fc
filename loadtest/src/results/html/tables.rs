//! The tables.

use std::collections::BTreeMap;

use super::{Text, section, table};
use crate::{
    measure::{Aggregate, Judged, Metric, Metrics, Unit, Value},
    plan::Label,
    results::{
        RunReport,
        show::{self, bytes, clock, maybe, number, value},
    },
};

/// What had to hold.
pub(super) fn thresholds(report: &RunReport) -> String {
    if report.thresholds.is_empty() {
        return section(
            "Thresholds",
            "The plan has none: the run passes if no call fails and no packet goes astray.",
            "",
        );
    }
    let rows: Vec<String> = report.thresholds.iter().map(threshold).collect();
    let held = report.thresholds.iter().filter(|judged| judged.held).count();
    let about = format!("{held} of {} hold.", report.thresholds.len());
    let head = ["", "must hold", "#measured", "of its bound", "#n"];
    section("Thresholds", &about, &table(&head, &rows))
}

fn threshold(judged: &Judged) -> String {
    let (class, sign, word) =
        if judged.held { ("ok", "✓", "holds") } else { ("bad", "✕", "does not hold") };
    let actual = match judged.actual {
        Some(actual) => value(actual, show::unit(judged)),
        None => "nothing measured".to_owned(),
    };
    let share = judged.actual.filter(|_| judged.threshold.value > 0.0);
    let meter = match share.map(|actual| actual / judged.threshold.value) {
        Some(share) => format!(
            "<div class=\"meter {class}\"><i style=\"width:{:.1}%\"></i></div><small>{:.0} %</small>",
            (share * 100.0).min(100.0),
            share * 100.0
        ),
        None => String::new(),
    };
    format!(
        "<tr class=\"{class}\"><td><span title=\"{word}\">{sign}</span></td><td><code>{}</code></td>\
         <td class=\"n\">{actual}</td><td class=\"gauge\">{meter}</td><td class=\"n\">{}</td></tr>\n",
        Text(&judged.threshold.to_string()),
        show::samples(judged)
    )
}

/// Every trend with its percentiles.
pub(super) fn trends(report: &RunReport) -> String {
    let rows: Vec<String> = Metric::ALL
        .iter()
        .filter_map(|metric| {
            let hist = report.tally.all.hist(*metric);
            if hist.count() == 0 {
                return None;
            }
            let cells: String = [50.0, 90.0, 95.0, 99.0, 99.9, 100.0]
                .iter()
                .map(|percent| {
                    format!("<td class=\"n\">{}</td>", maybe(hist.percentile(*percent), metric.unit()))
                })
                .collect();
            Some(format!(
                "<tr><th scope=\"row\" title=\"{}\">{metric}</th><td class=\"n\">{}</td>{cells}</tr>\n",
                Text(metric.about()),
                number(hist.count())
            ))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["metric", "#n", "#p50", "#p90", "#p95", "#p99", "#p99.9", "#max"];
    let about = "Percentiles of all values, from merged histograms; nothing is averaged.";
    section("Times", about, &table(&head, &rows))
}

/// Every share and count.
pub(super) fn shares(report: &RunReport) -> String {
    let all = &report.tally.all;
    let rows: Vec<String> = Metric::ALL
        .iter()
        .filter_map(|metric| {
            let (rate, numbers) = match all.value(*metric, None) {
                Value::Share { all: 0, .. } | Value::Trend(_) => return None,
                Value::Share { of, all } => {
                    let rate = value(of as f64 / all as f64, Unit::Ratio);
                    let numbers = if *metric == Metric::Frozen {
                        format!("{} of {}", clock(of as f64 / 1e6), clock(all as f64 / 1e6))
                    } else {
                        format!("{} of {}", number(of), number(all))
                    };
                    (rate, numbers)
                }
                Value::Count(count) => (String::new(), number(count)),
            };
            Some(format!(
                "<tr><th scope=\"row\">{metric}</th><td class=\"n\">{rate}</td>\
                 <td class=\"n\">{numbers}</td><td>{}</td></tr>\n",
                Text(metric.about())
            ))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    section("Shares and counts", "", &table(&["metric", "#share", "#number", ""], &rows))
}

/// Region by region, or node by node.
pub(super) fn groups(heading: &str, word: &str, groups: &BTreeMap<Label, Metrics>) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let rows: Vec<String> = groups.iter().map(|(label, metrics)| group(label, metrics)).collect();
    let head = [
        word,
        "#sides",
        "#Accept to picture p50",
        "#p95",
        "#p99",
        "#video delay p95",
        "#audio lost",
        "#video lost",
        "#frozen",
        "#calls failed",
        "#misplaced",
        "#recovery p95",
    ];
    section(
        heading,
        "By where the side was; a call is counted where its shopper was.",
        &table(&head, &rows),
    )
}

fn group(label: &Label, metrics: &Metrics) -> String {
    let connect = metrics.hist(Metric::Connect);
    let p95 = |metric| metrics.figure(metric, Aggregate::Percentile(95.0));
    let rate = |metric| maybe(metrics.figure(metric, Aggregate::Rate), Unit::Ratio);
    let seconds = |figure| maybe(figure, Unit::Seconds);
    let cells = [
        number(connect.count()),
        seconds(connect.percentile(50.0)),
        seconds(connect.percentile(95.0)),
        seconds(connect.percentile(99.0)),
        seconds(p95(Metric::VideoLatency)),
        rate(Metric::AudioLoss),
        rate(Metric::VideoLoss),
        rate(Metric::Frozen),
        rate(Metric::CallsFailed),
        rate(Metric::CallsMisplaced),
        seconds(p95(Metric::Recovery)),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td class=\"n\">{cell}</td>")).collect();
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", Text(label.as_str()))
}

/// What was done to the deployment.
pub(super) fn chaos(report: &RunReport) -> String {
    if report.tally.chaos.is_empty() {
        return String::new();
    }
    let rows: Vec<String> = report
        .tally
        .chaos
        .iter()
        .map(|ran| {
            let (class, outcome) = match &ran.error {
                None => ("ok", "done".to_owned()),
                Some(error) => ("bad", error.clone()),
            };
            let calls = ran.calls.map_or_else(|| "–".to_owned(), number);
            format!(
                "<tr class=\"{class}\"><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{calls}</td>\
                 <td>{}</td></tr>\n",
                clock(ran.at.as_secs_f64()),
                Text(&ran.step),
                Text(&outcome)
            )
        })
        .collect();
    section("Chaos steps", "", &table(&["#at", "step", "#calls", "outcome"], &rows))
}

/// Generators and servers.
pub(super) fn machines(report: &RunReport) -> String {
    let health = &report.tally.health;
    let all = &report.tally.all;
    let lag = all.figure(Metric::GeneratorLag, Aggregate::Percentile(99.0));
    let mut rows = vec![format!(
        "<tr><th scope=\"row\">generator</th><td>loadtest {}</td><td class=\"n\">{} of its cores</td>\
         <td class=\"n\">{}</td><td>waits for its turn p99 {}; {} of {} samples overloaded</td></tr>\n",
        Text(&report.tool),
        maybe(all.figure(Metric::GeneratorCpu, Aggregate::Max), Unit::Ratio),
        bytes(health.generator_memory),
        maybe(lag, Unit::Seconds),
        number(health.overloaded),
        number(health.samples)
    )];
    let memory = |figure: Option<u64>| figure.map_or_else(|| "–".to_owned(), bytes);
    let plain = |figure: Option<u64>| figure.map_or_else(|| "–".to_owned(), number);
    rows.extend(health.servers.iter().map(|(source, server)| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{} cores</td>\
             <td class=\"n\">{}</td><td>memory {} → {}; file descriptors {} → {} (at most {})</td></tr>\n",
            Text(source.as_str()),
            Text(server.version.as_deref().unwrap_or("unknown")),
            maybe(server.most_cpu, Unit::Number),
            memory(server.most_memory),
            memory(server.first.memory),
            memory(server.last.memory),
            plain(server.first.fds),
            plain(server.last.fds),
            plain(server.most_fds)
        )
    }));
    let head = ["", "version", "#processor, at most", "#memory, at most", ""];
    let about = if health.servers.is_empty() {
        "The deployment's own metrics were not read along; <code>--metrics</code> does that."
    } else {
        ""
    };
    section("Machines", about, &table(&head, &rows))
}

/// The effective plan.
pub(super) fn plan(report: &RunReport) -> String {
    let plan = report.plan.to_string();
    let body = format!(
        "<details><summary>Show the effective plan</summary><pre>{}</pre></details>",
        Text(&plan)
    );
    section("Plan", "The same file runs the same calls again: save it and run it.", &body)
}
