//! The command line of the `sfu` binary.

use std::{
    env,
    io::{IsTerminal, stderr},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};
use signaling_wire::control::Load;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    Node, StartError,
    admin::Admin,
    config::{FileError, Layer, LogFormat, SECRET_VARIABLE, Settings, SettingsError},
};

/// Prefix of every setting in the environment.
const PREFIX: &str = "VITRINE_SFU_";

/// Exit code for wrong usage and settings, as clap has it.
const USAGE: u8 = 2;

/// Vitrine's media node: forwards the media of 1v1 calls and does what signaling says.
#[derive(Debug, Parser)]
#[command(name = "sfu", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<What>,
    /// TOML file with settings; environment and flags override it
    #[arg(long, env = "VITRINE_SFU_CONFIG", value_name = "PATH", global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    layer: Layer,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum What {
    /// Run the node (the default)
    Run,
    /// Print the effective settings, without secrets, and end
    CheckConfig,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("cannot print the settings: {0}")]
    Print(#[from] toml::ser::Error),
    #[error("wrong log filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Runs the binary.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            match failure {
                Failure::Start(_) | Failure::Io(_) => ExitCode::FAILURE,
                _ => ExitCode::from(USAGE),
            }
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let settings = settings(cli.layer, cli.config)?;
    match cli.command {
        Some(What::CheckConfig) => print(&toml::to_string_pretty(&settings)?),
        None | Some(What::Run) => {
            log_to_stderr(&settings)?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(serve(settings))?;
        }
    }
    Ok(())
}

fn settings(flags: Layer, file: Option<PathBuf>) -> Result<Settings, Failure> {
    let unknown = unknown_variable(env::vars_os().filter_map(|(name, _)| name.into_string().ok()));
    if let Some(name) = unknown {
        return Err(SettingsError::UnknownVariable(name).into());
    }
    let file = file.as_deref().map(Layer::from_file).transpose()?.unwrap_or_default();
    let secret = env::var(SECRET_VARIABLE).ok();
    Ok(Settings::new(flags.over(file), secret.as_deref())?)
}

/// A variable that has our prefix and means nothing is a typing error.
fn unknown_variable(mut names: impl Iterator<Item = String>) -> Option<String> {
    let command = Cli::command();
    let known: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    names.find(|name| {
        name.starts_with(PREFIX) && name != SECRET_VARIABLE && !known.contains(&name.as_str())
    })
}

fn log_to_stderr(settings: &Settings) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(&settings.log)?;
    let lines = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    match settings.log_format {
        LogFormat::Text => registry.with(lines).init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
    Ok(())
}

/// Runs the node until SIGTERM or Ctrl-C, and until its calls have moved to other nodes; a second
/// signal does not wait for them, a third not for the farewells.
async fn serve(settings: Settings) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (admin, deadline) = (settings.admin, settings.drain_deadline());
    let node = Node::start(settings.into_node()?)?;
    let drain = node.drain();
    let admin = Admin::start(admin, node.monitor(), drain.clone()).await?;
    tracing::info!(admin = %admin.address(), "health and metrics");

    let mut asked = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    asked().await;
    if let Ok(Load { calls, legs, .. }) = drain.set(true).await
        && legs > 0
    {
        let seconds = deadline.as_secs();
        tracing::info!(calls, legs, "draining for at most {seconds} s; once more to stop now");
        tokio::select! {
            () = drain.emptied() => {
                let Load { legs, .. } = drain.load();
                tracing::info!(legs, "no call is left");
            }
            () = tokio::time::sleep(deadline) => {
                let Load { calls, legs, .. } = drain.load();
                tracing::warn!(calls, legs, "stopping with what is left");
            }
            () = asked() => tracing::warn!("stopping now"),
        }
    }
    tracing::info!("stopping; once more to end at once");
    tokio::select! {
        () = node.stop() => tracing::info!("stopped"),
        () = asked() => tracing::warn!("ended without saying farewell"),
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the output that was asked for")]
fn print(text: &str) {
    print!("{text}");
}

#[allow(clippy::print_stderr, reason = "there is no log before the settings are known")]
fn complain(failure: &Failure) {
    eprintln!("sfu: {failure}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_before_or_after_the_command() {
        for args in
            [["sfu", "--region", "eu", "check-config"], ["sfu", "check-config", "--region", "eu"]]
        {
            let cli = Cli::try_parse_from(args).unwrap();
            assert_eq!(cli.layer.region.as_deref(), Some("eu"), "{args:?}");
        }
    }

    #[test]
    fn misspelt_variable_is_found() {
        let found = |names: &[&str]| unknown_variable(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(
            found(&["PATH", "VITRINE_SFU_REGION", SECRET_VARIABLE, "VITRINE_SFU_CONFIG"]),
            None
        );
        assert_eq!(found(&["VITRINE_SFU_REGOIN"]).as_deref(), Some("VITRINE_SFU_REGOIN"));
    }
}
