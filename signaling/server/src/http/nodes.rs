//! `GET /v1/nodes`: the media nodes that are registered with this signaling instance.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{Json, extract::State, response::IntoResponse};
use serde::Serialize;
use signaling_wire::ids::{NodeEpoch, NodeId};

use super::ApiKey;
use crate::{
    app::App,
    control::{Eligibility, Node},
};

#[derive(Debug, Serialize)]
struct Body {
    nodes: Vec<NodeBody>,
}

/// A node as the API shows it.
#[derive(Debug, Serialize)]
struct NodeBody {
    id: NodeId,
    epoch: NodeEpoch,
    region: String,
    version: String,
    /// It runs the version of this signaling instance.
    same_version: bool,
    /// `serving`, `draining`, `full` or `silent`; only the first is given legs.
    state: &'static str,
    /// Share of its capacity in use, placements included that it has not reported yet; absent
    /// when it is given nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<f32>,
    /// Busiest worker's share of a core.
    busy: f32,
    legs: u32,
    calls: u32,
    /// Most calls it should be given.
    capacity: u32,
    addresses: Vec<SocketAddr>,
    /// Round trip of the control link in milliseconds.
    control_rtt_ms: f64,
    /// Age of the latest report in milliseconds.
    report_age_ms: u64,
}

impl NodeBody {
    fn new(node: &Node, now: Instant) -> Self {
        let (eligibility, load) = (node.eligibility(now), node.load());
        let incarnation = node.incarnation();
        Self {
            id: incarnation.node,
            epoch: incarnation.epoch,
            region: node.region().to_owned(),
            version: node.version().to_owned(),
            same_version: node.is_same_version(),
            state: eligibility.name(),
            load: match eligibility {
                Eligibility::Eligible(load) => Some(load),
                _ => None,
            },
            busy: load.busy,
            legs: load.legs,
            calls: load.calls,
            capacity: node.capacity(),
            addresses: node.addresses().to_vec(),
            control_rtt_ms: node.control_rtt().as_secs_f64() * 1_000.0,
            report_age_ms: u64::try_from(node.report_age(now).as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// All of them.
pub(super) async fn list(State(app): State<Arc<App>>, _: ApiKey) -> impl IntoResponse {
    let now = Instant::now();
    let nodes = app.nodes.all().iter().map(|node| NodeBody::new(node, now)).collect();
    Json(Body { nodes })
}
