//! Health and metrics over HTTP, on a listener of their own: `/livez`, `/readyz`, `/metrics`.

use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus::TextEncoder;
use serde::Serialize;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::node::{Monitor, Readiness};

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
    pub async fn start(address: SocketAddr, monitor: Monitor) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router(monitor)).await {
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

fn router(monitor: Monitor) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
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

async fn metrics(State(monitor): State<Monitor>) -> impl IntoResponse {
    match TextEncoder::new().encode_to_string(&monitor.metrics()) {
        Ok(text) => Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text)),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}
