//! The command line.

mod output;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, error::ErrorKind};
use tokio::sync::watch;

use self::output::Format;
use crate::{
    drive::{
        self, Clock, Target,
        api::{Api, ApiError, ApiKey},
        call::{self, Setup},
    },
    flow::Plan,
    media::Profile,
};

/// Synthetic callers for a Vitrine deployment.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make one call and say whether it was good
    ///
    /// A synthetic shopper calls a synthetic agent. Both send sound and pictures, and both check
    /// that what arrives is the other side's and nothing else. Real shoppers and agents are left
    /// alone, and the call is marked as synthetic in the records.
    ///
    /// Exit codes: 0 the call was good, 1 it failed, 2 wrong usage or a wrong API key, 3 the
    /// deployment cannot be reached, 130 interrupted.
    Probe(Probe),
}

#[derive(Debug, clap::Args)]
struct Probe {
    /// Public address of the deployment
    #[arg(long, default_value = "http://localhost:8080")]
    url: String,
    /// File with the API key; without it the key is taken from VITRINE_API_KEY
    ///
    /// There is no flag for the key itself: every user of a machine can read argument lists.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// How long both sides talk, in seconds
    #[arg(long, default_value_t = 5.0, value_parser = seconds, value_name = "SECONDS")]
    hold: f64,
    /// Longest wait in any one step, in seconds
    #[arg(long, default_value_t = 10.0, value_parser = seconds, value_name = "SECONDS")]
    patience: f64,
    /// Most packets of a stream that may get lost, in percent
    #[arg(long, default_value_t = 5.0, value_parser = percent, value_name = "PERCENT")]
    max_loss: f64,
    /// Video bitrate of both sides in kbit/s
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(50..=10_000))]
    #[arg(value_name = "KBPS")]
    video_kbps: u32,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The program's exit codes. They are a contract with pipelines.
mod exit {
    pub(super) const PASSED: u8 = 0;
    pub(super) const FAILED: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const UNREACHABLE: u8 = 3;
    pub(super) const INTERRUPTED: u8 = 130;
}

/// Environment variable with the API key.
const KEY_VARIABLE: &str = "VITRINE_API_KEY";

/// Longest call or wait that makes sense for a probe: an hour.
const MAX_SECONDS: f64 = 3_600.0;

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.1..=MAX_SECONDS).contains(&value) => Ok(value),
        _ => Err(format!("seconds from 0.1 to {MAX_SECONDS}")),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("a percentage from 0 to 100".to_owned()),
    }
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
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&format!("the program cannot start its threads: {error}"));
            return ExitCode::from(exit::FAILED);
        }
    };
    ExitCode::from(match cli.command {
        Command::Probe(arguments) => runtime.block_on(probe(arguments)),
    })
}

async fn probe(arguments: Probe) -> u8 {
    let (target, key) = match arguments.target() {
        Ok(target) => target,
        Err(reason) => {
            output::error(&reason);
            return exit::USAGE;
        }
    };
    if let Err(error) = drive::warm_up().await {
        output::error(&format!("no media can be sent from this machine: {error}"));
        return exit::FAILED;
    }
    let api = Api::new(target.clone(), key);
    let guests = match api.guests().await {
        Ok(guests) => guests,
        Err(error) => {
            output::error(&error.to_string());
            return match error {
                ApiError::Unreachable { .. } | ApiError::Strange { .. } => exit::UNREACHABLE,
                ApiError::WrongKey { .. } => exit::USAGE,
                ApiError::Refused(_) => exit::FAILED,
            };
        }
    };
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = stop.send(true);
        }
    });
    let setup = Setup {
        target,
        plan: arguments.plan(),
        profile: Profile { video_kbps: arguments.video_kbps, ..Profile::default() },
        clock: Clock::start(),
        stop: stopped.clone(),
        legs: call::Legs::FULL,
    };
    let report = call::run(setup, &guests).await.with_max_loss(arguments.max_loss / 100.0);
    if let Err(error) = api.remove_agent(guests.agent.id).await {
        output::error(&format!("the synthetic agent {} is left behind: {error}", guests.agent.id));
    }
    output::report(&report, if arguments.json { Format::Json } else { Format::Table });
    if *stopped.borrow() {
        exit::INTERRUPTED
    } else if report.failure.is_some() {
        exit::FAILED
    } else {
        exit::PASSED
    }
}

impl Probe {
    fn target(&self) -> Result<(Target, ApiKey), String> {
        let target = Target::parse(&self.url).map_err(|error| error.to_string())?;
        let key = match &self.api_key_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
            None => std::env::var(KEY_VARIABLE).map_err(|_| {
                format!(
                    "an API key is needed: set {KEY_VARIABLE} or give --api-key-file (a server \
                     keeps its key in the file api-key of its data directory)"
                )
            })?,
        };
        if key.trim().is_empty() {
            return Err("the API key is empty".to_owned());
        }
        Ok((target, ApiKey::new(&key)))
    }

    fn plan(&self) -> Plan {
        Plan {
            hold: Duration::from_secs_f64(self.hold),
            patience: Duration::from_secs_f64(self.patience),
            video: true,
        }
    }
}
