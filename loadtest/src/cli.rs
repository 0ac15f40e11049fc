//! The command line.

mod access;
mod exit;
mod live;
mod output;
mod probe;
mod prometheus;
mod run;
mod scenario;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};

use self::{
    output::Out, probe::Probe, run::RunArguments, scenario::PlanArguments, worker::WorkerArguments,
};
use crate::{
    plan::Share,
    results::{RunReport, compare},
};

/// Synthetic callers for a Vitrine deployment.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, about)]
#[command(after_help = "Manual: docs/operations/loadtest.md")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make many calls as a scenario says, and judge them
    ///
    /// Exit codes: 0 passed, 1 a threshold does not hold, 2 wrong usage, 3 the deployment cannot be
    /// reached, 4 the generator was the bottleneck (the run says nothing), 130 interrupted.
    Run(Box<RunArguments>),
    /// Make one call and say whether it was good
    ///
    /// A synthetic shopper calls a synthetic agent. Both send sound and pictures, and both check
    /// that what arrives is the other side's and nothing else. Real shoppers and agents are left
    /// alone, and the call is marked as synthetic in the records.
    ///
    /// Exit codes: 0 the call was good, 1 it failed, 2 wrong usage or a wrong API key, 3 the
    /// deployment cannot be reached, 130 interrupted.
    Probe(Probe),
    /// Make a part of the calls of a run that is controlled elsewhere
    ///
    /// Serves one controller (run --worker) after the other until it is interrupted.
    Worker(WorkerArguments),
    /// Check a scenario and print the effective plan
    Check(Box<PlanArguments>),
    /// Compare a run with the one before it
    ///
    /// Exit codes: 0 not worse, 1 worse, 2 wrong usage.
    Compare {
        /// Report of the run before, as JSON
        before: PathBuf,
        /// Report of the run after, as JSON
        after: PathBuf,
        /// What is borne, in percent of the figure before
        #[arg(long, default_value = "5%", value_name = "PERCENT")]
        max_regression: Share,
    },
    /// Render a report again, from its JSON
    Report {
        /// The report, as JSON
        report: PathBuf,
        /// Where to: html=FILE, csv=FILE, junit=FILE or json=FILE
        #[arg(long, value_name = "FORM=FILE")]
        out: Vec<Out>,
    },
    /// List the metrics that thresholds can be made of
    Metrics,
    /// List the scenarios that are built in, or print one
    Scenarios {
        /// The one to print
        name: Option<String>,
    },
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            output::usage(&error);
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { exit::PASSED } else { exit::USAGE });
        }
    };
    output::logs();
    ExitCode::from(match cli.command {
        Command::Run(arguments) => on_threads(run::run(*arguments)),
        Command::Probe(arguments) => on_threads(probe::probe(arguments)),
        Command::Worker(arguments) => on_threads(worker::worker(arguments)),
        Command::Check(arguments) => check(&arguments),
        Command::Compare { before, after, max_regression } => {
            compare_files(&before, &after, max_regression)
        }
        Command::Report { report, out } => render(&report, &out),
        Command::Metrics => {
            output::metrics();
            exit::PASSED
        }
        Command::Scenarios { name } => scenarios(name.as_deref()),
    })
}

/// Runs what needs the network, until it has an exit code.
fn on_threads(work: impl Future<Output = u8>) -> u8 {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&format!("the program cannot start its threads: {error}"));
            return exit::FAILED;
        }
    };
    let code = runtime.block_on(work);
    // What is left are tasks that nobody waits for.
    runtime.shutdown_background();
    code
}

fn check(arguments: &PlanArguments) -> u8 {
    match arguments.plan() {
        Ok(plan) => {
            output::text(&plan.to_string());
            exit::PASSED
        }
        Err(error) => {
            output::error(&error.to_string());
            exit::USAGE
        }
    }
}

fn scenarios(name: Option<&str>) -> u8 {
    match name {
        None => output::scenarios(),
        Some(name) => match scenario::built_in(name) {
            Some(text) => output::text(text),
            None => {
                output::error(&scenario::unknown(name));
                return exit::USAGE;
            }
        },
    }
    exit::PASSED
}

fn read_report(path: &PathBuf) -> Result<RunReport, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    RunReport::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn compare_files(before: &PathBuf, after: &PathBuf, max_regression: Share) -> u8 {
    match (read_report(before), read_report(after)) {
        (Ok(before), Ok(after)) => {
            let comparison = compare(&before, &after, max_regression);
            output::text(&format!("{comparison}\n"));
            if comparison.is_worse() { exit::FAILED } else { exit::PASSED }
        }
        (Err(reason), _) | (_, Err(reason)) => {
            output::error(&reason);
            exit::USAGE
        }
    }
}

fn render(report: &PathBuf, out: &[Out]) -> u8 {
    let written = read_report(report).and_then(|report| {
        if out.is_empty() {
            output::summary(&report);
        }
        out.iter().try_for_each(|out| out.write(&report))
    });
    match written {
        Ok(()) => exit::PASSED,
        Err(reason) => {
            output::error(&reason);
            exit::USAGE
        }
    }
}
