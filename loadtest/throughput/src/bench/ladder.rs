//! The same calls through the floor and through the node.

use clap::Args;

use super::Common;
use crate::{
    report,
    target::{Target as _, TargetError, floor::Work},
};

/// The floor and the node at several numbers of calls.
#[derive(Debug, Args)]
pub struct Ladder {
    #[command(flatten)]
    common: Common,
    /// Numbers of calls
    #[arg(long, value_delimiter = ',', default_value = "10,20,100,200,500")]
    calls: Vec<usize>,
    /// Only the node, for a profiler
    #[arg(long)]
    node_only: bool,
}

impl Ladder {
    /// Measures and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        report::head();
        let mut ratios = String::new();
        for &calls in &self.calls {
            if self.node_only {
                let mut node = self.common.node()?;
                report::note(&format!("the node is process {}", node.pid()));
                self.common.row(&mut node, calls)?;
                continue;
            }
            let floor = self.common.row(&mut self.common.floor(Work::Forward)?, calls)?;
            let node = self.common.row(&mut self.common.node()?, calls)?;
            let ratio = node.cpu_per_packet().as_secs_f64() / floor.cpu_per_packet().as_secs_f64();
            let per_call = node.cpu.total.as_secs_f64() / node.time.as_secs_f64() / calls as f64;
            ratios.push_str(&format!(
                "* {calls} calls: {ratio:.2} × the floor; {:.3} % of a core per call\n",
                100.0 * per_call
            ));
        }
        report::print(&format!("\n{ratios}"));
        Ok(())
    }
}
