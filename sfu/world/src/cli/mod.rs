//! The command line.

mod output;

use std::{ops::RangeInclusive, path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{case, report};

/// The page that is checked in.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/congestion/simulated.md");

/// Runs the cases of RFC 8867 and some of our own in virtual time.
#[derive(Debug, Parser)]
struct Arguments {
    /// Compare with the checked-in table instead of writing it
    #[arg(long)]
    check: bool,
    /// Only this case, such as 5.1/down; nothing is written
    #[arg(long)]
    case: Vec<String>,
    /// Only this seed of a case
    #[arg(long, requires = "case")]
    seed: Option<u64>,
    /// Other seeds of a case, such as 11-30
    #[arg(long, requires = "case", value_parser = range)]
    seeds: Option<RangeInclusive<u64>>,
    /// Write what happens over time as CSV
    #[arg(long, requires = "seed")]
    trace: Option<PathBuf>,
    /// Threads; the figures do not depend on it
    #[arg(long, default_value_t = default_threads())]
    threads: usize,
}

/// `FROM-TO`.
fn range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let parsed = text.split_once('-').and_then(|(from, to)| {
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        (from <= to).then_some(from..=to)
    });
    parsed.ok_or_else(|| "two numbers in ascending order, such as 11-30".into())
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the program.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let mut cases = case::all();
    if !arguments.case.is_empty() {
        let wanted = |id: &str| {
            arguments.case.iter().any(|wanted| {
                wanted == id || id.split_once('/').is_some_and(|(name, _)| name == wanted)
            })
        };
        cases.retain(|case| wanted(&case.id()));
        if cases.is_empty() {
            output::error("there is no such case");
            return ExitCode::FAILURE;
        }
    }
    match arguments.seed {
        Some(seed) => one(&cases[0], seed, arguments.trace),
        None => all(&cases, &arguments),
    }
}

fn one(case: &case::Case, seed: u64, trace: Option<PathBuf>) -> ExitCode {
    let (figures, rows) = report::run_one(case, seed, trace.is_some());
    output::line(&format!("{figures:#?}"));
    if let (Some(path), Some(rows)) = (trace, rows)
        && let Err(error) = std::fs::write(&path, rows.csv())
    {
        output::error(&format!("{}: {error}", path.display()));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn all(cases: &[case::Case], arguments: &Arguments) -> ExitCode {
    let run = |seeds| report::run_all(cases, seeds, arguments.threads);
    let results = run(arguments.seeds.clone().unwrap_or(case::SEEDS));
    let held_out = if arguments.case.is_empty() { run(case::HOLD_OUT) } else { Vec::new() };
    let page = report::write(&results, &held_out);
    if arguments.check {
        let known = std::fs::read_to_string(PAGE).unwrap_or_default();
        if known == page {
            return ExitCode::SUCCESS;
        }
        output::difference(&known, &page);
        return ExitCode::FAILURE;
    }
    output::line(&page);
    if arguments.case.is_empty()
        && let Err(error) = std::fs::write(PAGE, &page)
    {
        output::error(&format!("{PAGE}: {error}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
