//! Calls between two nodes beside the same calls on one.

use clap::Args;

use super::Common;
use crate::{
    measure::Row,
    report,
    target::{Target, TargetError, relayed::Relayed},
};

/// The same calls on one node, between two nodes, and between two nodes over a lossy way.
#[derive(Debug, Args)]
pub struct Relay {
    #[command(flatten)]
    common: Common,
    /// Numbers of calls
    #[arg(long, value_delimiter = ',', default_value = "20,50,100,200")]
    calls: Vec<usize>,
    /// Shares of datagrams lost between the nodes, each way
    #[arg(long, value_delimiter = ',', default_value = "0,0.01")]
    loss: Vec<f64>,
    /// How often each is measured
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

impl Relay {
    /// Measures and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        report::head();
        let mut rows: Vec<(Option<f64>, Row)> = Vec::new();
        for &calls in &self.calls {
            for _ in 0..self.runs {
                rows.push((None, self.common.row(&mut self.common.node()?, calls)?));
                for &loss in &self.loss {
                    rows.push((Some(loss), self.common.row(&mut self.start(loss)?, calls)?));
                }
            }
        }
        self.summary(&rows);
        Ok(())
    }

    fn start(&self, loss: f64) -> Result<impl Target + use<>, TargetError> {
        Relayed::start(&self.common.launch(), loss)
    }

    /// Medians over the runs, and what the second node adds.
    fn summary(&self, rows: &[(Option<f64>, Row)]) {
        report::print(
            "\n| calls | way | runs | µs per packet | × one node | p50 µs | p99 µs | added p50 µs | \
             added p99 µs | lost for good |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for &calls in &self.calls {
            let of = |way: Option<f64>| -> Vec<&Row> {
                let of = rows.iter().filter(|(w, row)| *w == way && row.calls == calls);
                of.map(|(_, row)| row).collect()
            };
            let median = |rows: &[&Row], of: fn(&Row) -> f64| {
                let mut values: Vec<f64> = rows.iter().map(|row| of(row)).collect();
                values.sort_by(f64::total_cmp);
                values.get(values.len() / 2).copied().unwrap_or_default()
            };
            let cost = |row: &Row| row.cpu_per_packet().as_nanos() as f64 / 1_000.0;
            let p50 = |row: &Row| row.latency.value_at_quantile(0.5) as f64 / 1_000.0;
            let p99 = |row: &Row| row.latency.value_at_quantile(0.99) as f64 / 1_000.0;
            let one = of(None);
            let base = [cost, p50, p99].map(|figure| median(&one, figure));
            for way in std::iter::once(None).chain(self.loss.iter().copied().map(Some)) {
                let rows = of(way);
                let [cost, p50, p99] = [cost, p50, p99].map(|figure| median(&rows, figure));
                let (sent, received) = rows.iter().fold((0, 0), |(sent, received), row| {
                    (sent + row.packets.0, received + row.packets.1)
                });
                let lost = sent.saturating_sub(received) as f64 / sent.max(1) as f64;
                let name = match way {
                    None => "one node".to_owned(),
                    Some(loss) => format!("two nodes, {} % loss", 100.0 * loss),
                };
                report::print(&format!(
                    "| {calls} | {name} | {} | {cost:.2} | {:.2} | {p50:.0} | {p99:.0} | {:.0} | \
                     {:.0} | {:.3} % |\n",
                    rows.len(),
                    cost / base[0].max(f64::EPSILON),
                    p50 - base[1],
                    p99 - base[2],
                    100.0 * lost,
                ));
            }
        }
    }
}
