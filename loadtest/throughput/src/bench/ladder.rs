//! The same calls through the floor and through the node.

use clap::Args;

use super::Common;
use crate::{
    measure::Row,
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
        let (mut said, mut costs) = (String::new(), Vec::new());
        for &calls in &self.calls {
            let floor = if self.node_only {
                None
            } else {
                Some(self.common.row(&mut self.common.floor(Work::Forward)?, calls)?)
            };
            let mut node = self.common.node()?;
            if self.node_only {
                report::note(&format!("the node is process {}", node.pid()));
            }
            let node = self.common.row(&mut node, calls)?;
            let cost = 100.0 * node.busy() / calls as f64;
            said.push_str(&format!("* {calls} calls: {cost:.3} % of a core per call"));
            if let Some(floor) = floor {
                let packet = |row: &Row| row.cpu_per_packet().as_secs_f64();
                said.push_str(&format!("; {:.2} × the floor", packet(&node) / packet(&floor)));
            }
            said.push('\n');
            costs.push(cost);
        }
        let most = costs.iter().copied().fold(0.0, f64::max);
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let spread = 100.0 * (most - least) / (most + least);
        said.push_str(&format!("* the same for each call within ± {spread:.0} %\n"));
        report::print(&format!("\n{said}"));
        Ok(())
    }
}
