//! Metrics of a node in Prometheus' terms: base units, `sfu_` prefix, no labels per call or leg.
//!
//! Built afresh for every scrape from the counters that the workers copy out.

mod durations;
pub(crate) mod relay;
mod tcp;

use prometheus::{
    Gauge, GaugeVec, IntCounterVec, Opts, Registry, core::Collector, proto::MetricFamily,
};

use sfu_core::Counters;

use self::durations::Durations;
use crate::{
    node::{Readiness, Status},
    worker::{GateStats, Granted, Histogram, WorkerStats},
};

/// What the kernel tells of the media sockets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel {
    /// Datagrams that the receive buffers had no room for.
    pub(crate) drops: u64,
    /// The smallest buffers that it has granted.
    pub(crate) granted: Granted,
}

/// The metrics of this moment.
pub(crate) fn gather(
    readiness: Readiness,
    status: &Status,
    workers: &[WorkerStats],
    kernel: Kernel,
    gate: GateStats,
) -> Vec<MetricFamily> {
    build(readiness, status, workers, kernel, gate).unwrap_or_else(|error| {
        // Only a name that is wrong or given twice: caught by the test below.
        tracing::error!(%error, "metrics cannot be built");
        Vec::new()
    })
}

fn build(
    readiness: Readiness,
    status: &Status,
    workers: &[WorkerStats],
    kernel: Kernel,
    gate: GateStats,
) -> prometheus::Result<Vec<MetricFamily>> {
    let scrape = Scrape(Registry::new());
    scrape.gauge(
        "sfu_build_info",
        "Version of the node; the value is always 1.",
        "version",
        &[(env!("CARGO_PKG_VERSION"), 1.0)],
    )?;
    scrape.gauge(
        "sfu_node_state",
        "1 for the state that the node is in.",
        "state",
        &Readiness::ALL.map(|state| (state.name(), f64::from(state == readiness))),
    )?;
    scrape.plain("sfu_legs", "Open legs.", f64::from(status.load.legs))?;
    scrape.plain(
        "sfu_warm_legs",
        "Legs whose handshake is done.",
        workers.iter().map(|w| w.core.warm_legs).sum::<u64>() as f64,
    )?;
    scrape.plain("sfu_calls", "Bridged calls.", f64::from(status.load.calls))?;
    scrape.plain(
        "sfu_control_links",
        "Signaling instances that have registered this node.",
        status.links as f64,
    )?;
    scrape.plain(
        "sfu_load_ratio",
        "Busiest worker's share of a core in the last second.",
        f64::from(status.load.busy),
    )?;
    let total = |of: fn(&WorkerStats) -> u64| workers.iter().map(of).sum::<u64>();
    scrape.counter(
        "sfu_udp_datagrams_total",
        "Datagrams through the media sockets.",
        "direction",
        &[
            ("received", total(|w| w.io.datagrams_received)),
            ("sent", total(|w| w.io.datagrams_sent)),
        ],
    )?;
    scrape.counter(
        "sfu_udp_bytes_total",
        "UDP payload bytes through the media sockets.",
        "direction",
        &[("received", total(|w| w.io.bytes_received)), ("sent", total(|w| w.io.bytes_sent))],
    )?;
    scrape.counter(
        "sfu_udp_syscalls_total",
        "System calls that moved datagrams; fewer than datagrams where offload works.",
        "direction",
        &[("received", total(|w| w.io.receives)), ("sent", total(|w| w.io.sends))],
    )?;
    scrape.counter(
        "sfu_udp_errors_total",
        "Datagrams that did not get through a socket, and receives that failed.",
        "reason",
        &[
            ("receive", total(|w| w.io.receive_errors)),
            ("receive_buffer_full", kernel.drops),
            ("send", total(|w| w.io.send_errors)),
            ("send_buffer_full", total(|w| w.io.send_buffer_full)),
        ],
    )?;
    scrape.gauge(
        "sfu_udp_buffer_bytes",
        "Smallest socket buffer that the kernel has granted; 4 MiB are asked for.",
        "direction",
        &[("receive", kernel.granted.receive as f64), ("send", kernel.granted.send as f64)],
    )?;
    scrape.tcp(workers, gate)?;
    scrape.durations(
        "sfu_forwarding_seconds",
        "From the arrival of media in the kernel until its batch was handed back to it.",
        workers.iter().map(|w| &w.io.forwarding),
    )?;
    scrape.durations(
        "sfu_worker_turn_seconds",
        "How long a worker takes from one look at its socket and queues to the next.",
        workers.iter().map(|w| &w.io.turns),
    )?;
    scrape.counter(
        "sfu_worker_forwarded_total",
        "Datagrams for legs that have moved to another worker.",
        "outcome",
        &[("passed", total(|w| w.io.forwarded)), ("dropped", total(|w| w.io.forward_dropped))],
    )?;
    scrape.counter(
        "sfu_worker_failures_total",
        "Workers that panicked; each lost its legs.",
        "kind",
        &[("panic", total(|w| w.io.panics))],
    )?;
    scrape.counter(
        "sfu_datagrams_dropped_total",
        "Received datagrams that had no effect.",
        "reason",
        &dropped(workers),
    )?;
    scrape.counter(
        "sfu_media_total",
        "RTP packets and bytes, repairs and key frames, as the legs count them.",
        "what",
        &media(workers),
    )?;
    let counted = |of: fn(&Counters) -> u64| workers.iter().map(|w| of(&w.core.media)).sum::<u64>();
    scrape.counter(
        "sfu_nacked_packets_total",
        "Packets asked for again, of a page (sent) and by one (received).",
        "direction",
        &[("sent", counted(|c| c.nacks_sent)), ("received", counted(|c| c.nacks_received))],
    )?;
    scrape.counter(
        "sfu_key_frame_requests_total",
        "Key frames asked for, of a page (sent) and by one (received).",
        "direction",
        &[
            ("sent", counted(|c| c.key_frames_asked)),
            ("received", counted(|c| c.key_frame_requests)),
        ],
    )?;
    scrape.counter(
        "sfu_pacer_dropped_packets_total",
        "Packets for a page that were dropped rather than sent late.",
        "reason",
        &[
            ("layer", counted(|c| c.dropped_layer)),
            ("queue", counted(|c| c.dropped_queue)),
            ("late", counted(|c| c.dropped_late)),
            ("superseded", counted(|c| c.dropped_superseded)),
            ("paused", counted(|c| c.dropped_paused)),
            ("blind", counted(|c| c.dropped_blind)),
            ("overflow", counted(|c| c.overflowed)),
        ],
    )?;
    scrape.counter(
        "sfu_probe_packets_total",
        "Bursts sent to find out whether more gets through, and packets repeated to fill them.",
        "what",
        &[("burst", counted(|c| c.probes_sent)), ("filling", counted(|c| c.probe_packets))],
    )?;
    scrape.counter(
        "sfu_ice_checks_total",
        "Connectivity checks of legs that were validated, and of pages that measure, answered.",
        "outcome",
        &[("validated", total(|w| w.core.checks)), ("measuring", total(|w| w.core.measured))],
    )?;
    scrape.counter(
        "sfu_packets_unsealed_total",
        "Packets of ours that could not be protected; above zero means a defect.",
        "protocol",
        &[("srtp", total(|w| w.core.unsealed))],
    )?;
    let busy: Vec<_> =
        workers.iter().enumerate().map(|(i, w)| (i.to_string(), f64::from(w.busy))).collect();
    let busy: Vec<_> = busy.iter().map(|(i, busy)| (i.as_str(), *busy)).collect();
    scrape.gauge(
        "sfu_worker_busy_ratio",
        "Share of the last second in which the worker did not sleep.",
        "worker",
        &busy,
    )?;
    Ok(scrape.0.gather())
}

/// Drops of all workers by reason.
fn dropped(workers: &[WorkerStats]) -> Vec<(&'static str, u64)> {
    sum(workers.iter().map(|worker| worker.core.dropped.by_reason().into_iter()))
}

/// What the legs of all workers count, by name.
fn media(workers: &[WorkerStats]) -> Vec<(&'static str, u64)> {
    sum(workers.iter().map(|worker| worker.core.media.iter()))
}

/// Adds up counters that come with the same names in the same order.
fn sum<C: Iterator<Item = (&'static str, u64)>>(
    all: impl Iterator<Item = C>,
) -> Vec<(&'static str, u64)> {
    let mut sum: Vec<(&'static str, u64)> = Vec::new();
    for counters in all {
        for (index, (name, count)) in counters.enumerate() {
            match sum.get_mut(index) {
                Some(slot) => slot.1 += count,
                None => sum.push((name, count)),
            }
        }
    }
    sum
}

/// One scrape in the making.
struct Scrape(Registry);

impl Scrape {
    fn add(&self, collector: impl Collector + 'static) -> prometheus::Result<()> {
        self.0.register(Box::new(collector))
    }

    fn plain(&self, name: &str, help: &str, value: f64) -> prometheus::Result<()> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        self.add(gauge)
    }

    fn gauge(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[(&str, f64)],
    ) -> prometheus::Result<()> {
        let gauges = GaugeVec::new(Opts::new(name, help), &[label])?;
        for (label, value) in values {
            gauges.with_label_values(&[label]).set(*value);
        }
        self.add(gauges)
    }

    fn durations<'a>(
        &self,
        name: &str,
        help: &str,
        of_workers: impl Iterator<Item = &'a Histogram>,
    ) -> prometheus::Result<()> {
        let mut counted = Histogram::default();
        of_workers.for_each(|histogram| counted.add(histogram));
        self.add(Durations::new(name, help, counted)?)
    }

    fn counter(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[(&str, u64)],
    ) -> prometheus::Result<()> {
        let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
        for (value, count) in values {
            counters.with_label_values(&[value]).inc_by(*count);
        }
        self.add(counters)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::TextEncoder;

    use super::*;
    use crate::worker::IoStats;

    #[test]
    fn every_metric_is_there_and_workers_add_up() {
        let worker = |received| {
            let mut io = IoStats { datagrams_received: received, ..IoStats::default() };
            io.forwarding.record(Duration::from_micros(90));
            io.turns.record(Duration::from_secs(1));
            let mut worker = WorkerStats { io, busy: 0.5, ..WorkerStats::default() };
            worker.core.dropped.unknown_source = 3;
            worker.core.media.nacks_sent = 4;
            (worker.core.legs, worker.core.tcp_legs) = (3, 1);
            worker.io.tcp.send_buffer_full = 1;
            worker.core.media.dropped_layer = 5;
            worker
        };
        let gate = GateStats { open: 3, slow: 2, ..GateStats::default() };
        let kernel = Kernel { drops: 7, granted: Granted { receive: 212_992, send: 1 } };
        let families =
            build(Readiness::Ready, &Status::starting(), &[worker(2), worker(3)], kernel, gate)
                .unwrap();
        let text = TextEncoder::new().encode_to_string(&families).unwrap();
        for line in [
            "sfu_udp_datagrams_total{direction=\"received\"} 5",
            "sfu_udp_errors_total{reason=\"receive_buffer_full\"} 7",
            "sfu_udp_buffer_bytes{direction=\"receive\"} 212992",
            "sfu_legs_by_transport{transport=\"udp\"} 4",
            "sfu_legs_by_transport{transport=\"tcp\"} 2",
            "sfu_tcp_connections 3",
            "sfu_tcp_connections_total{outcome=\"slow\"} 2",
            "sfu_tcp_dropped_datagrams_total{reason=\"send_buffer_full\"} 2",
            "sfu_forwarding_seconds_bucket{le=\"0.000075\"} 0",
            "sfu_forwarding_seconds_bucket{le=\"0.0001\"} 2",
            "sfu_worker_turn_seconds_bucket{le=\"0.3\"} 0",
            "sfu_worker_turn_seconds_count 2",
            "sfu_worker_turn_seconds_sum 2",
            "sfu_node_state{state=\"ready\"} 1",
            "sfu_node_state{state=\"draining\"} 0",
            "sfu_worker_busy_ratio{worker=\"1\"} 0.5",
            "sfu_datagrams_dropped_total{reason=\"unknown_source\"} 6",
            "sfu_media_total{what=\"nacks_sent\"} 8",
            "sfu_nacked_packets_total{direction=\"sent\"} 8",
            "sfu_pacer_dropped_packets_total{reason=\"layer\"} 10",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
        let badly_named = families.iter().find(|family| !family.name().starts_with("sfu_"));
        assert!(badly_named.is_none(), "{badly_named:?}");
    }
}
