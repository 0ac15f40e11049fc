//! Tables, as Markdown.

use crate::measure::{Oddities, Row, Verdict};

/// Prints the head of the table of rows.
pub fn head() {
    print(
        "| forwarder | calls | packets/s | core | packets/s per core | µs per packet | user | \
         p50 µs | p99 µs | p99.9 µs | RSS MB | lost | dropped | generator | verdict |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
}

/// Prints a row.
pub fn row(row: &Row) {
    let (sent, received) = row.packets;
    let micros = |quantile| row.latency.value_at_quantile(quantile) as f64 / 1_000.0;
    let verdict = match row.verdict() {
        Verdict::Good => "good",
        Verdict::Loss => "LOSS",
        Verdict::Generator => "INVALID: generator",
    };
    print(&format!(
        "| {} | {} | {:.0} | {:.1} % | {:.0} | {:.2} | {:.0} % | {:.0} | {:.0} | {:.0} | {:.1} | \
         {} | {} | {:.0} %, late {:.1} ms | {verdict} |\n",
        row.target,
        row.calls,
        row.rate(),
        100.0 * row.busy(),
        row.rate() / row.busy().max(f64::EPSILON),
        row.cpu_per_packet().as_nanos() as f64 / 1_000.0,
        100.0 * row.cpu.user_share,
        micros(0.5),
        micros(0.99),
        micros(0.999),
        row.resident as f64 / 1e6,
        sent as i64 - received as i64,
        row.drops,
        100.0 * row.generator_busy,
        row.late as f64 / 1e6,
    ));
    if !row.oddities.is_empty() {
        let Oddities { asked, repeated, requested, repairs, strange } = row.oddities;
        note(&format!(
            "{} at {} calls: {asked} NACKs of the forwarder, {repeated} packets repeated by the peers, \
             {requested} NACKs of the peers, {repairs} needless repairs or probes, {strange} strange \
             datagrams",
            row.target, row.calls
        ));
    }
    if row.stolen > 0.01 {
        note(&format!("{:.1} % of the machine were stolen meanwhile", 100.0 * row.stolen));
    }
}

/// Prints a line beside the tables.
pub fn note(text: &str) {
    use std::io::Write as _;
    // Nobody to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "  {text}");
}

/// Prints to standard output.
pub fn print(text: &str) {
    use std::io::Write as _;
    let mut output = std::io::stdout();
    // The reader has gone: the figures have no other place.
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
