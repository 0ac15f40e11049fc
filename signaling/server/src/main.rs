//! `signaling`: pairs shoppers with agents, with a media node inside.

use std::process::ExitCode;

use clap::Parser;
use signaling_server::cli::{Cli, output};

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}
