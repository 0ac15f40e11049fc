//! Health, metrics and the drain over HTTP, on a listener of their own: `/livez`, `/readyz`,
//! `/metrics`, `/signaling` (how the node stands with every signaling instance), and
//! `POST` and `DELETE` `/admin/drain`.

use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use prometheus::{TextEncoder, core::Collector, process_collector::ProcessCollector};
use serde::Serialize;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    control::client::{Seen, Standing},
    node::{Drain, Monitor, Readiness},
};

/// Body of `/readyz`.
#[derive(Serialize)]
struct Ready {
    state: &'static str,
    version: &'static str,
}

/// The admin listener, serving until it is dropped.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Admin {
    /// Listens on `address`.
    pub async fn start(address: SocketAddr, monitor: Monitor, drain: Drain) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router(monitor, drain)).await {
                tracing::error!(%error, "the admin listener failed");
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(monitor: Monitor, drain: Drain) -> Router {
    let draining = post(async |drain| set_drain(drain, true).await)
        .delete(async |drain| set_drain(drain, false).await);
    Router::new()
        .route("/admin/drain", draining)
        .with_state(drain)
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/signaling", get(signaling))
        .with_state(monitor)
}

/// This process answers: nothing else counts, or an outage elsewhere would restart every node.
async fn live() -> &'static str {
    "alive\n"
}

async fn ready(State(monitor): State<Monitor>) -> impl IntoResponse {
    let readiness = monitor.readiness();
    let code = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Unregistered | Readiness::Draining | Readiness::Degraded => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (code, Json(Ready { state: readiness.name(), version: env!("CARGO_PKG_VERSION") }))
}

/// A signaling instance in the body of `/signaling`.
#[derive(Serialize)]
struct Instance {
    /// The address that names it.
    address: SocketAddr,
    /// `registered` or `dialing`.
    state: &'static str,
    /// For how long, in seconds.
    for_s: u64,
    /// Registrations since the node's start.
    registrations: u64,
    /// The address it is linked through, which may be of the other family.
    #[serde(skip_serializing_if = "Option::is_none")]
    linked: Option<SocketAddr>,
    /// Round trip of the link in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ms: Option<f64>,
    /// Why there is no link.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Instance {
    fn new((address, seen): (SocketAddr, Seen)) -> Self {
        let Seen { standing, since, registrations } = seen;
        let for_s = since.elapsed().as_secs();
        let (state, linked, rtt_ms, error) = match standing {
            Standing::Dialing { error } => ("dialing", None, None, error),
            Standing::Registered { remote, connection } => {
                let rtt = connection.rtt().as_secs_f64() * 1_000.0;
                ("registered", Some(remote), Some(rtt), None)
            }
        };
        Self { address, state, for_s, registrations, linked, rtt_ms, error }
    }
}

async fn signaling(State(monitor): State<Monitor>) -> Json<Vec<Instance>> {
    Json(monitor.signaling().into_iter().map(Instance::new).collect())
}

/// Answers with what the node carries; whoever drains asks again until nothing is left.
async fn set_drain(State(drain): State<Drain>, on: bool) -> impl IntoResponse {
    match drain.set(on).await {
        Ok(load) => {
            tracing::info!(on, legs = load.legs, calls = load.calls, "drain");
            Ok(Json(load))
        }
        Err(ended) => Err((StatusCode::SERVICE_UNAVAILABLE, format!("{ended}\n"))),
    }
}

async fn metrics(State(monitor): State<Monitor>) -> impl IntoResponse {
    let mut families = monitor.metrics();
    // Where a node is embedded, the process is somebody else's to tell of.
    families.extend(ProcessCollector::for_self().collect());
    match TextEncoder::new().encode_to_string(&families) {
        Ok(text) => Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text)),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}
