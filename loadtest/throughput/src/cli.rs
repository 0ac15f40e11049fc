//! The command line.

use std::{net::Ipv4Addr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    generator::{Burst, Generator, socket::Addresses},
    measure::{Row, Times, measure},
    process::{Cpu, Machine, pin_self},
    report,
    target::{
        Target, TargetError,
        floor::{self, Floor, Work},
        node::Node,
    },
};

/// What forwarding costs: the release node and the floor under the same load.
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
    /// Holds calls on the node, for a profiler
    Hold(Hold),
    /// The forwarder that does the least (started by the others)
    #[command(hide = true)]
    Floor {
        /// Address to bind to
        #[arg(long)]
        bind: Ipv4Addr,
        /// What to do with packets
        #[arg(long)]
        work: Work,
    },
}

/// Settings of every measurement.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The node's program; default: `sfu` beside this one
    #[arg(long, value_name = "PATH")]
    sfu: Option<PathBuf>,
    /// Core of the generator
    #[arg(long, default_value_t = 0)]
    generator_cpu: usize,
    /// Core of the forwarder
    #[arg(long, default_value_t = 1)]
    forwarder_cpu: usize,
    /// Seconds before anything counts
    #[arg(long, default_value_t = 3)]
    settle: u64,
    /// Seconds that count
    #[arg(long, default_value_t = 10)]
    measure: u64,
    /// Send every packet by itself instead of a frame's packets in one segmented send
    #[arg(long)]
    lone: bool,
}

#[derive(Debug, Args)]
struct Ladder {
    #[command(flatten)]
    common: Common,
    /// Numbers of calls
    #[arg(long, value_delimiter = ',', default_value = "10,20,100,200,500")]
    calls: Vec<usize>,
}

#[derive(Debug, Args)]
struct Hold {
    #[command(flatten)]
    common: Common,
    /// How many
    #[arg(long, default_value_t = 200)]
    calls: usize,
}

impl Common {
    fn times(&self) -> Times {
        Times {
            settle: Duration::from_secs(self.settle),
            measure: Duration::from_secs(self.measure),
        }
    }

    fn generator(&self) -> std::io::Result<Generator> {
        let burst = if self.lone { Burst::Packet } else { Burst::Frame };
        Generator::new(Addresses::LOOPBACK, burst)
    }

    fn floor(&self) -> Result<Floor, TargetError> {
        Floor::start(Cpu(self.forwarder_cpu), Ipv4Addr::LOCALHOST, Work::Forward)
    }

    fn node(&self) -> Result<Node, TargetError> {
        let sfu = self.sfu.clone().unwrap_or_else(Node::beside_us);
        Node::start(&sfu, Cpu(self.forwarder_cpu), Ipv4Addr::LOCALHOST)
    }

    /// One row, with a fresh generator.
    fn row(&self, target: &mut dyn Target, calls: usize) -> Result<Row, TargetError> {
        let row = measure(&mut self.generator()?, target, calls, self.times())?;
        report::row(&row);
        Ok(row)
    }

    fn begin(&self) -> std::io::Result<()> {
        pin_self(Cpu(self.generator_cpu))?;
        let how = if self.lone { "each packet a send of its own" } else { "a frame a send" };
        report::note(&format!(
            "generator on core {}, forwarder on core {}; {how}; load average {}",
            self.generator_cpu,
            self.forwarder_cpu,
            Machine::load()
        ));
        Ok(())
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        What::Ladder(ladder) => ladder.run(),
        What::Hold(hold) => hold.run(),
        What::Floor { bind, work } => floor::run(bind, work).map_err(TargetError::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::note(&format!("throughput: {error}"));
            ExitCode::FAILURE
        }
    }
}

impl Ladder {
    fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        report::head();
        let mut ratios = String::new();
        for &calls in &self.calls {
            let floor = self.common.row(&mut self.common.floor()?, calls)?;
            let node = self.common.row(&mut self.common.node()?, calls)?;
            let ratio = node.cpu_per_packet().as_secs_f64() / floor.cpu_per_packet().as_secs_f64();
            ratios.push_str(&format!("{calls} calls: {ratio:.2} × the floor\n"));
        }
        report::print(&format!("\n{ratios}"));
        Ok(())
    }
}

impl Hold {
    fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        let mut node = self.common.node()?;
        report::note(&format!("the node is process {}", node.pid()));
        report::head();
        self.common.row(&mut node, self.calls)?;
        Ok(())
    }
}
