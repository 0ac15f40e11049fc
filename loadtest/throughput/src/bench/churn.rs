//! Calls that come and go for a long time: memory has to stay flat.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use clap::Args;

use super::Common;
use crate::{
    process::resident,
    report,
    target::{Target, TargetError},
};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Calls that come and go.
#[derive(Debug, Args)]
pub struct Churn {
    #[command(flatten)]
    common: Common,
    /// Calls at a time
    #[arg(long, default_value_t = 30)]
    calls: usize,
    /// New calls in a second, each in the place of the oldest
    #[arg(long, default_value_t = 5)]
    rate: u32,
    /// Minutes
    #[arg(long, default_value_t = 60)]
    minutes: u64,
}

impl Churn {
    /// Runs and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        let mut node = self.common.node()?;
        let mut generator = self.common.generator()?;
        report::print("| minute | calls so far | RSS MB |\n|---|---|---|\n");
        let began = Instant::now();
        let end = began + Duration::from_secs(60 * self.minutes);
        let interval = Duration::from_secs(1) / self.rate.max(1);
        let mut running: VecDeque<[usize; 2]> = VecDeque::new();
        let (mut next, mut look, mut count) = (began, began, 0u64);
        while Instant::now() < end {
            let now = Instant::now();
            if now >= next {
                next += interval;
                if running.len() >= self.calls
                    && let Some(pair) = running.pop_front()
                {
                    node.unbridge(&mut generator, pair)?;
                    node.close(&mut generator, pair[0])?;
                    node.close(&mut generator, pair[1])?;
                }
                let legs = node.open_all(&mut generator, 2)?;
                let pair = [legs[0], legs[1]];
                node.bridge(&mut generator, pair)?;
                running.push_back(pair);
                count += 1;
            }
            generator.turn(now + Duration::from_millis(5))?;
            node.listen(&mut generator)?;
            if now >= look {
                look += LOOK;
                let minutes = began.elapsed().as_secs_f64() / 60.0;
                let memory = resident(node.pid())? as f64 / 1e6;
                report::print(&format!("| {minutes:.1} | {count} | {memory:.1} |\n"));
            }
        }
        Ok(())
    }
}
