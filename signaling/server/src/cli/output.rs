//! What the program prints. Only this module writes to the terminal: stdout for what was asked
//! for, stderr for a complaint.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the program's voice")]

use signaling_desk::store::AgentProfile;
use signaling_wire::text::Name;

use crate::{
    Config, Failure,
    run::{FirstSteps, Server},
};

/// The lines worth reading when the server is up.
pub fn announce(server: &Server, steps: &FirstSteps) {
    println!("Agent console  {}", steps.console);
    println!("Shopper link   {}", steps.shopper);
    println!("Data           {}", server.data().path().display());
    tracing::info!(
        listen = %server.address(),
        admin = %server.admin_address(),
        control = %server.control_address(),
        api_key = %server.data().api_key_file().display(),
        "up"
    );
}

/// The effective configuration as TOML.
pub(super) fn config(config: &Config) -> Result<(), Failure> {
    let text = toml::to_string(config)
        .map_err(|error| Failure::Config(format!("the configuration cannot be shown: {error}")))?;
    print!("{text}");
    Ok(())
}

/// One agent on one line.
pub(super) fn agent(agent: &AgentProfile) {
    let list = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
    println!("{}\t{}\t{}\t{}", agent.id, agent.name, list(&agent.languages), list(&agent.skills));
}

/// One line.
pub(super) fn line(text: &str) {
    println!("{text}");
}

/// Why the program cannot go on.
pub fn complain(failure: &Failure) {
    eprintln!("signaling: {failure}");
}
