//! What is counted, in the words of Prometheus: `signaling_…`, base units, no label that grows
//! with the number of calls or people.
//!
//! Counters are moved where things happen; [`store`] watches the verbs that the desk stores, which
//! tell the whole life of a call; gauges are read when somebody asks ([`Metrics::render`]).

mod http;
mod moves;
mod pictures;
mod stages;
mod store;

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector, proto::MetricFamily,
};
use signaling_desk::{MoveCause, Moved, placement::Ground};
use signaling_wire::browser::{PageQuality, Presence, Role};

pub(crate) use self::http::observe_request;
pub use self::store::MeteredStore;
use self::{moves::Moves, pictures::Pictures};
use crate::{
    cluster::Standing,
    control::{NodeStates, OpenError},
    tokens::Rejected,
};

/// From a local socket to a phone on the other side of the world.
const LATENCY: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 5.0, 10.0];
/// Waiting for a person.
const PATIENCE: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    tokens_rejected: IntCounterVec,
    ws_rejected: IntCounterVec,
    ws_copies: IntCounterVec,
    legs_placed: IntCounterVec,
    legs_failed: IntCounterVec,
    http: HistogramVec,
    store: HistogramVec,
    setup: HistogramVec,
    queue_wait: Histogram,
    calls_started: prometheus::IntCounter,
    calls_ended: IntCounterVec,
    offers: IntCounterVec,
    moves: Moves,
    pictures: Pictures,
    gauges: Gauges,
}

/// What is so now.
#[derive(Debug)]
struct Gauges {
    sockets: IntGaugeVec,
    seconds: prometheus::IntGauge,
    agents: IntGaugeVec,
    nodes: IntGaugeVec,
    other_version: prometheus::IntGauge,
    queue: prometheus::IntGauge,
    calls: prometheus::IntGauge,
    legs: prometheus::IntGauge,
    backlog: prometheus::IntGauge,
    leads: prometheus::IntGauge,
    term: prometheus::IntGauge,
    confirmed: prometheus::Gauge,
}

/// The state of the server when somebody asks.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Open sockets by role.
    pub sockets: Vec<(Role, usize)>,
    /// Pages with a second connection.
    pub seconds: usize,
    /// Agents with an open console by state.
    pub agents: Vec<(Presence, usize)>,
    /// Nodes.
    pub nodes: NodeStates,
    /// Shoppers in the queue.
    pub waiting: usize,
    /// Active calls.
    pub calls: usize,
    /// Legs on all nodes.
    pub legs: usize,
    /// Changes that wait for the store.
    pub backlog: usize,
    /// Whether the desk is in this instance.
    pub leads: bool,
    /// The newest term this instance knows, and how long ago the database confirmed who leads;
    /// none where there is only one instance.
    pub(crate) standing: Option<Standing>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let make = Make(&registry);
        make.process();
        let build = make.gauges(
            "signaling_build_info",
            "Which software this is; always 1.",
            &["version", "protocol"],
        );
        let protocol = signaling_wire::PROTOCOL.to_string();
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), &protocol]).set(1);
        Self {
            tokens_rejected: make.counters(
                "signaling_token_rejected_total",
                "Credentials refused.",
                &["reason"],
            ),
            ws_rejected: make.counters(
                "signaling_ws_rejected_total",
                "WebSockets and their messages refused.",
                &["reason"],
            ),
            ws_copies: make.counters(
                "signaling_ws_copies_total",
                "Copies of messages of pages on second connections, by what became of them.",
                &["came"],
            ),
            legs_placed: make.counters(
                "signaling_legs_placed_total",
                "Legs that were given a node, by its region and what that follows from.",
                &["region", "ground"],
            ),
            legs_failed: make.counters(
                "signaling_legs_failed_total",
                "Legs that could not be opened or restarted.",
                &["reason"],
            ),
            http: make.histograms(
                "signaling_http_request_duration_seconds",
                "From a request to its response.",
                &["route", "code"],
                &LATENCY,
            ),
            store: make.histograms(
                "signaling_store_duration_seconds",
                "What the store took.",
                &["op", "outcome"],
                &LATENCY,
            ),
            setup: make.histograms(
                "signaling_call_setup_seconds",
                "From the press on Accept to a stage of setting up, by whose page reached it.",
                &["stage", "side"],
                &LATENCY,
            ),
            queue_wait: make.histogram(
                "signaling_queue_wait_seconds",
                "From joining the queue to an agent's Accept.",
                &PATIENCE,
            ),
            calls_started: make.counter("signaling_calls_started_total", "Calls accepted."),
            calls_ended: make.counters(
                "signaling_calls_ended_total",
                "Calls that ended, those nobody answered included.",
                &["reason"],
            ),
            offers: make.counters(
                "signaling_offers_ended_total",
                "Offers to agents that ended.",
                &["result"],
            ),
            moves: Moves::new(&make),
            pictures: Pictures::new(&make),
            gauges: Gauges {
                sockets: make.gauges(
                    "signaling_ws_connections",
                    "WebSockets that have said a good hello.",
                    &["role"],
                ),
                seconds: make.gauge(
                    "signaling_ws_second_connections",
                    "Pages with a second connection for what is waited for.",
                ),
                agents: make.gauges("signaling_agents", "Agents with an open console.", &["state"]),
                nodes: make.gauges(
                    "signaling_nodes",
                    "Media nodes with a live control link.",
                    &["state"],
                ),
                other_version: make.gauge(
                    "signaling_nodes_other_version",
                    "Media nodes with a live control link whose version is not ours.",
                ),
                queue: make.gauge("signaling_queue_waiting", "Shoppers waiting for an agent."),
                calls: make.gauge("signaling_calls", "Calls going on."),
                legs: make.gauge("signaling_legs", "Legs open on all nodes."),
                backlog: make.gauge("signaling_store_backlog", "Changes that wait for the store."),
                leads: make.gauge(
                    "signaling_leader",
                    "Whether the desk is in this instance: 1 for one of several, and for the only one.",
                ),
                term: make.gauge(
                    "signaling_leader_term",
                    "Newest term this instance knows; it grows when another instance takes over.",
                ),
                confirmed: make.seconds(
                    "signaling_leader_confirmed_age_seconds",
                    "Since the database last confirmed to this instance who leads.",
                ),
            },
            registry,
        }
    }

    /// Credentials were refused.
    pub fn token_rejected(&self, rejected: Rejected) {
        self.tokens_rejected.with_label_values(&[rejected.to_string()]).inc();
    }

    /// An API key was refused.
    pub fn api_key_rejected(&self) {
        self.tokens_rejected.with_label_values(&["api_key"]).inc();
    }

    /// Somebody who failed too often has to wait.
    pub fn rate_limited(&self) {
        self.tokens_rejected.with_label_values(&["rate_limited"]).inc();
    }

    /// A WebSocket or one of its messages was refused.
    pub fn ws_rejected(&self, reason: &'static str) {
        self.ws_rejected.with_label_values(&[reason]).inc();
    }

    /// A copy of a page's message has come on its second connection.
    pub fn ws_copy(&self, came: &'static str) {
        self.ws_copies.with_label_values(&[came]).inc();
    }

    /// A page in a call says what it sees.
    pub fn page_quality(&self, role: Role, report: &PageQuality) {
        self.pictures.report(&label(&role), report);
    }

    /// A call's move to another node, or a try of it, is over.
    pub fn call_moved(&self, cause: MoveCause, how: Moved, took: Duration) {
        self.moves.moved(cause, how, took);
    }

    /// A leg is opened in this region.
    pub fn leg_placed(&self, region: &str, ground: Ground) {
        self.legs_placed.with_label_values(&[region, ground.name()]).inc();
    }

    /// A leg could not be opened or restarted.
    pub fn leg_failed(&self, error: OpenError) {
        let reason = match error {
            OpenError::NoNode => "no_node".to_owned(),
            OpenError::NoAnswer => "no_answer".to_owned(),
            OpenError::Rejected(reason) => label(&reason),
        };
        self.legs_failed.with_label_values(&[reason]).inc();
    }

    /// All of it, and what the embedded node counts, as text in Prometheus' exposition format.
    #[must_use]
    pub fn render(&self, now: &Snapshot, embedded: Vec<MetricFamily>) -> String {
        let Gauges {
            sockets,
            seconds,
            agents,
            nodes,
            other_version,
            queue,
            calls,
            legs,
            backlog,
            leads,
            term,
            confirmed,
        } = &self.gauges;
        for (role, count) in &now.sockets {
            sockets.with_label_values(&[label(role)]).set(*count as i64);
        }
        seconds.set(now.seconds as i64);
        for (presence, count) in &now.agents {
            agents.with_label_values(&[label(presence)]).set(*count as i64);
        }
        nodes.with_label_values(&["serving"]).set(now.nodes.serving.into());
        nodes.with_label_values(&["not_eligible"]).set(now.nodes.not_eligible.into());
        other_version.set(now.nodes.other_version.into());
        queue.set(now.waiting as i64);
        calls.set(now.calls as i64);
        legs.set(now.legs as i64);
        backlog.set(now.backlog as i64);
        leads.set(now.leads.into());
        if let Some(standing) = &now.standing {
            term.set(standing.term);
            let age = standing.confirmed.map_or(f64::INFINITY, |at| at.elapsed().as_secs_f64());
            confirmed.set(age);
        }
        let mut families = self.registry.gather();
        families.extend(embedded);
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

/// A value's name on the wire, which is what its label is called.
fn label(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "other".to_owned(),
    }
}

/// Makes metrics and registers them. Names are literals in this file: a bad or doubled one is a
/// fault that the first test meets.
struct Make<'a>(&'a Registry);

impl Make<'_> {
    fn register<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let registered = made.and_then(|c| self.0.register(Box::new(c.clone())).map(|()| c));
        registered.expect("metric names are valid and unique")
    }

    /// What the process takes: processor time, memory, file descriptors.
    fn process(&self) {
        let collector = prometheus::process_collector::ProcessCollector::for_self();
        self.0.register(Box::new(collector)).expect("metric names are valid and unique");
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::IntCounter {
        self.register(prometheus::IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::IntGauge {
        self.register(prometheus::IntGauge::new(name, help))
    }

    fn seconds(&self, name: &str, help: &str) -> prometheus::Gauge {
        self.register(prometheus::Gauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(options))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_names_on_the_wire() {
        let metrics = Metrics::new();
        metrics.token_rejected(Rejected::Expired);
        let snapshot = Snapshot {
            agents: vec![(Presence::InCall, 2)],
            sockets: vec![(Role::Shopper, 3)],
            ..Snapshot::default()
        };
        let text = metrics.render(&snapshot, Vec::new());
        for line in [
            "signaling_token_rejected_total{reason=\"expired\"} 1",
            "signaling_agents{state=\"in_call\"} 2",
            "signaling_ws_connections{role=\"shopper\"} 3",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
