//! Line charts.

use std::fmt::Write;

use super::Text;
use crate::results::show::clock;

/// A chart of lines over time.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) about: &'a str,
    /// Where the columns begin, and the end of the last one: seconds, or whatever `x_label` shows.
    pub(super) x: Vec<f64>,
    pub(super) lines: Vec<Line<'a>>,
    /// Fills between the first line and the last.
    pub(super) band: bool,
    /// Points of time with a name.
    pub(super) marks: &'a [(f64, String)],
    /// Until when what is shown was not judged.
    pub(super) warm_up: f64,
    /// How a value is shown.
    pub(super) show: &'a dyn Fn(f64) -> String,
    /// How a place on the x axis is shown.
    pub(super) show_x: &'a dyn Fn(f64) -> String,
    /// Labels of the x axis, if not round times.
    pub(super) ticks: Option<Vec<f64>>,
}

/// A line of a chart.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// Its colour: `c1` to `c5` of the style sheet, and `dash` for what was planned.
    pub(super) class: &'a str,
    /// A value for each column, where there is one.
    pub(super) values: Vec<Option<f64>>,
}

/// The plot's own units; it is stretched to whatever there is.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 300.0;
/// Labels of the x axis: what fits on a phone.
const X_TICKS: usize = 5;

/// How times are shown.
pub(super) fn time(seconds: f64) -> String {
    clock(seconds)
}

/// The first round number that is not below `value`.
fn round_up(value: f64) -> f64 {
    // Of nothing but zeros: 1 % or 10 ms show how little that is.
    if value <= 0.0 {
        return 0.01;
    }
    let size = 10f64.powf(value.log10().floor());
    [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * size)
        .find(|round| *round >= value * 0.999_999)
        .unwrap_or(value)
}

impl Chart<'_> {
    /// The chart as a figure; nothing when there is nothing to show.
    pub(super) fn draw(&self) -> String {
        let values = || self.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        if self.x.is_empty() || values().next().is_none() {
            return String::new();
        }
        let top = round_up(values().fold(0.0, f64::max));
        let mut out = format!(
            "<figure class=\"chart\" data-chart=\"{}\">\n<figcaption><b>{}</b> {}</figcaption>\n",
            Text(&self.data()),
            Text(self.title),
            Text(self.about)
        );
        self.legend(&mut out);
        let _ = write!(out, "<div class=\"plot\"><div class=\"y\">");
        for part in [1.0, 0.5, 0.0] {
            let label = (self.show)(top * part);
            let _ = write!(out, "<span style=\"bottom:{}%\">{}</span>", part * 100.0, Text(&label));
        }
        out.push_str("</div><div class=\"area\">");
        self.plot(&mut out, top);
        self.notes(&mut out);
        out.push_str("<div class=\"cursor\" hidden></div></div><div class=\"x\">");
        for tick in self.x_ticks() {
            let left = self.x_share(tick) * 100.0;
            let label = (self.show_x)(tick);
            // At the edges labels stay inside.
            let class = match left {
                left if left < 2.0 => "first",
                left if left > 97.0 => "last",
                _ => "",
            };
            let _ = write!(
                out,
                "<span class=\"{class}\" style=\"left:{left:.2}%\">{}</span>",
                Text(&label)
            );
        }
        out.push_str("</div></div>\n<div class=\"tip\" hidden></div>\n</figure>\n");
        out
    }

    fn legend(&self, out: &mut String) {
        out.push_str("<ul class=\"legend\">");
        for line in &self.lines {
            let _ = write!(out, "<li class=\"{}\">{}</li>", line.class, Text(line.name));
        }
        out.push_str("</ul>\n");
    }

    fn span(&self) -> (f64, f64) {
        let first = self.x.first().copied().unwrap_or(0.0);
        let last = self.x.last().copied().unwrap_or(1.0);
        (first, if last > first { last } else { first + 1.0 })
    }

    fn x_share(&self, x: f64) -> f64 {
        let (first, last) = self.span();
        ((x - first) / (last - first)).clamp(0.0, 1.0)
    }

    fn x_ticks(&self) -> Vec<f64> {
        if let Some(ticks) = &self.ticks {
            return ticks.clone();
        }
        let (first, last) = self.span();
        let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];
        let wanted = (last - first) / X_TICKS as f64;
        let step = steps.into_iter().find(|step| *step >= wanted).unwrap_or(wanted.max(1.0));
        let mut ticks = Vec::new();
        let mut tick = (first / step).ceil() * step;
        while tick <= last {
            ticks.push(tick);
            tick += step;
        }
        ticks
    }

    fn plot(&self, out: &mut String, top: f64) {
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-label=\"{}\">",
            Text(&format!("{}: {}", self.title, self.words()))
        );
        if self.warm_up > 0.0 {
            let width = self.x_share(self.warm_up) * WIDTH;
            let _ = write!(out, "<rect class=\"warm\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>");
        }
        for part in [0.0, 0.5] {
            let y = part * HEIGHT;
            let _ = write!(out, "<path class=\"grid\" d=\"M0 {y}H{WIDTH}\"/>");
        }
        for (at, _) in self.marks {
            let x = self.x_share(*at) * WIDTH;
            let _ = write!(out, "<path class=\"mark\" d=\"M{x:.1} 0V{HEIGHT}\"/>");
        }
        if let (true, Some(low), Some(high)) = (self.band, self.lines.first(), self.lines.last()) {
            self.fill(out, low, high, top);
        }
        for line in &self.lines {
            let _ = write!(out, "<path class=\"line {}\" d=\"", line.class);
            let mut pen_down = false;
            for (x, value) in self.x.iter().zip(&line.values) {
                let Some(value) = value else {
                    pen_down = false;
                    continue;
                };
                let (x, y) = self.place(*x, *value, top);
                // A column by itself is a dot: a line of no length with a round end.
                let _ = if pen_down {
                    write!(out, "L{x:.1} {y:.1}")
                } else {
                    write!(out, "M{x:.1} {y:.1}h0")
                };
                pen_down = true;
            }
            out.push_str("\"/>");
        }
        out.push_str("</svg>");
    }

    fn place(&self, x: f64, value: f64, top: f64) -> (f64, f64) {
        (self.x_share(x) * WIDTH, HEIGHT - (value / top).clamp(0.0, 1.0) * HEIGHT)
    }

    /// Fills between two lines, stretch by stretch.
    fn fill(&self, out: &mut String, low: &Line<'_>, high: &Line<'_>, top: f64) {
        let points: Vec<Option<(f64, f64, f64)>> = self
            .x
            .iter()
            .zip(low.values.iter().zip(&high.values))
            .map(|(x, (low, high))| {
                let (x, low) = self.place(*x, (*low)?, top);
                Some((x, low, self.place(0.0, (*high)?, top).1))
            })
            .collect();
        for run in points.split(Option::is_none) {
            let run: Vec<_> = run.iter().flatten().collect();
            if run.len() < 2 {
                continue;
            }
            let _ = write!(out, "<path class=\"band {}\" d=\"M", low.class);
            for (x, low, _) in &run {
                let _ = write!(out, "{x:.1} {low:.1} ");
            }
            for (x, _, high) in run.iter().rev() {
                let _ = write!(out, "{x:.1} {high:.1} ");
            }
            out.push_str("Z\"/>");
        }
    }

    fn notes(&self, out: &mut String) {
        for (at, name) in self.marks {
            let left = self.x_share(*at) * 100.0;
            let side = if left > 70.0 { " before" } else { "" };
            let _ = write!(
                out,
                "<span class=\"note{side}\" style=\"left:{left:.2}%\">{}</span>",
                Text(name)
            );
        }
    }

    /// The chart for somebody who does not see it: the highest value of each line.
    fn words(&self) -> String {
        let lines = self.lines.iter().filter_map(|line| {
            let most = line.values.iter().flatten().copied().reduce(f64::max)?;
            Some(format!("{} at most {}", line.name, (self.show)(most)))
        });
        lines.collect::<Vec<_>>().join(", ")
    }

    /// What the script shows under the pointer: for each column its place (0 to 1), its name and a
    /// text for each line.
    fn data(&self) -> String {
        let rows: Vec<(f64, String, Vec<Option<String>>)> = self
            .x
            .iter()
            .enumerate()
            .filter(|(at, _)| self.lines.iter().any(|line| line.values.get(*at).is_some()))
            .map(|(at, x)| {
                let place = (self.x_share(*x) * 10_000.0).round() / 10_000.0;
                let texts = self.lines.iter().map(|line| {
                    line.values.get(at).copied().flatten().map(|value| (self.show)(value))
                });
                (place, (self.show_x)(*x), texts.collect())
            })
            .collect();
        serde_json::to_string(&rows).unwrap_or_default()
    }
}
