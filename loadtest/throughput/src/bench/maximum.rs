//! How many calls a core forwards without losing a packet, and how long packets take at 70 % of that.

use clap::Args;

use super::Common;
use crate::{
    measure::Verdict,
    report,
    target::{Target, TargetError, floor::Work},
};

/// The search ends when it is this close.
const CLOSE_ENOUGH: f64 = 0.06;
/// The load at which latency is judged.
const LATENCY_LOAD: f64 = 0.7;

/// The zero-loss maximum.
#[derive(Debug, Args)]
pub struct Maximum {
    #[command(flatten)]
    common: Common,
    /// Where to start
    #[arg(long, default_value_t = 400)]
    from: usize,
    /// Search for the floor's as well
    #[arg(long)]
    floor: bool,
}

impl Maximum {
    /// Measures and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        report::head();
        let node = self.search(|| Ok(Box::new(self.common.node()?)))?;
        let floor = if self.floor {
            Some(self.search(|| Ok(Box::new(self.common.floor(Work::Forward)?)))?)
        } else {
            None
        };
        let calls = (node.0 as f64 * LATENCY_LOAD) as usize;
        self.common.row(&mut self.common.floor(Work::Echo)?, calls)?;
        self.common.row(&mut self.common.floor(Work::Forward)?, calls)?;
        self.common.row(&mut self.common.node()?, calls)?;
        report::print(&format!("\n* node: {}\n", self.said(node)));
        if let Some(floor) = floor {
            report::print(&format!("* floor: {}\n", self.said(floor)));
        }
        report::print(&format!(
            "* the last three rows: echo, floor and node at {LATENCY_LOAD} of the node's maximum\n"
        ));
        Ok(())
    }

    /// The largest load without loss, and what ended the search.
    fn search(
        &self,
        start: impl Fn() -> Result<Box<dyn Target>, TargetError>,
    ) -> Result<(usize, Verdict), TargetError> {
        let (mut good, mut bad) = (0, None);
        let mut calls = self.from;
        loop {
            let row = self.common.row(&mut *start()?, calls)?;
            // Once more: a hiccup of the machine is no limit.
            let row = match row.verdict() {
                Verdict::Good => row,
                _ => self.common.row(&mut *start()?, calls)?,
            };
            match row.verdict() {
                Verdict::Good => good = calls,
                verdict => bad = Some((calls, verdict)),
            }
            calls = match bad {
                None => calls + calls / 2,
                Some((bad, verdict)) if close(good, bad) => return Ok((good, verdict)),
                Some((bad, _)) => good.midpoint(bad),
            };
        }
    }

    fn said(&self, (calls, verdict): (usize, Verdict)) -> String {
        let packets = calls as u64 * self.common.packets_per_second();
        match verdict {
            Verdict::Generator => format!(
                "at least {calls} calls ({packets} packets/s): there the generator was the limit"
            ),
            _ => format!("{calls} calls ({packets} packets/s) without loss"),
        }
    }
}

fn close(good: usize, bad: usize) -> bool {
    (bad - good) as f64 <= CLOSE_ENOUGH * bad as f64
}
