//! Set-ups: full legs, one after the other at a fixed rate, beside running calls.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use clap::Args;

use super::Common;
use crate::{
    generator::{Tally, histogram},
    measure::measure,
    process::CpuTime,
    report,
    target::{Target, TargetError},
};

/// A warm leg is kept so long, then closed: as many come as go.
const KEPT: Duration = Duration::from_millis(500);
/// A leg that is not warm by then has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Legs at a fixed rate.
#[derive(Debug, Args)]
pub struct Storm {
    #[command(flatten)]
    common: Common,
    /// Running calls
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Legs in a second
    #[arg(long, default_value_t = 400)]
    rate: u64,
}

impl Storm {
    /// Measures and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        let mut node = self.common.node()?;
        let mut generator = self.common.generator()?;
        let times = self.common.times();
        report::head();
        let before = measure(&mut generator, &mut node, self.calls, times)?;
        report::row(&before);

        let start = generator.now();
        let window = (start, start + times.measure.as_nanos() as u64);
        generator.tally = Tally { window, ..Tally::new() };
        generator.warm.clear();
        let cpu = CpuTime::of(node.pid())?;
        let began = Instant::now();
        let interval = Duration::from_nanos(1_000_000_000 / self.rate.max(1));
        let (mut opening, mut closing) = (HashMap::new(), Vec::new());
        let mut setup = histogram();
        let mut opened = 0u32;
        while began.elapsed() < times.measure {
            while opened < u32::MAX && began + interval * opened <= Instant::now() {
                opening.insert(node.open(&mut generator)?, Instant::now());
                opened += 1;
            }
            generator.turn(Instant::now() + Duration::from_micros(500))?;
            node.listen(&mut generator)?;
            let now = Instant::now();
            for number in std::mem::take(&mut generator.warm) {
                if let Some(since) = opening.remove(&number) {
                    setup.saturating_record((now - since).as_nanos() as u64);
                    closing.push((now + KEPT, number));
                }
            }
            while closing.first().is_some_and(|(at, _)| *at <= now) {
                let (_, number) = closing.remove(0);
                node.close(&mut generator, number)?;
            }
        }
        let time = began.elapsed();
        let cpu = CpuTime::of(node.pid())?.since(cpu);
        let late = opening.values().filter(|since| since.elapsed() > PATIENCE).count();
        // What was sent in the window arrives.
        crate::target::play(&mut generator, &mut node, Instant::now() + KEPT)?;
        let tally = std::mem::replace(&mut generator.tally, Tally::new());

        let media = before.cpu.total.as_secs_f64() / before.time.as_secs_f64();
        let extra = cpu.total.as_secs_f64() - media * time.as_secs_f64();
        let millis = |q| setup.value_at_quantile(q) as f64 / 1e6;
        let micros = |q| tally.latency.value_at_quantile(q) as f64 / 1e3;
        report::print(&format!(
            "\n* {:.0} legs opened a second, {:.0} warm; set-up p50 {:.1} ms, p99 {:.1} ms; \
             {late} failed\n* {:.2} ms of processor time a leg; the node used {:.0} % of its core\n\
             * running calls meanwhile: forwarding p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs; \
             {} of {} packets lost; frames sent late by p99 {:.1} ms\n",
            f64::from(opened) / time.as_secs_f64(),
            setup.len() as f64 / time.as_secs_f64(),
            millis(0.5),
            millis(0.99),
            1e3 * extra / setup.len().max(1) as f64,
            100.0 * cpu.total.as_secs_f64() / time.as_secs_f64(),
            micros(0.5),
            micros(0.99),
            micros(0.999),
            tally.sent - tally.received,
            tally.sent,
            tally.late.value_at_quantile(0.99) as f64 / 1e6,
        ));
        Ok(())
    }
}
