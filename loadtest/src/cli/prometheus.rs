//! The run's metrics for Prometheus, while it goes on.

use std::{fmt::Write, net::SocketAddr};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use signaling_wire::browser::Role;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    measure::{Metric, Tally, Value, side_name},
    plan::Run,
};

/// Serves whatever text `now` holds, until the program ends.
pub(super) async fn serve(
    address: SocketAddr,
    now: watch::Receiver<String>,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/metrics", get(metrics)).with_state(now);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

async fn metrics(State(now): State<watch::Receiver<String>>) -> impl IntoResponse {
    let text = now.borrow().clone();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// A label's value, quoted.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The metrics in Prometheus' text format: trends as summaries, shares as two counters.
pub(super) fn text(run: &Run, tally: &Tally) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# TYPE loadtest_info gauge");
    let _ = writeln!(out, "loadtest_info{{scenario={}}} 1", quoted(run.name.as_str()));
    let _ = writeln!(out, "# TYPE loadtest_open_calls gauge");
    let _ = writeln!(out, "loadtest_open_calls {}", tally.open());
    for metric in Metric::ALL {
        one(&mut out, *metric, tally);
    }
    if !run.thresholds.is_empty() {
        let _ = writeln!(out, "# HELP loadtest_threshold_held Whether a threshold holds so far.");
        let _ = writeln!(out, "# TYPE loadtest_threshold_held gauge");
    }
    for threshold in &run.thresholds {
        let held = u8::from(threshold.judge(tally).held);
        let name = quoted(&threshold.to_string());
        let _ = writeln!(out, "loadtest_threshold_held{{threshold={name}}} {held}");
    }
    out
}

fn one(out: &mut String, metric: Metric, tally: &Tally) {
    let name = format!("loadtest_{metric}");
    let sides = [Some(Role::Shopper), Some(Role::Agent)];
    let by_side = sides.map(|side| (side, tally.all.value(metric, side)));
    let whole = tally.all.value(metric, None);
    let of_sides: u64 = by_side.iter().map(|(_, value)| value.samples()).sum();
    // What belongs to no side is told without one; the sum over the label is right either way.
    let values: Vec<_> = if of_sides == whole.samples() && of_sides > 0 {
        by_side.into_iter().filter(|(_, value)| value.samples() > 0).collect()
    } else {
        vec![(None, whole)]
    };
    let kind = match values.first() {
        Some((_, Value::Trend(_))) => "summary",
        _ => "counter",
    };
    let counter = if kind == "counter" { "_total" } else { "" };
    let _ = writeln!(out, "# HELP {name}{counter} {}.", metric.about());
    let _ = writeln!(out, "# TYPE {name}{counter} {kind}");
    for (side, value) in &values {
        let side = side.map(|side| format!("side=\"{}\"", side_name(side))).unwrap_or_default();
        let braces = if side.is_empty() { String::new() } else { format!("{{{side}}}") };
        let _ = match value {
            Value::Count(count) => writeln!(out, "{name}_total{braces} {count}"),
            Value::Share { of, .. } => writeln!(out, "{name}_total{braces} {of}"),
            Value::Trend(hist) => {
                for percent in [50.0, 95.0, 99.0] {
                    let comma = if side.is_empty() { "" } else { "," };
                    let quantile = percent / 100.0;
                    let figure = hist.percentile(percent).unwrap_or(f64::NAN);
                    let _ =
                        writeln!(out, "{name}{{{side}{comma}quantile=\"{quantile}\"}} {figure}");
                }
                let sum = hist.mean().unwrap_or(0.0) * hist.count() as f64;
                writeln!(out, "{name}_sum{braces} {sum}\n{name}_count{braces} {}", hist.count())
            }
        };
    }
    if values.iter().any(|(_, value)| matches!(value, Value::Share { .. })) {
        let _ = writeln!(out, "# HELP {name}_of_total All that {name}_total is a part of.");
        let _ = writeln!(out, "# TYPE {name}_of_total counter");
        for (side, value) in &values {
            let braces =
                side.map(|side| format!("{{side=\"{}\"}}", side_name(side))).unwrap_or_default();
            let _ = writeln!(out, "{name}_of_total{braces} {}", value.samples());
        }
    }
}
