//! Single calls: why some failed, and where the slowest spent their time.

use std::{fmt::Write, time::Duration};

use signaling_wire::browser::{Role, Stage};

use super::{Text, section, table};
use crate::{
    measure::{Unit, setup, side_name},
    observe::{CallEnded, CallResult, SideEnded},
    results::{
        RunReport,
        show::{clock, number, value},
    },
};

/// What a stretch of time was spent on: the stage at its end, in words, and its colour.
fn stage(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::PageReady | Stage::Socket => ("socket", "s1"),
        Stage::Welcome => ("welcome", "s2"),
        Stage::LegOffer => ("offer", "s3"),
        Stage::LegAnswer => ("answer", "s4"),
        Stage::Ice => ("ICE", "s5"),
        Stage::Dtls => ("DTLS", "s6"),
        Stage::Join => ("until Join", "s7"),
        Stage::Ring => ("until the ring", "s8"),
        Stage::Accept => ("until Accept", "s7"),
        Stage::CallStarted => ("call started", "s9"),
        Stage::TracksAttached => ("tracks", "s9"),
        Stage::FirstAudio => ("first sound", "s10"),
        Stage::FirstFrame => ("first picture", "s11"),
    }
}

/// What the colours mean, in the order of a call.
const LEGEND: [(&str, &str); 12] = [
    ("late start", "s0"),
    ("socket", "s1"),
    ("welcome", "s2"),
    ("offer", "s3"),
    ("answer", "s4"),
    ("ICE", "s5"),
    ("DTLS", "s6"),
    ("waiting for the other side", "s7"),
    ("ring", "s8"),
    ("call started", "s9"),
    ("first sound", "s10"),
    ("first picture", "s11"),
];

/// Why calls failed.
pub(super) fn reasons(report: &RunReport) -> String {
    let rows: Vec<String> = report
        .tally
        .errors
        .iter()
        .map(|reason| {
            format!(
                "<tr><td class=\"n\">{}</td><td>{}</td><td>{}</td><td>{}</td>\
                 <td class=\"n\">{}</td></tr>\n",
                number(reason.calls),
                reason.step.doing(),
                reason.side.map_or("both", side_name),
                Text(&reason.reason),
                reason.example.0
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["#calls", "while", "side", "reason", "#for example call"];
    section("Why calls failed", "", &table(&head, &rows))
}

/// The slowest calls, stage by stage.
pub(super) fn slowest(report: &RunReport) -> String {
    let calls = &report.tally.notable.slowest;
    if calls.is_empty() {
        return String::new();
    }
    let about = "From when each call should have begun until both sides see each other. All have \
                 the same scale; hold the pointer over a part for its time.";
    section("The slowest calls", about, &timelines(calls))
}

/// The first calls that failed, as far as they came.
pub(super) fn failed(report: &RunReport) -> String {
    let calls = &report.tally.notable.failed;
    if calls.is_empty() {
        return String::new();
    }
    let about = "As far as they came. The first of them, at most 20.";
    section("Calls that failed", about, &timelines(calls))
}

fn timelines(calls: &[CallEnded]) -> String {
    let longest = calls.iter().map(length).max().unwrap_or_default().max(Duration::from_millis(1));
    let mut out = String::from("<ul class=\"legend stages\">");
    for (name, class) in LEGEND {
        let _ = write!(out, "<li class=\"{class}\">{name}</li>");
    }
    out.push_str("</ul>\n<ol class=\"calls\">\n");
    for call in calls {
        let id = call.id.map(|id| id.to_string()).unwrap_or_default();
        let time = match setup(call) {
            Some(setup) => value(setup.as_secs_f64(), Unit::Seconds),
            None => "not set up".to_owned(),
        };
        let _ = write!(
            out,
            "<li><div class=\"call\"><b>{time}</b><span>call {} at {}</span><code>{id}</code>{}</div>",
            call.call.0,
            clock(call.scheduled.as_secs_f64()),
            result(call)
        );
        for role in [Role::Shopper, Role::Agent] {
            side(&mut out, call, role, longest);
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ol>");
    out
}

fn result(call: &CallEnded) -> String {
    match &call.result {
        CallResult::Failed(failure) => {
            format!("<em class=\"bad\">{}</em>", Text(&failure.to_string()))
        }
        CallResult::Completed | CallResult::Stopped => String::new(),
    }
}

/// Until the last stage that either side reached.
fn length(call: &CallEnded) -> Duration {
    let marks = call.shopper.marks.iter().chain(&call.agent.marks);
    marks.map(|(_, at)| at.saturating_sub(call.scheduled)).max().unwrap_or_default()
}

fn place(side: &SideEnded) -> String {
    let words = [&side.place.region, &side.place.node];
    let words: Vec<&str> = words.into_iter().flatten().map(|label| label.as_str()).collect();
    words.join(" · ")
}

fn side(out: &mut String, call: &CallEnded, role: Role, longest: Duration) {
    let ended = call.side(role);
    let mut marks = ended.marks.clone();
    marks.sort_by_key(|(_, at)| *at);
    let _ = write!(
        out,
        "<div class=\"side\"><span title=\"{0}\">{1} <small>{0}</small></span><div class=\"bar\">",
        Text(&place(ended)),
        side_name(role)
    );
    let mut before = call.scheduled;
    let late = call.started.saturating_sub(call.scheduled);
    segment(out, ("late start", "s0"), late, longest);
    before += late;
    for (reached, at) in marks {
        segment(out, stage(reached), at.saturating_sub(before), longest);
        before = before.max(at);
    }
    out.push_str("</div></div>");
}

fn segment(out: &mut String, (name, class): (&str, &str), time: Duration, longest: Duration) {
    let share = time.as_secs_f64() / longest.as_secs_f64() * 100.0;
    // Thinner than any screen shows.
    if share < 0.02 {
        return;
    }
    let text = value(time.as_secs_f64(), Unit::Seconds);
    let _ = write!(
        out,
        "<i class=\"{class}\" style=\"width:{share:.2}%\" title=\"{name}: {text}\"></i>"
    );
}
