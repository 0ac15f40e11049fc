//! Memory of the node: idle legs, calls, after hang-up.

use std::time::{Duration, Instant};

use clap::Args;

use super::Common;
use crate::{
    process::resident,
    report,
    target::{Target, TargetError, play},
};

/// Long enough for counters to be copied and queues to empty.
const REST: Duration = Duration::from_secs(2);

/// Resident memory of the node's process.
#[derive(Debug, Args)]
pub struct Memory {
    #[command(flatten)]
    common: Common,
    /// Idle warm legs
    #[arg(long, default_value_t = 1_000)]
    legs: usize,
    /// Calls
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// Seconds of media, enough to fill every cache
    #[arg(long, default_value_t = 20)]
    talk: u64,
}

impl Memory {
    /// Measures and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        let mut node = self.common.node()?;
        let mut generator = self.common.generator()?;
        report::print("| | RSS MB | each kB |\n|---|---|---|\n");
        let mut last = resident(node.pid())?;
        let mut line = |pid, what: &str, count: usize| -> Result<(), TargetError> {
            let now = resident(pid)?;
            let each = (now as f64 - last as f64) / 1_000.0 / count.max(1) as f64;
            report::print(&format!("| {what} | {:.1} | {each:+.1} |\n", now as f64 / 1e6));
            last = now;
            Ok(())
        };
        line(node.pid(), "started", 1)?;
        let idle = node.open_all(&mut generator, self.legs)?;
        play(&mut generator, &mut node, Instant::now() + REST)?;
        line(node.pid(), &format!("{} idle warm legs", self.legs), self.legs)?;
        node.calls(&mut generator, self.calls)?;
        play(&mut generator, &mut node, Instant::now() + Duration::from_secs(self.talk))?;
        line(node.pid(), &format!("and {} calls (two more legs each)", self.calls), self.calls)?;
        let pairs: Vec<_> = node.paired().collect();
        for &pair in &pairs {
            node.unbridge(&mut generator, pair)?;
        }
        play(&mut generator, &mut node, Instant::now() + REST)?;
        line(node.pid(), "hung up, legs warm", self.calls)?;
        for number in pairs.into_iter().flatten().chain(idle) {
            node.close(&mut generator, number)?;
        }
        play(&mut generator, &mut node, Instant::now() + REST)?;
        line(node.pid(), "all legs closed", self.legs + 2 * self.calls)?;
        Ok(())
    }
}
