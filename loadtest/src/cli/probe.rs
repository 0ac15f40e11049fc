//! One call.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    access::{self, Access},
    exit,
    output::{self, Format},
};
use crate::{
    drive::{
        self, Clock,
        api::Api,
        call::{self, Setup},
    },
    flow::Plan,
    media::Profile,
};

#[derive(Debug, clap::Args)]
pub(super) struct Probe {
    #[command(flatten)]
    access: Access,
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

pub(super) async fn probe(arguments: Probe) -> u8 {
    let (target, key) = match arguments.access.target() {
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
            return access::code(&error);
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
        from: [None; 2],
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
    fn plan(&self) -> Plan {
        Plan {
            hold: Duration::from_secs_f64(self.hold),
            patience: Duration::from_secs_f64(self.patience),
            video: true,
        }
    }
}
