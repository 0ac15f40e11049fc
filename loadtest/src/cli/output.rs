//! Everything the program prints, and the files it writes.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is this module's purpose")]

use std::{io::Write, path::PathBuf, str::FromStr};

use tracing_subscriber::EnvFilter;

use super::scenario;
use crate::{
    measure::{Kind, Metric},
    report::{CallReport, Table},
    results::{self, RunReport, Summary},
};

/// How a report of one call is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs: one line.
    Json,
}

/// The form of a report of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Junit,
    Html,
}

/// A file that a report is to be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Out {
    form: Form,
    path: PathBuf,
}

impl FromStr for Out {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = "json=FILE, html=FILE, csv=FILE or junit=FILE is wanted";
        let (form, path) = text.split_once('=').ok_or(wanted)?;
        let form = match form {
            "json" => Form::Json,
            "csv" => Form::Csv,
            "junit" => Form::Junit,
            "html" => Form::Html,
            _ => return Err(wanted.to_owned()),
        };
        let path = PathBuf::from(path);
        // Known before an hour of calls, not after it.
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
                Err(format!("there is no folder {}", folder.display()))
            }
            _ if path.as_os_str().is_empty() || path.is_dir() => Err(wanted.to_owned()),
            _ => Ok(Self { form, path }),
        }
    }
}

impl Out {
    /// Writes the report.
    pub(super) fn write(&self, report: &RunReport) -> Result<(), String> {
        let text = match self.form {
            Form::Json => serde_json::to_string(report)
                .map_err(|error| format!("the report cannot be written as JSON: {error}"))?,
            Form::Csv => results::csv(report),
            Form::Junit => results::junit(report),
            Form::Html => results::html(report),
        };
        std::fs::write(&self.path, text)
            .map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }
}

/// The result of one call, on standard output.
pub(super) fn report(report: &CallReport, format: Format) {
    match format {
        Format::Table => put(&format!("{}\n", Table(report))),
        Format::Json => match serde_json::to_string(report) {
            Ok(json) => put(&format!("{json}\n")),
            Err(error) => eprintln!("error: the report cannot be written as JSON: {error}"),
        },
    }
}

/// The result of a run, on standard output.
pub(super) fn summary(report: &RunReport) {
    put(&format!("{}\n", Summary(report)));
}

/// A text, on standard output.
pub(super) fn text(text: &str) {
    put(text);
}

/// The catalogue of metrics.
pub(super) fn metrics() {
    for metric in Metric::ALL {
        let figures = match metric.kind() {
            Kind::Trend => "p(…) med avg min max count",
            Kind::Share => "rate count",
            Kind::Count => "count",
        };
        put(&format!("{metric:<28} {figures:<27} {}\n", metric.about()));
    }
}

/// The scenarios that come with the program.
pub(super) fn scenarios() {
    for (name, about) in scenario::all_built_in() {
        put(&format!("{name:<10} {about}\n"));
    }
}

/// To standard output. Who reads no further, as `head` does, has read enough.
fn put(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Something to know while a run goes on, on standard error.
pub(super) fn note(text: &str) {
    eprintln!("{text}");
}

/// What went wrong, on standard error.
pub(super) fn error(reason: &str) {
    eprintln!("error: {reason}");
}

/// Text as it is, on standard error: the live view.
pub(super) fn raw(text: &str) {
    eprint!("{text}");
}

/// Help goes to standard output, a wrong usage to standard error.
pub(super) fn usage(error: &clap::Error) {
    if let Err(error) = error.print() {
        eprintln!("error: {error}");
    }
}

/// Logs go to standard error, and only if `RUST_LOG` asks for them: the WebRTC stack calls things
/// errors that are none here, such as a packet for a track that has just ended.
pub(super) fn logs() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
