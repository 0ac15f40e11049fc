//! The admin listener: health, metrics and the drain of nodes, for machines on the same host or network.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use signaling_wire::{
    browser::{Presence, Role},
    control::SignalingMessage,
    ids::NodeId,
};

use crate::{app::App, lead::Lead, metrics::Snapshot};

/// What the admin listener shows.
#[derive(Clone)]
pub struct Admin {
    /// The server.
    pub app: Arc<App>,
    /// The node in this process, if there is one.
    pub node: Option<sfu_node::Monitor>,
}

/// All admin routes.
pub fn router(admin: Admin) -> Router {
    let drain = post(async |app, node| drain(app, node, true).await)
        .delete(async |app, node| drain(app, node, false).await);
    Router::new()
        .route("/admin/nodes/{node}/drain", drain)
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

/// 200 when a new call could be made here, else 503 and why not.
async fn ready(State(Admin { app, .. }): State<Admin>) -> impl IntoResponse {
    let not = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n"));
    if app.stopping.load(Ordering::Relaxed) {
        return not("stopping");
    }
    if let Err(error) = app.store.check().await {
        tracing::warn!(%error, "the store cannot be written");
        return not("the store cannot be written");
    }
    if matches!(app.lead.now(), Lead::Nobody | Lead::Taking(_)) {
        return not("no instance that leads can be reached");
    }
    if app.nodes.states().serving == 0 {
        return not("no media node takes calls");
    }
    (StatusCode::OK, "ready\n".to_owned())
}

/// Passes the wish on; the node says to everybody that it drains, and so it comes back.
async fn drain(
    State(Admin { app, .. }): State<Admin>,
    Path(node): Path<String>,
    on: bool,
) -> impl IntoResponse {
    let found = node.parse::<NodeId>().ok().and_then(|id| app.nodes.get(id));
    match found {
        Some(node) if node.send(SignalingMessage::Drain { on }) => {
            tracing::info!(node = %node.incarnation().node, on, "drain");
            (StatusCode::ACCEPTED, "the node is told\n")
        }
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "the node is out of reach\n"),
        None => (StatusCode::NOT_FOUND, "no such node has a control link\n"),
    }
}

async fn metrics(State(Admin { app, node }): State<Admin>) -> impl IntoResponse {
    const PRESENCES: [Presence; 5] = [
        Presence::Break,
        Presence::Available,
        Presence::Ringing,
        Presence::InCall,
        Presence::WrapUp,
    ];
    let here = app.lead.here();
    let counters = here.as_ref().map(|here| here.desk.counters()).unwrap_or_default();
    let snapshot = Snapshot {
        sockets: [Role::Shopper, Role::Agent].map(|r| (r, app.sockets.count(r))).to_vec(),
        seconds: app.seconds.count(),
        // The desk counts the agents of all instances.
        agents: PRESENCES
            .map(|p| (p, if here.is_some() { app.sockets.agents(p) } else { 0 }))
            .to_vec(),
        leads: here.is_some(),
        nodes: app.nodes.states(),
        waiting: counters.waiting,
        calls: counters.active,
        legs: here.as_ref().map_or(0, |here| here.legs.len()),
        standing: app.standing.as_ref().map(|standing| *standing.borrow()),
        backlog: counters.backlog,
    };
    let embedded = node.map(|node| node.metrics()).unwrap_or_default();
    let text = app.metrics.render(&snapshot, embedded);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
