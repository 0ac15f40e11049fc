//! Legs over TCP.

use super::Scrape;
use crate::worker::{GateStats, WorkerStats};

impl Scrape {
    pub(super) fn tcp(&self, workers: &[WorkerStats], gate: GateStats) -> prometheus::Result<()> {
        let total = |of: fn(&WorkerStats) -> u64| workers.iter().map(of).sum::<u64>();
        let over_tcp = total(|w| w.core.tcp_legs);
        self.gauge(
            "sfu_legs_by_transport",
            "Open legs by what their media is sent over; those that are not connected count as UDP.",
            "transport",
            &[
                ("udp", total(|w| w.core.legs).saturating_sub(over_tcp) as f64),
                ("tcp", over_tcp as f64),
            ],
        )?;
        self.plain("sfu_tcp_connections", "Open TCP connections of pages.", gate.open as f64)?;
        self.counter(
            "sfu_tcp_connections_total",
            "TCP connections to the media port, by what became of them.",
            "outcome",
            &[
                ("handed_over", gate.handed_over),
                ("full", gate.full),
                ("crowded_out", gate.crowded_out),
                ("strange", gate.strange),
                ("slow", gate.slow),
                ("error", gate.errors),
                ("unauthenticated", total(|w| w.io.tcp.unauthenticated)),
            ],
        )?;
        self.counter(
            "sfu_tcp_datagrams_total",
            "Datagrams over TCP connections.",
            "direction",
            &[
                ("received", total(|w| w.io.tcp.datagrams_received)),
                ("sent", total(|w| w.io.tcp.datagrams_sent)),
            ],
        )?;
        self.counter(
            "sfu_tcp_bytes_total",
            "Bytes of the datagrams over TCP connections.",
            "direction",
            &[
                ("received", total(|w| w.io.tcp.bytes_received)),
                ("sent", total(|w| w.io.tcp.bytes_sent)),
            ],
        )?;
        self.counter(
            "sfu_tcp_dropped_datagrams_total",
            "Datagrams that a TCP connection did not carry.",
            "reason",
            &[
                ("send_buffer_full", total(|w| w.io.tcp.send_buffer_full)),
                ("ended", total(|w| w.io.tcp.ended)),
                ("oversized", total(|w| w.io.tcp.oversized)),
            ],
        )?;
        self.counter(
            "sfu_tcp_held_up_total",
            "Times that a TCP connection took nothing for a while and its media waited.",
            "direction",
            &[("sent", total(|w| w.io.tcp.held_up))],
        )
    }
}
