//! How the generator itself is. A run in which it was the bottleneck says nothing about the
//! deployment.

use std::{sync::Arc, time::Duration};

use crate::{
    drive::{
        Clock,
        pool::{Pool, PoolLoad},
    },
    observe::GeneratorSample,
};

/// Looks after the generator.
pub(super) struct Health {
    clock: Clock,
    pool: Arc<Pool>,
    next: Duration,
    /// The longest that the run's own loop was late since the last sample.
    lag: Duration,
    before: Option<Usage>,
    cores: f64,
}

/// CPU time that was used up to some moment, in ticks.
#[derive(Debug, Clone, Copy)]
struct Usage {
    at: Duration,
    process: u64,
    busy: u64,
    all: u64,
}

const EVERY: Duration = Duration::from_secs(1);
/// A share of late turns above this is no accident: one of a hundred packets would carry the
/// generator's own delay.
const MOST_LATE: f64 = 0.01;
/// Standing still for so long is seen as a freeze of every call at once.
const MOST_LAG: Duration = Duration::from_millis(250);
/// CPU time is counted in hundredths of a second on every Linux of today (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// Pages of resident memory, on the machines that this runs on.
const PAGE_BYTES: u64 = 4_096;

impl Health {
    pub(super) fn new(clock: Clock, pool: Arc<Pool>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        Self { clock, pool, next: Duration::ZERO, lag: Duration::ZERO, before: None, cores }
    }

    /// The run's own loop woke up that much late.
    pub(super) fn woke(&mut self, late: Duration) {
        self.lag = self.lag.max(late);
    }

    /// A sample, if it is time for one.
    pub(super) fn sample(&mut self, now: Duration) -> Option<GeneratorSample> {
        if now < self.next {
            return None;
        }
        self.next = now + EVERY;
        let load = self.pool.take_load();
        let usage = usage(self.clock.now());
        let before = std::mem::replace(&mut self.before, usage);
        let (cpu, machine_cpu) = match (before, usage) {
            (Some(before), Some(usage)) => usage.since(before, self.cores),
            _ => (0.0, 0.0),
        };
        let lag = std::mem::take(&mut self.lag).max(load.lag);
        Some(GeneratorSample {
            at: now,
            worker: None,
            cpu,
            machine_cpu,
            lag,
            memory: resident().unwrap_or(0),
            dropped: load.dropped + load.unsent,
            overloaded: overloaded(&load, lag),
        })
    }
}

/// Why what was measured with such a load is not to be trusted, if it is not.
fn overloaded(load: &PoolLoad, lag: Duration) -> Option<String> {
    let late = load.late as f64 / load.sent.max(1) as f64;
    // The same words whatever the figure: reports count how often a reason was given.
    let reason = if load.unsent > 0 {
        "datagrams could not be sent"
    } else if load.dropped > 0 {
        "datagrams were dropped by the generator's own sockets"
    } else if lag >= MOST_LAG {
        "the generator stood still for a quarter of a second or more"
    } else if late > MOST_LATE {
        "more than 1 % of the packets were sent more than 10 ms late"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

impl Usage {
    /// Shares of the process's cores and of the machine's that were used since `before`.
    fn since(self, before: Self, cores: f64) -> (f64, f64) {
        let seconds = (self.at.saturating_sub(before.at)).as_secs_f64().max(1e-3);
        let process = (self.process - before.process) as f64 / TICKS_PER_SECOND / seconds / cores;
        let all = (self.all - before.all).max(1) as f64;
        (process.min(1.0), (self.busy - before.busy) as f64 / all)
    }
}

/// None where there is no Linux's `/proc`.
fn usage(at: Duration) -> Option<Usage> {
    let process = process_ticks(&std::fs::read_to_string("/proc/self/stat").ok()?)?;
    let (busy, all) = machine_ticks(&std::fs::read_to_string("/proc/stat").ok()?)?;
    Some(Usage { at, process, busy, all })
}

/// `utime` and `stime` (proc(5)), behind the name, which may hold anything.
fn process_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Busy and all ticks of all cores: everything but `idle` and `iowait` is busy. Guests' time is
/// contained in users'.
fn machine_ticks(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> =
        line.split_ascii_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
    let all = ticks.iter().sum::<u64>();
    Some((all - ticks.get(3)? - ticks.get(4)?, all))
}

fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_behind_any_name() {
        let stat = "7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 100 1 2";
        assert_eq!(process_ticks(stat), Some(300));
        assert_eq!(process_ticks("7 a"), None);
    }

    #[test]
    fn waiting_is_not_busy() {
        assert_eq!(machine_ticks("cpu  10 1 20 60 5 1 2 1 0 0\ncpu0 1\n"), Some((35, 100)));
    }

    #[test]
    fn only_what_spoils_figures_is_an_overload() {
        let good = PoolLoad { sent: 10_000, late: 99, ..PoolLoad::default() };
        assert_eq!(overloaded(&good, Duration::from_millis(100)), None);
        for (load, lag) in [
            (PoolLoad { late: 101, ..good }, Duration::ZERO),
            (PoolLoad { unsent: 1, ..good }, Duration::ZERO),
            (PoolLoad { dropped: 1, ..good }, Duration::ZERO),
            (good, MOST_LAG),
        ] {
            assert!(overloaded(&load, lag).is_some(), "{load:?} {lag:?}");
        }
    }
}
