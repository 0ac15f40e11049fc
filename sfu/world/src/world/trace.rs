//! A look at everything over time, for finding out why.

use std::fmt::Write;

use super::{World, WorldPlan};

/// One moment of one media flow.
#[derive(Debug, Clone, Copy)]
pub struct TraceRow {
    /// Seconds.
    pub at: f64,
    /// Call and publishing side.
    pub flow: (usize, usize),
    /// Of the first measured link, kbit/s.
    pub capacity: f64,
    /// Of the first measured link, ms.
    pub backlog: f64,
    /// At that link over the last 50 ms, kbit/s.
    pub offered: f64,
    /// To the viewer over the last 50 ms, kbit/s.
    pub delivered: f64,
    /// The node's estimate of the viewer's way, kbit/s.
    pub downlink: f64,
    /// The publisher's target, its own estimate and the limit it was told, kbit/s.
    pub target: f64,
    /// See `target`.
    pub own: f64,
    /// See `target`.
    pub limit: f64,
    /// Bytes in the publisher's pacer.
    pub pacer: usize,
    /// Frames shown so far.
    pub shown: usize,
    /// From capture to screen of the latest one, ms.
    pub latency: f64,
}

/// Rows in order of time.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The rows.
    pub rows: Vec<TraceRow>,
}

impl Trace {
    /// Comma-separated values with a line of names.
    pub fn csv(&self) -> String {
        let mut csv = String::from(
            "secs,call,side,capacity_kbps,backlog_ms,offered_kbps,delivered_kbps,downlink_kbps,\
             target_kbps,own_kbps,limit_kbps,pacer_bytes,frames_shown,\
             latency_ms\n",
        );
        for row in &self.rows {
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{:.2},{},{},{:.0},{:.1},{:.0},{:.0},{:.0},{:.0},{:.0},{:.0},{},{},{:.0}",
                row.at,
                row.flow.0,
                row.flow.1,
                row.capacity,
                row.backlog,
                row.offered,
                row.delivered,
                row.downlink,
                row.target,
                row.own,
                row.limit,
                row.pacer,
                row.shown,
                row.latency,
            );
        }
        csv
    }
}

impl World {
    pub(super) fn sample_trace(&mut self) {
        let now = self.case_time().as_secs();
        let Some(trace) = &mut self.trace else { return };
        let link = self.record.links.first().and_then(|link| link.samples.last());
        let (capacity, backlog) = link.map_or((0.0, 0.0), |link| (link.capacity, link.backlog));
        for (index, call) in self.calls.iter().enumerate() {
            let Some(call) = call else { continue };
            for side in [0, 1] {
                let Some(publisher) = &call.pages[side].publisher else { continue };
                let record = &self.record.flows[WorldPlan::media(index, side).0];
                let (own, limit) = publisher.estimates();
                let shown = call.pages[1 - side].viewer.shown();
                let latency = shown.last().map_or(0.0, |shown| shown.latency.as_secs_f64());
                trace.rows.push(TraceRow {
                    at: now,
                    flow: (index, side),
                    capacity: capacity / 1e3,
                    backlog: backlog * 1e3,
                    offered: record.offered.rate(now - 0.05, now) / 1e3,
                    delivered: record.delivered.rate(now - 0.05, now) / 1e3,
                    downlink: call.node.legs[1 - side].downlink() as f64 / 1e3,
                    target: publisher.target() / 1e3,
                    own: own / 1e3,
                    limit: limit.unwrap_or(0.0) / 1e3,
                    pacer: publisher.queued(),
                    shown: shown.len(),
                    latency: latency * 1e3,
                });
            }
        }
    }
}
