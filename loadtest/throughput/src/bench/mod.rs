//! What is measured with rows: loads, limits, memory, storms, churn, and others beside us.

mod churn;
mod dtls_memory;
mod ladder;
mod maximum;
mod memory;
mod peers;
mod relay;
mod storm;

use std::{io, net::Ipv4Addr, path::PathBuf, time::Duration};

use clap::Args;

pub use self::{
    churn::Churn, dtls_memory::DtlsMemory, ladder::Ladder, maximum::Maximum, memory::Memory,
    peers::Peers, relay::Relay, storm::Storm,
};
use crate::{
    generator::{Burst, Generator, socket::Addresses},
    measure::{Row, Times, measure},
    process::{Cpu, Machine, Place, pin_self},
    report,
    target::{
        Target, TargetError,
        floor::{Floor, Work},
        node::{Launch, Node},
    },
};

/// Settings of every measurement.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The node's program; default: `sfu` beside this one
    #[arg(long, value_name = "PATH")]
    sfu: Option<PathBuf>,
    /// The node's `receive_delay`, in microseconds; default: its own
    #[arg(long, value_name = "MICROSECONDS")]
    receive_delay: Option<u32>,
    /// Core of the generator
    #[arg(long, default_value_t = 0)]
    generator_cpu: usize,
    /// Core of the forwarder
    #[arg(long, default_value_t = 1)]
    forwarder_cpu: usize,
    /// Address of the forwarder
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    bind: Ipv4Addr,
    /// Network namespace of the forwarder, as a file; default: ours
    #[arg(long, value_name = "PATH")]
    namespace: Option<PathBuf>,
    /// Our address, for the node's control link
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    control: Ipv4Addr,
    /// Address of the first peer; the others follow. All must be local
    #[arg(long, default_value_t = Addresses::LOOPBACK.base)]
    peers_from: Ipv4Addr,
    /// Seconds before anything counts
    #[arg(long, default_value_t = 3)]
    settle: u64,
    /// Seconds that count
    #[arg(long, default_value_t = 10)]
    measure: u64,
    /// Packets in a frame of video: 6 are 1.5 Mbit/s, 2 are 0.5 Mbit/s
    #[arg(long, default_value_t = light_peer::media::PACKETS_PER_FRAME)]
    packets_per_frame: usize,
    /// Send every packet by itself instead of a frame's packets in one segmented send
    #[arg(long)]
    lone: bool,
}

impl Common {
    fn times(&self) -> Times {
        Times {
            settle: Duration::from_secs(self.settle),
            measure: Duration::from_secs(self.measure),
        }
    }

    fn peers_from(&self) -> Addresses {
        Addresses { base: self.peers_from }
    }

    fn place(&self) -> Place {
        Place { cpu: Cpu(self.forwarder_cpu), namespace: self.namespace.clone() }
    }

    fn generator(&self) -> io::Result<Generator> {
        let burst = if self.lone { Burst::Packet } else { Burst::Frame };
        Generator::new(self.peers_from(), burst, self.packets_per_frame)
    }

    /// Media packets that a call has forwarded in a second, both ways.
    fn packets_per_second(&self) -> u64 {
        2 * light_peer::media::packets_per_second(self.packets_per_frame)
    }

    fn floor(&self, work: Work) -> Result<Floor, TargetError> {
        Floor::start(&self.place(), self.bind, self.peers_from(), work)
    }

    fn launch(&self) -> Launch {
        Launch {
            sfu: self.sfu.clone().unwrap_or_else(Node::beside_us),
            place: self.place(),
            bind: self.bind,
            control: self.control,
            receive_delay: self.receive_delay,
        }
    }

    fn node(&self) -> Result<Node, TargetError> {
        Node::start(&self.launch())
    }

    /// One row, with a fresh generator.
    fn row(&self, target: &mut dyn Target, calls: usize) -> Result<Row, TargetError> {
        let row = measure(&mut self.generator()?, target, calls, self.times())?;
        report::row(&row);
        Ok(row)
    }

    /// Takes our core and says what the figures depend on.
    pub fn begin(&self) -> io::Result<()> {
        pin_self(Cpu(self.generator_cpu))?;
        let how = if self.lone { "each packet a send of its own" } else { "a frame a send" };
        report::print(&format!(
            "Generator on core {}, forwarder on core {}; {how}; {:.2} Mbit/s of video and Opus \
             each way, {} packets a second in a call; AEAD_AES_128_GCM; load average {}\n\n",
            self.generator_cpu,
            self.forwarder_cpu,
            light_peer::media::video_bitrate(self.packets_per_frame) as f64 / 1e6,
            self.packets_per_second(),
            Machine::load()
        ));
        Ok(())
    }
}
