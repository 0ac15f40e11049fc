//! The charts.

use super::{
    chart::{Chart, Line, time},
    columns::Column,
    section,
};
use crate::{
    measure::{Hist, Metric, ServerPoint, Unit},
    plan::Load,
    results::{
        RunReport,
        show::{bytes, number, value},
    },
};

/// Holds the last value where nothing new was said: servers are asked more seldom than a column is
/// long.
fn held(mut line: Line<'_>) -> Line<'_> {
    let last = line.values.iter().rposition(Option::is_some).unwrap_or(0);
    let mut before = None;
    for value in line.values.iter_mut().take(last) {
        before = value.or(before);
        *value = before;
    }
    line
}

fn line<'a>(
    name: &'a str,
    class: &'a str,
    columns: &[Column],
    value: impl Fn(&Column) -> Option<f64>,
) -> Line<'a> {
    Line { name, class, values: columns.iter().map(value).collect() }
}

/// The 50th, 95th and 99th percentile.
fn percentiles<'a>(columns: &[Column], hist: impl Fn(&Column) -> &Hist) -> Vec<Line<'a>> {
    [("p50", "c1", 50.0), ("p95", "c2", 95.0), ("p99", "c3", 99.0)]
        .into_iter()
        .map(|(name, class, percent)| {
            line(name, class, columns, |column| hist(column).percentile(percent))
        })
        .collect()
}

/// How the run went over time.
pub(super) fn charts(report: &RunReport, columns: &[Column]) -> String {
    let every = columns.first().map_or(1.0, |column| column.every);
    let x: Vec<f64> = columns.iter().map(|column| column.at).collect();
    let marks: Vec<(f64, String)> =
        report.tally.chaos.iter().map(|ran| (ran.at.as_secs_f64(), ran.step.clone())).collect();
    let warm_up = report.tally.warm_up.as_secs_f64();
    let draw = |title, about, lines, band, show: &dyn Fn(f64) -> String| {
        let chart = Chart {
            title,
            about,
            x: x.clone(),
            lines,
            band,
            marks: &marks,
            warm_up,
            show,
            show_x: &time,
            ticks: None,
        };
        chart.draw()
    };
    let seconds = |figure: f64| value(figure, Unit::Seconds);
    let ratio = |figure: f64| value(figure, Unit::Ratio);
    let count = |figure: f64| value((figure * 10.0).round() / 10.0, Unit::Number);
    let loss = vec![
        line("lost", "c3", columns, |column| column.point.loss()),
        line("frozen", "c2", columns, |column| column.point.frozen_share()),
    ];
    let body = [
        draw("Calls", calls_about(report), calls(report, columns), false, &count),
        draw(
            "Accept to picture",
            "of both sides, by when the picture came",
            percentiles(columns, |column| &column.point.connect),
            true,
            &seconds,
        ),
        draw(
            "Video delay",
            "sender to receiver, every packet",
            percentiles(columns, |column| &column.point.video_latency),
            true,
            &seconds,
        ),
        draw(
            "Audio delay",
            "sender to receiver, every packet",
            percentiles(columns, |column| &column.point.audio_latency),
            true,
            &seconds,
        ),
        draw("Loss and freezes", "share of packets, share of time", loss, false, &ratio),
        draw("Media received", "payload of all callers", bitrate(columns), false, &|bits| {
            if bits >= 1e6 {
                format!("{:.1} Mbit/s", bits / 1e6)
            } else {
                format!("{:.0} kbit/s", bits / 1e3)
            }
        }),
        draw(
            "Processors",
            "share of the generator's cores; cores of the server",
            cpu(columns),
            false,
            &|figure| format!("{figure:.2}"),
        ),
        draw("Server's memory", "resident", memory(columns), false, &|figure| bytes(figure as u64)),
        draw("Server's file descriptors", "open", fds(columns), false, &|figure| {
            number(figure as u64)
        }),
    ]
    .concat();
    let about = format!(
        "A column is {every} s. {}",
        if warm_up > 0.0 {
            "What is grey at the left is warm-up: its times are not judged."
        } else {
            ""
        }
    );
    section("Over time", &about, &format!("<div class=\"charts\">\n{body}</div>"))
}

fn calls_about(report: &RunReport) -> &'static str {
    match report.plan.load {
        Load::Calls(_) => "open at the end of each column",
        Load::Rate(_) => "open at the end of each column, begun each second",
    }
}

fn calls<'a>(report: &RunReport, columns: &[Column]) -> Vec<Line<'a>> {
    let load = &report.plan.load;
    let length = load.duration().as_secs_f64();
    let planned = |column: &Column| {
        let middle = column.at + column.every / 2.0;
        (middle < length).then(|| load.target_at(std::time::Duration::from_secs_f64(middle)))
    };
    let mut lines = vec![line("open", "c1", columns, |column| Some(column.open as f64))];
    match load {
        Load::Calls(_) => lines.insert(0, line("planned", "c4 dash", columns, planned)),
        Load::Rate(_) => {
            lines.push(line("planned a second", "c4 dash", columns, planned));
            lines.push(line("begun a second", "c2", columns, |column| {
                Some(column.point.started as f64 / column.every)
            }));
        }
    }
    if columns.iter().any(|column| column.point.failed > 0) {
        lines.push(line("failed", "c3", columns, |column| Some(column.point.failed as f64)));
    }
    lines
}

fn bitrate<'a>(columns: &[Column]) -> Vec<Line<'a>> {
    vec![line("received", "c1", columns, |column| {
        Some(column.point.bytes as f64 * 8.0 / column.every)
    })]
}

/// The sum over all servers of what they say; none when none says it.
fn servers(column: &Column, field: impl Fn(&ServerPoint) -> Option<f64>) -> Option<f64> {
    let values = column.point.servers.values().filter_map(field);
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn cpu<'a>(columns: &[Column]) -> Vec<Line<'a>> {
    let mut lines = vec![line("generator", "c4", columns, |column| {
        (column.point.generator_cpu > 0.0).then_some(column.point.generator_cpu)
    })];
    let server = held(line("server", "c1", columns, |column| servers(column, |server| server.cpu)));
    if server.values.iter().any(Option::is_some) {
        lines.push(server);
    }
    lines
}

fn memory<'a>(columns: &[Column]) -> Vec<Line<'a>> {
    vec![held(line("resident", "c1", columns, |column| {
        servers(column, |server| server.memory.map(|bytes| bytes as f64))
    }))]
}

fn fds<'a>(columns: &[Column]) -> Vec<Line<'a>> {
    vec![held(line("open", "c1", columns, |column| {
        servers(column, |server| server.fds.map(|fds| fds as f64))
    }))]
}

/// Percentiles on the x axis, so that each next nine has the same width.
const NINES: [f64; 5] = [0.0, 90.0, 99.0, 99.9, 99.99];

/// Times by percentile: where the tail begins, and how long it is.
pub(super) fn distributions(report: &RunReport) -> String {
    let all = &report.tally.all;
    let charts: String = [
        ("Accept to picture", Metric::Connect),
        ("Set-up", Metric::Setup),
        ("Video delay", Metric::VideoLatency),
        ("Audio delay", Metric::AudioLatency),
    ]
    .into_iter()
    .map(|(title, metric)| distribution(title, metric, &all.hist(metric)))
    .collect();
    if charts.is_empty() {
        return String::new();
    }
    let about = "Each step to the right is one nine more: 90 %, 99 %, 99.9 %. A curve ends where \
                 fewer than one value is beyond it.";
    section("Distributions", about, &format!("<div class=\"charts\">\n{charts}</div>"))
}

fn distribution(title: &str, metric: Metric, hist: &Hist) -> String {
    /// Points of the curve for each nine.
    const EACH: u32 = 12;
    if hist.count() == 0 {
        return String::new();
    }
    let last = (hist.count() as f64).log10().min((NINES.len() - 1) as f64).max(1.0);
    let steps = (last * f64::from(EACH)).floor() as u32;
    let x: Vec<f64> = (0..=steps).map(|step| f64::from(step) / f64::from(EACH)).collect();
    let percent = |nines: f64| 100.0 * (1.0 - 10f64.powf(-nines));
    let values = x.iter().map(|nines| hist.percentile(percent(*nines))).collect();
    let ticks = (0..NINES.len()).map(|nine| nine as f64).filter(|nine| *nine <= last).collect();
    let show_x = |nines: f64| {
        let nine = NINES.get(nines.round() as usize).filter(|_| nines.fract() == 0.0);
        match nine {
            Some(percent) => format!("{percent} %"),
            None => format!("{:.3} %", percent(nines)),
        }
    };
    let about = format!("n = {}", number(hist.count()));
    let chart = Chart {
        title,
        about: &about,
        x,
        lines: vec![Line { name: "not above", class: "c1", values }],
        band: false,
        marks: &[],
        warm_up: 0.0,
        show: &|figure| value(figure, metric.unit()),
        show_x: &show_x,
        ticks: Some(ticks),
    };
    chart.draw()
}
