//! The public HTTP surface: pages, WebSocket, API.
//!
//! Every error is `application/problem+json` ([`problem`]), whatever produced it.

mod agents;
mod api_key;
mod calls;
mod failures;
mod links;
mod nodes;
mod pages;
mod problem;
pub mod session;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, HeaderValue, header},
    middleware,
    routing::{delete, get, post},
};
use tower_http::{compression::CompressionLayer, set_header::SetResponseHeaderLayer};

pub use self::{
    api_key::{ApiKey, ApiKeys},
    failures::FailureLimit,
    problem::{ApiJson, ProblemResponse},
};
use crate::{app::App, config::Config, metrics, ws};

/// Largest request body. A link with a full context has about 6 kB.
const MAX_BODY: usize = 32 * 1024;

/// All public routes.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/v1/agent/session", post(session::sign_in).delete(session::sign_out))
        .route("/v1/links", post(links::create))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::get))
        .route("/v1/nodes", get(nodes::list))
        .route("/v1/agents", get(agents::list).post(agents::create))
        .route("/v1/agents/{id}", delete(agents::remove))
        .route("/v1/agents/{id}/sign-in-link", post(agents::sign_in_link))
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ));
    Router::new()
        .route("/", get(pages::front))
        .route("/join", get(pages::join))
        .route("/agent", get(pages::agent))
        .route("/assets/{*path}", get(pages::asset))
        .merge(api)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CompressionLayer::new())
        .route("/ws", get(ws::upgrade))
        .route("/ws/second", get(ws::upgrade_second))
        .layer(middleware::map_response(pages::secure))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), metrics::observe_request))
        .with_state(app)
}

/// The address a client counts by. IPv6 clients own at least a /64, so that is what counts.
#[must_use]
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, config: &Config) -> IpAddr {
    let forwarded = || {
        let value = headers.get_all("x-forwarded-for").iter().next_back()?;
        value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
    };
    let address = if config.trust_proxy { forwarded() } else { None };
    match address.unwrap_or(peer.ip()).to_canonical() {
        IpAddr::V6(address) => {
            const SUBNET: u128 = !0 << 64;
            IpAddr::V6((u128::from(address) & SUBNET).into())
        }
        address => address,
    }
}
