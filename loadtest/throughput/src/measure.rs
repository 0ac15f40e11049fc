//! One row: a forwarder under one load.

use std::{
    io,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    generator::{Generator, Tally},
    process::{CpuTime, Machine, of_this_thread, receive_drops, resident},
    target::{Target, TargetError, play},
};

/// Packets that are on the way when the window closes get this long to arrive.
const DRAIN: Duration = Duration::from_millis(500);
/// Above this share of its core the generator may be the limit: what it measures is not the node.
const GENERATOR_BUSY: f64 = 0.95;
/// Frames that leave later than this are no load of the kind that was asked for.
const GENERATOR_LATE: u64 = 10_000_000;

/// How long to play.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Before anything counts.
    pub settle: Duration,
    /// What counts.
    pub measure: Duration,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Row {
    /// The forwarder.
    pub target: &'static str,
    /// Calls, each with media both ways.
    pub calls: usize,
    /// Media packets sent by the peers, and received by the others.
    pub packets: (u64, u64),
    /// The window.
    pub time: Duration,
    /// Processor time of the forwarder's process.
    pub cpu: CpuTime,
    /// From the sender's seal to the kernel's receiving it for the other peer, nanoseconds.
    pub latency: Histogram<u64>,
    /// Resident memory, bytes.
    pub resident: u64,
    /// Dropped at the forwarder's sockets.
    pub drops: u64,
    /// Share of its core that the generator used, waiting for the next frame left out.
    pub generator_busy: f64,
    /// Dropped at the generator's sockets, or refused by the kernel.
    pub generator_drops: u64,
    /// Lateness of frames, 99th percentile, nanoseconds.
    pub late: u64,
    /// What was not as it should be.
    pub oddities: Oddities,
    /// Share of the machine that the hypervisor gave to others.
    pub stolen: f64,
}

/// What happens where packets get lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oddities {
    /// NACKs of the forwarder.
    pub asked: u64,
    /// Packets that the peers have repeated.
    pub repeated: u64,
    /// NACKs of the peers.
    pub requested: u64,
    /// Repeats that the peers did not lack, and probes.
    pub repairs: u64,
    /// Datagrams that are not authentic or not understood.
    pub strange: u64,
}

impl Oddities {
    /// There were none.
    pub fn is_empty(&self) -> bool {
        let Self { asked, repeated, requested, repairs, strange } = self;
        asked + repeated + requested + repairs + strange == 0
    }
}

/// Whether a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was lost.
    Good,
    /// The forwarder lost packets.
    Loss,
    /// The generator could not do its part: the row says nothing about the forwarder.
    Generator,
}

impl Row {
    /// Whether it counts.
    pub fn verdict(&self) -> Verdict {
        let generator = self.generator_busy > GENERATOR_BUSY
            || self.generator_drops > 0
            || self.late > GENERATOR_LATE;
        if generator {
            Verdict::Generator
        } else if self.packets.0 != self.packets.1 {
            Verdict::Loss
        } else {
            Verdict::Good
        }
    }

    /// Processor time for each forwarded packet.
    pub fn cpu_per_packet(&self) -> Duration {
        Duration::from_nanos(self.cpu.total.as_nanos() as u64 / self.packets.1.max(1))
    }

    /// Forwarded packets a second.
    pub fn rate(&self) -> f64 {
        self.packets.1 as f64 / self.time.as_secs_f64()
    }

    /// Share of a core that the forwarder used.
    pub fn busy(&self) -> f64 {
        self.cpu.total.as_secs_f64() / self.time.as_secs_f64()
    }
}

/// Measures `calls` calls, which may be running already.
pub fn measure(
    generator: &mut Generator,
    target: &mut dyn Target,
    calls: usize,
    times: Times,
) -> Result<Row, TargetError> {
    target.calls(generator, calls)?;
    play(generator, target, Instant::now() + times.settle)?;

    let ours = std::process::id();
    let dropped = |target: &dyn Target| target.pids().into_iter().map(receive_drops).sum::<u64>();
    let drops = (dropped(target), receive_drops(ours));
    let machine = Machine::now();
    let start = generator.now();
    let window = (start, start + times.measure.as_nanos() as u64);
    generator.tally = Tally { window, ..Tally::new() };
    let busy = of_this_thread();
    let spun = generator.spun;
    let before = CpuTime::of_all(&target.pids())?;
    let began = Instant::now();

    play(generator, target, began + times.measure)?;

    let cpu = CpuTime::of_all(&target.pids())?.since(before);
    let time = began.elapsed();
    let spun = generator.spun - spun;
    let busy = (of_this_thread() - busy).saturating_sub(spun);
    let generator_busy = busy.as_secs_f64() / time.as_secs_f64();
    let stolen = Machine::now().stolen_since(machine);
    play(generator, target, Instant::now() + DRAIN)?;

    let tally = std::mem::replace(&mut generator.tally, Tally::new());
    Ok(Row {
        target: target.name(),
        calls,
        packets: (tally.sent, tally.received),
        time,
        cpu,
        latency: tally.latency,
        resident: target.pids().into_iter().map(resident).sum::<io::Result<u64>>()?,
        drops: dropped(target) - drops.0,
        generator_busy,
        generator_drops: receive_drops(ours) - drops.1 + tally.unsent,
        late: tally.late.value_at_quantile(0.99),
        oddities: Oddities {
            asked: tally.asked,
            repeated: tally.repeated,
            requested: tally.requested,
            repairs: tally.repairs,
            strange: tally.strange,
        },
        stolen,
    })
}
