//! Everything the program prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is this module's purpose")]

use tracing_subscriber::EnvFilter;

use crate::report::{CallReport, Table};

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs: one line.
    Json,
}

/// The result, on standard output.
pub(super) fn report(report: &CallReport, format: Format) {
    match format {
        Format::Table => println!("{}", Table(report)),
        Format::Json => match serde_json::to_string(report) {
            Ok(json) => println!("{json}"),
            Err(error) => eprintln!("error: the report cannot be written as JSON: {error}"),
        },
    }
}

/// What went wrong, on standard error.
pub(super) fn error(reason: &str) {
    eprintln!("error: {reason}");
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
