//! A call's report for people.

use std::fmt;

use signaling_wire::browser::{Role, Stage};

use super::{CallReport, Heard, SideReport, StreamReport};

/// Writes a report as a table of plain text, 80 columns wide.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a>(pub &'a CallReport);

/// The stages that are shown, in the order of a call, with their names.
const STAGES: [(Stage, &str); 11] = [
    (Stage::Socket, "socket open"),
    (Stage::LegOffer, "leg offered"),
    (Stage::Welcome, "welcome"),
    (Stage::LegAnswer, "leg answered"),
    (Stage::Ice, "ICE connected"),
    (Stage::Dtls, "DTLS connected (leg is warm)"),
    (Stage::Join, "joined the queue"),
    (Stage::Ring, "ring"),
    (Stage::Accept, "accepted"),
    (Stage::CallStarted, "call started"),
    (Stage::FirstAudio, "first audio packet"),
];

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(f, "{:<32}{:>14}{:>14}", "Stage (ms from the start)", "shopper", "agent")?;
        for (stage, name) in STAGES {
            row(f, name, report, |side| side.at_ms(stage))?;
        }
        row(f, "first complete key frame", report, |side| side.at_ms(Stage::FirstFrame))?;
        let accept = report.agent.at_ms(Stage::Accept);
        row(f, "accept to first picture", report, |side| {
            Some(side.at_ms(Stage::FirstFrame)? - accept?)
        })?;
        streams(f, report)?;
        writeln!(f)?;
        match (&report.failure, report.call) {
            (Some(failure), Some(call)) => write!(f, "FAILED  {call}: {failure}"),
            (Some(failure), None) => write!(f, "FAILED  {failure}"),
            (None, Some(call)) => write!(f, "PASSED  {call} in {:.1} s", report.seconds),
            (None, None) => write!(f, "PASSED  in {:.1} s", report.seconds),
        }
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    report: &CallReport,
    read: impl Fn(&SideReport) -> Option<f64>,
) -> fmt::Result {
    let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1}"));
    let (shopper, agent) = (cell(read(&report.shopper)), cell(read(&report.agent)));
    writeln!(f, "{name:<32}{shopper:>14}{agent:>14}")
}

fn streams(f: &mut fmt::Formatter<'_>, report: &CallReport) -> fmt::Result {
    let heard: Vec<(Role, &Heard)> = [Role::Shopper, Role::Agent]
        .into_iter()
        .filter_map(|role| Some((role, report.side(role).heard.as_ref()?)))
        .collect();
    if heard.is_empty() {
        return Ok(());
    }
    writeln!(f)?;
    writeln!(
        f,
        "{:<15}{:>7}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}",
        "Received by",
        "sent",
        "missed",
        "arrived",
        "loss %",
        "kbit/s",
        "p50 ms",
        "p95 ms",
        "max ms"
    )?;
    for (role, heard) in heard {
        let name = match role {
            Role::Shopper => "shopper",
            Role::Agent => "agent",
        };
        for (kind, stream) in [("audio", &heard.audio), ("video", &heard.video)] {
            stream_row(f, &format!("{name}, {kind}"), stream)?;
        }
    }
    Ok(())
}

fn stream_row(f: &mut fmt::Formatter<'_>, name: &str, stream: &StreamReport) -> fmt::Result {
    writeln!(
        f,
        "{name:<15}{:>7}{:>8}{:>8}{:>8.2}{:>8.0}{:>8.1}{:>8.1}{:>8.1}",
        stream.sent,
        stream.missed_at_start,
        stream.received,
        stream.loss * 100.0,
        stream.kbps,
        stream.latency.p50_ms,
        stream.latency.p95_ms,
        stream.latency.max_ms
    )
}
