//! The command line.

mod desk;
pub mod output;

use std::{io::IsTerminal, time::Duration};

use clap::{Args, Parser, Subcommand};
use signaling_wire::{
    ids::AgentId,
    text::{ContextValue, Name},
};

use crate::{
    Config, Failure,
    config::{Layer, LogFormat, unknown_variables},
    run,
};

/// Pairs shoppers with agents for video calls, with a media node inside
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Layer,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (this is what happens without a command)
    Run,
    /// Make a shopper link
    Link(LinkArgs),
    /// Add agents, list them, sign them in
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Print the API key; it is made on first use
    ApiKey {
        /// Replace it; the former key stops working at once
        #[arg(long)]
        new: bool,
    },
    /// Sign tokens with a new key; tokens of the key before it stay good
    RotateKeys,
    /// Print the effective configuration, with secrets redacted
    CheckConfig,
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// Add an agent and print a sign-in link
    Add {
        /// The name shoppers see
        #[arg(value_parser = name)]
        name: Name,
        /// A language they speak (BCP 47, for example th); may be repeated
        #[arg(long, value_parser = name, value_name = "TAG")]
        language: Vec<Name>,
        /// Something they know; may be repeated
        #[arg(long, value_parser = name, value_name = "SKILL")]
        skill: Vec<Name>,
    },
    /// List the agents
    List,
    /// Print a new sign-in link for an agent
    Link {
        /// The agent's id (agt_…)
        id: AgentId,
    },
}

#[derive(Debug, Args)]
struct LinkArgs {
    /// The shopper's name
    #[arg(long, value_parser = name)]
    name: Option<Name>,
    /// Order number
    #[arg(long, value_parser = value)]
    order: Option<ContextValue>,
    /// Product name or SKU
    #[arg(long, value_parser = value)]
    product: Option<ContextValue>,
    /// The shopper's language (BCP 47, for example th)
    #[arg(long, value_parser = name, value_name = "TAG")]
    language: Option<Name>,
    /// The page the shopper comes from
    #[arg(long, value_parser = value)]
    page: Option<ContextValue>,
    /// Queue to enter
    #[arg(long, value_parser = name)]
    queue: Option<Name>,
    /// A skill the agent should have; may be repeated
    #[arg(long, value_parser = name, value_name = "SKILL")]
    skill: Vec<Name>,
    /// Higher is served first
    #[arg(long, default_value_t = 0)]
    priority: u8,
    /// How long it is good, for example 90s, 30m, 12h or 7d
    #[arg(long, value_parser = duration, default_value = "24h", value_name = "TIME")]
    expires: Duration,
    /// How many calls it allows
    #[arg(long, default_value_t = crate::issuer::LINK_USES, value_name = "N")]
    uses: u32,
    /// Region whose media node the shopper should be on, whatever is measured
    #[arg(long, value_parser = name)]
    region: Option<Name>,
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// A sentence when it cannot be done.
    pub fn run(self) -> Result<(), Failure> {
        let config = Config::load(self.settings)?;
        match self.command.unwrap_or(Command::Run) {
            Command::CheckConfig => output::config(&config),
            Command::Run => {
                log_to_stderr(&config)?;
                block_on(run::until_stopped(config, output::announce))
            }
            Command::Link(link) => block_on(desk::link(config, link)),
            Command::Agent(AgentCommand::Add { name, language, skill }) => {
                block_on(desk::add_agent(config, name, language, skill))
            }
            Command::Agent(AgentCommand::List) => block_on(desk::list_agents(config)),
            Command::Agent(AgentCommand::Link { id }) => block_on(desk::sign_in_link(config, id)),
            Command::ApiKey { new } => block_on(desk::api_key(config, new)),
            Command::RotateKeys => block_on(desk::rotate_keys(config)),
        }
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Machine(format!("no threads to run on: {error}")))?
        .block_on(work)
}

/// Logs go to stderr: stdout holds what was asked for and nothing else.
fn log_to_stderr(config: &Config) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log)
        .map_err(|error| Failure::Config(format!("log = {:?}: {error}", config.log)))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (name, nearest) in unknown_variables(names) {
        tracing::warn!("nothing reads {name}; did you mean {nearest}?");
    }
    Ok(())
}

fn name(raw: &str) -> Result<Name, String> {
    Name::parse(raw).map_err(|error| error.to_string())
}

fn value(raw: &str) -> Result<ContextValue, String> {
    ContextValue::parse(raw).map_err(|error| error.to_string())
}

/// A number and a unit: `90s`, `30m`, `12h`, `7d`.
fn duration(raw: &str) -> Result<Duration, String> {
    let explain = || "give a number and s, m, h or d, for example 12h".to_owned();
    let unit = raw.chars().last().ok_or_else(explain)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(explain()),
    };
    let number: u64 = raw[..raw.len() - unit.len_utf8()].parse().map_err(|_| explain())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(explain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for junk in ["", "h", "12", "1.5h", "-1h", "5 w", "5é", "99999999999999999999d"] {
            assert!(duration(junk).is_err(), "{junk}");
        }
    }
}
