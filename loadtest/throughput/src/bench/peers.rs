//! Others beside us: the same peers and the same media through Janus, coturn and mediasoup.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use rand::seq::SliceRandom;

use super::Common;
use crate::{
    measure::{Row, Verdict},
    report,
    target::{
        Target, TargetError,
        coturn::Coturn,
        floor::Work,
        janus::Janus,
        mediasoup::{self, Mediasoup},
    },
};

/// A forwarder to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Who {
    Vitrine,
    Floor,
    Janus,
    Coturn,
    Mediasoup,
}

/// The same calls through several forwarders, in another order each time.
#[derive(Debug, Args)]
pub struct Peers {
    #[command(flatten)]
    common: Common,
    /// Numbers of calls
    #[arg(long, value_delimiter = ',', default_value = "20")]
    calls: Vec<usize>,
    /// How often each is measured
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Which; default: vitrine, floor, janus, coturn, and mediasoup where there is one
    #[arg(long, value_delimiter = ',')]
    forwarders: Vec<Who>,
    /// Folder of an installed mediasoup (`…/node_modules/mediasoup`, with its worker); needs Node.js
    #[arg(long, value_name = "PATH", env = "MEDIASOUP")]
    mediasoup: Option<PathBuf>,
}

impl Peers {
    /// Measures and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        self.common.begin()?;
        for (program, arguments) in [("janus", "--version"), ("turnserver", "--version")] {
            report::print(&format!("* {program}: {}\n", version(program, arguments)));
        }
        let mut forwarders = self.forwarders.clone();
        if forwarders.is_empty() {
            forwarders = vec![Who::Vitrine, Who::Floor, Who::Janus, Who::Coturn];
            forwarders.extend(self.mediasoup.is_some().then_some(Who::Mediasoup));
        }
        if forwarders.contains(&Who::Mediasoup) {
            report::print(&format!("* mediasoup: {}\n", mediasoup::version(self.mediasoup()?)?));
        }
        report::print("\n");
        report::head();
        let mut rows: Vec<(Who, Row)> = Vec::new();
        for &calls in &self.calls {
            for _ in 0..self.runs {
                let mut order = forwarders.clone();
                order.shuffle(&mut rand::rng());
                for who in order {
                    rows.push((who, self.common.row(&mut *self.start(who)?, calls)?));
                }
            }
        }
        self.summary(&forwarders, &rows);
        Ok(())
    }

    /// Where it is installed.
    fn mediasoup(&self) -> Result<&Path, TargetError> {
        self.mediasoup.as_deref().ok_or_else(|| {
            TargetError::Protocol(
                "mediasoup: say where it is installed, with --mediasoup or in MEDIASOUP".to_owned(),
            )
        })
    }

    /// Of an average packet.
    fn bits_per_packet(&self) -> f64 {
        let packets = self.common.packets_per_second() as f64 / 2.0;
        let audio = light_peer::media::AUDIO_PER_SECOND as f64;
        ((packets - audio) * BITS_PER_VIDEO_PACKET + BITS_OF_AUDIO) / packets
    }

    fn start(&self, who: Who) -> Result<Box<dyn Target>, TargetError> {
        let (place, address) = (self.common.place(), self.common.bind);
        Ok(match who {
            Who::Vitrine => Box::new(self.common.node()?),
            Who::Floor => Box::new(self.common.floor(Work::Forward)?),
            Who::Janus => Box::new(Janus::start(&place, address)?),
            Who::Coturn => Box::new(Coturn::start(&place, address)?),
            Who::Mediasoup => Box::new(Mediasoup::start(&place, self.mediasoup()?, address)?),
        })
    }

    /// Medians and ranges of the rows without loss.
    fn summary(&self, forwarders: &[Who], rows: &[(Who, Row)]) {
        report::print(
            "\n| forwarder | calls | runs | µs per packet: median (range) | CPU-s per Gbit | \
             RSS MB per call | p50 µs | p99 µs |\n|---|---|---|---|---|---|---|---|\n",
        );
        for &calls in &self.calls {
            for &who in forwarders {
                let of = |row: &&(Who, Row)| {
                    row.0 == who && row.1.calls == calls && row.1.verdict() == Verdict::Good
                };
                let mut good: Vec<&Row> = rows.iter().filter(of).map(|(_, row)| row).collect();
                good.sort_by_key(|row| row.cpu_per_packet());
                let [Some(first), Some(last)] = [good.first(), good.last()] else {
                    report::print(&format!("| {who:?} | {calls} | 0 | – | – | – | – | – |\n"));
                    continue;
                };
                let cost = |row: &Row| row.cpu_per_packet().as_nanos() as f64 / 1_000.0;
                let median = |of: &dyn Fn(&Row) -> f64| median(&good, of);
                let micros = |q| median(&|row| row.latency.value_at_quantile(q) as f64 / 1_000.0);
                report::print(&format!(
                    "| {who:?} | {calls} | {} | {:.2} ({:.2}–{:.2}) | {:.2} | {:.2} | {:.0} | \
                     {:.0} |\n",
                    good.len(),
                    median(&cost),
                    cost(first),
                    cost(last),
                    median(&cost) / self.bits_per_packet() * 1e3,
                    median(&|row| row.resident as f64) / 1e6 / calls as f64,
                    micros(0.5),
                    micros(0.99),
                ));
            }
        }
    }
}

/// A figure of the middle one of some rows, or between the middle two.
fn median(sorted: &[&Row], of: &dyn Fn(&Row) -> f64) -> f64 {
    let upper = sorted.len() / 2;
    let lower = (sorted.len() - 1) / 2;
    (of(sorted[lower]) + of(sorted[upper])) / 2.0
}

/// Media payload of a packet of video, and of the sound of a second, in bits: 1.5 Mbit/s and 32 kbit/s as
/// usual.
const BITS_PER_VIDEO_PACKET: f64 = 1_500_000.0 / 180.0;
const BITS_OF_AUDIO: f64 = 32_000.0;

fn version(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.chars().any(|c| c.is_ascii_digit()));
    line.unwrap_or("not installed").trim().to_owned()
}
