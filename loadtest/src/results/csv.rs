//! The time series as CSV (RFC 4180), for spreadsheets and plotting programs.

use std::fmt::Write;

use super::RunReport;
use crate::measure::{Hist, Row, ServerPoint};

const HEAD: &str = "at_seconds,open_calls,started,not_started,completed,failed,stopped,\
connect_count,connect_p50_seconds,connect_p95_seconds,connect_p99_seconds,connect_max_seconds,\
audio_latency_p50_seconds,audio_latency_p95_seconds,audio_latency_p99_seconds,\
video_latency_p50_seconds,video_latency_p95_seconds,video_latency_p99_seconds,\
received_bits_per_second,loss_ratio,frozen_ratio,leaked_packets,\
generator_cpu_ratio,generator_lag_seconds,generator_overloaded,\
server_cpu_cores,server_memory_bytes,server_fds,server_calls";

/// One line for each stretch of the run. A field is empty where nothing was measured.
pub fn csv(report: &RunReport) -> String {
    let mut out = format!("{HEAD}\r\n");
    let every = report.tally.series.every.as_secs_f64();
    for row in report.tally.series.rows() {
        let fields = fields(&row, every);
        let _ = write!(out, "{}\r\n", fields.join(","));
    }
    out
}

fn fields(row: &Row<'_>, every: f64) -> Vec<String> {
    let mut fields = vec![row.at.as_secs_f64().to_string(), row.open.to_string()];
    let Some(point) = row.point else {
        let columns = HEAD.split(',').count();
        fields.extend(["0"; 5].map(str::to_owned));
        fields.push("0".to_owned());
        fields.resize(columns, String::new());
        return fields;
    };
    let counts = [point.started, point.not_started, point.completed, point.failed, point.stopped];
    fields.extend(counts.map(|count| count.to_string()));
    fields.push(point.connect.count().to_string());
    fields.extend(percentiles(&point.connect, &[50.0, 95.0, 99.0, 100.0]));
    fields.extend(percentiles(&point.audio_latency, &[50.0, 95.0, 99.0]));
    fields.extend(percentiles(&point.video_latency, &[50.0, 95.0, 99.0]));
    fields.push((point.bytes as f64 * 8.0 / every).to_string());
    fields.push(text(point.loss()));
    fields.push(text(point.frozen_share()));
    fields.push(point.leaked.to_string());
    fields.push(point.generator_cpu.to_string());
    fields.push(point.generator_lag.as_secs_f64().to_string());
    fields.push(point.overloaded.to_string());
    let servers = || point.servers.values();
    fields.push(text(sum(servers().map(|server| server.cpu))));
    let whole: [fn(&ServerPoint) -> Option<u64>; 3] =
        [|server| server.memory, |server| server.fds, |server| server.calls];
    fields.extend(whole.map(|field| text(sum(servers().map(|s| field(s).map(|n| n as f64))))));
    fields
}

fn percentiles(hist: &Hist, percents: &[f64]) -> Vec<String> {
    percents.iter().map(|percent| text(hist.percentile(*percent))).collect()
}

fn text(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The sum of what is there; none when nothing is.
fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}
