//! The links to other nodes.

use prometheus::{Registry, proto::MetricFamily};
use sfu_core::RelayCounters;

use super::{Scrape, sum};
use crate::{relay::LinkFigures, worker::WorkerStats};

/// The metrics of this moment.
pub(crate) fn gather(
    links: &[LinkFigures],
    refused: u64,
    workers: &[WorkerStats],
) -> Vec<MetricFamily> {
    build(links, refused, workers).unwrap_or_else(|error| {
        // Only a name that is wrong or given twice: caught by the test below.
        tracing::error!(%error, "relay metrics cannot be built");
        Vec::new()
    })
}

fn build(
    links: &[LinkFigures],
    refused: u64,
    workers: &[WorkerStats],
) -> prometheus::Result<Vec<MetricFamily>> {
    let scrape = Scrape(Registry::new());
    let total = |of: fn(&LinkFigures) -> u64| links.iter().map(of).sum::<u64>();
    let repair = |of: fn(&RelayCounters) -> u64| workers.iter().map(|w| of(&w.core.relay)).sum();
    let up = links.iter().filter(|link| link.is_up).count();
    scrape.gauge(
        "sfu_relay_links",
        "Links to other nodes.",
        "state",
        &[("up", up as f64), ("down", (links.len() - up) as f64)],
    )?;
    scrape.plain(
        "sfu_relay_calls",
        "Calls whose other leg is on another node.",
        workers.iter().map(|w| w.core.relayed_calls).sum::<u64>() as f64,
    )?;
    scrape.counter(
        "sfu_relay_connections_total",
        "Connections with other nodes: proven, and refused for lack of a proof.",
        "outcome",
        &[("proven", total(|link| link.connections)), ("refused", refused)],
    )?;
    scrape.counter(
        "sfu_relay_datagrams_total",
        "Datagrams over links to other nodes; split counts those that needed two.",
        "what",
        &[
            ("received", total(|link| link.received)),
            ("sent", total(|link| link.sent)),
            ("split", total(|link| link.split)),
        ],
    )?;
    scrape.counter(
        "sfu_relay_bytes_total",
        "Bytes in datagrams over links to other nodes.",
        "direction",
        &[("received", total(|link| link.received_bytes)), ("sent", total(|link| link.sent_bytes))],
    )?;
    let mut dropped = sum(links.iter().map(|link| link.dropped.into_iter()));
    dropped.push(("malformed_media", repair(|relay| relay.malformed)));
    dropped.push(("ended_channel", repair(|relay| relay.unknown_channel)));
    scrape.counter(
        "sfu_relay_dropped_total",
        "Datagrams for or from other nodes that had no effect.",
        "reason",
        &dropped,
    )?;
    scrape.counter(
        "sfu_relay_packets_total",
        "Media packets on the way between nodes: received, asked for again, sent again, repaired \
         in time, and lost for good.",
        "what",
        &[
            ("received", repair(|relay| relay.packets_in)),
            ("asked", repair(|relay| relay.asked)),
            ("repeated", repair(|relay| relay.repeated)),
            ("not_repeated", repair(|relay| relay.not_repeated)),
            ("repaired", repair(|relay| relay.repaired)),
            ("lost", repair(|relay| relay.lost)),
            ("duplicate", repair(|relay| relay.duplicates)),
        ],
    )?;
    let round_trips: Vec<(String, f64)> = links
        .iter()
        .filter_map(|link| Some((link.node.to_string(), link.round_trip?.as_secs_f64())))
        .collect();
    let round_trips: Vec<(&str, f64)> =
        round_trips.iter().map(|(node, seconds)| (node.as_str(), *seconds)).collect();
    scrape.gauge(
        "sfu_relay_round_trip_seconds",
        "Round trip to another node.",
        "node",
        &round_trips,
    )?;
    let shares: Vec<(String, f64)> = links
        .iter()
        .filter_map(|link| Some((link.node.to_string(), link.share? as f64 / 8.0)))
        .collect();
    let shares: Vec<(&str, f64)> =
        shares.iter().map(|(node, bytes)| (node.as_str(), *bytes)).collect();
    scrape.gauge(
        "sfu_relay_share_bytes_per_second",
        "What each call over a link is held to while that is too narrow for all of them.",
        "node",
        &shares,
    )?;
    Ok(scrape.0.gather())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::TextEncoder;
    use signaling_wire::ids::NodeId;

    use super::*;

    #[test]
    fn links_and_workers_add_up() {
        let link = LinkFigures {
            node: NodeId::from_bits(1),
            is_up: true,
            connections: 1,
            sent: 5,
            sent_bytes: 500,
            received: 6,
            received_bytes: 600,
            split: 1,
            dropped: ["queue_full", "waited_too_long", "c", "d", "e", "f", "g"].map(|r| (r, 2)),
            round_trip: Some(Duration::from_millis(80)),
            share: Some(800_000),
        };
        let down = LinkFigures { is_up: false, round_trip: None, ..link };
        let mut worker = WorkerStats::default();
        worker.core.relay.repaired = 3;
        let families = build(&[link, down], 4, &[worker, worker]).unwrap();
        let text = TextEncoder::new().encode_to_string(&families).unwrap();
        for line in [
            "sfu_relay_links{state=\"up\"} 1",
            "sfu_relay_links{state=\"down\"} 1",
            "sfu_relay_connections_total{outcome=\"refused\"} 4",
            "sfu_relay_datagrams_total{what=\"sent\"} 10",
            "sfu_relay_dropped_total{reason=\"waited_too_long\"} 4",
            "sfu_relay_packets_total{what=\"repaired\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
        assert!(text.contains("sfu_relay_round_trip_seconds{node=\"node_"), "{text}");
        assert!(text.contains("sfu_relay_share_bytes_per_second{node=\"node_"), "{text}");
    }
}
