//! The command line.

use std::{net::Ipv4Addr, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    bench::{Churn, DtlsMemory, Ladder, Maximum, Memory, Peers, Relay, Storm},
    generator::socket::Addresses,
    report,
    target::{
        TargetError,
        floor::{self, Work},
    },
};

/// What forwarding costs: the release node and others under the same load.
#[derive(Debug, Parser)]
#[command(name = "throughput", version, about)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The same calls through the floor and through the node, for each number of calls
    Ladder(Ladder),
    /// Search the largest load without loss, and measure latency at 70 % of it
    Maximum(Maximum),
    /// Memory of idle legs, of calls and after hang-up
    Memory(Memory),
    /// Set up legs at a fixed rate beside running calls
    Storm(Storm),
    /// Let calls come and go for a long time and watch memory
    Churn(Churn),
    /// Janus, coturn and, where it is installed, mediasoup beside the node
    Peers(Peers),
    /// The same calls on one node and between two, and what a lossy way between these costs
    Relay(Relay),
    /// Memory of the DTLS library alone
    DtlsMemory(DtlsMemory),
    /// The forwarder that does the least (started by the others)
    #[command(hide = true)]
    Floor {
        /// Address to bind to
        #[arg(long)]
        bind: Ipv4Addr,
        /// Address of the first peer
        #[arg(long)]
        peers_from: Ipv4Addr,
        /// What to do with packets
        #[arg(long)]
        work: Work,
    },
}

/// Runs the program.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        What::Ladder(ladder) => ladder.run(),
        What::Maximum(maximum) => maximum.run(),
        What::Memory(memory) => memory.run(),
        What::Storm(storm) => storm.run(),
        What::Churn(churn) => churn.run(),
        What::Peers(peers) => peers.run(),
        What::Relay(relay) => relay.run(),
        What::DtlsMemory(memory) => memory.run(),
        What::Floor { bind, peers_from, work } => {
            floor::run(bind, Addresses { base: peers_from }, work).map_err(TargetError::from)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::note(&format!("throughput: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
