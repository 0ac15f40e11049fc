//! The pages' WebSocket.
//!
//! ```text
//! upgrade (Origin checked) ─► socket: hello ─► desk ─► admit: welcome
//!                               │                │
//!                     reader ───┴── messages ──► desk / legs
//!                     writer ◄── outbox (bounded) ◄── desk / legs
//! ```
//!
//! A page may have a second connection for copies of what is waited for: [`second`], and [`order`], which
//! puts both into one order.
//!
//! [`origin`] says who may open a socket, [`hello`] who is there, [`socket`] runs one socket,
//! [`seated`] is a page that the desk in this process serves, [`budget`] bounds what it may cost, and [`Sockets`] knows which are open.

mod budget;
mod hello;
mod order;
mod origin;
mod outbox;
mod seated;
mod second;
mod socket;
mod sockets;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::HeaderMap,
    response::Response,
};
use signaling_wire::{
    limits::{MAX_BROWSER_MESSAGE, MAX_SECOND_MESSAGE},
    problem::{Code, Problem, Stage},
};

pub(crate) use self::{
    outbox::{FarOutbox, Outbox},
    seated::Seated,
};
pub use self::{
    second::Seconds,
    sockets::{Sockets, Visitor},
};
use crate::{
    app::App,
    http::{ProblemResponse, client_address, session},
};

/// What the WebSocket layer takes before it cuts the connection. Above [`MAX_BROWSER_MESSAGE`] and
/// below this a message is answered with a problem and the socket stays.
const HARD_LIMIT: usize = 4 * MAX_BROWSER_MESSAGE;

/// Bytes read from a second connection at a time. It has a message now and then; an offer, the largest
/// by far, takes several readings.
const SECOND_BUFFER: usize = 4 * 1024;

/// `GET /ws`.
pub async fn upgrade(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ProblemResponse> {
    let upgrade = may_open(&app, &headers, upgrade)?;
    let from = client_address(peer, &headers, &app.config);
    let session = session::cookie(&headers);
    Ok(upgrade
        .max_message_size(HARD_LIMIT)
        .max_frame_size(HARD_LIMIT)
        // Every message here is small and urgent: nothing is kept back to be sent together.
        .write_buffer_size(0)
        .max_write_buffer_size(HARD_LIMIT)
        .on_upgrade(move |stream| socket::serve(app, stream, from, session)))
}

/// `GET /ws/second`: [`second`].
pub async fn upgrade_second(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ProblemResponse> {
    let upgrade = may_open(&app, &headers, upgrade)?;
    Ok(upgrade
        .max_message_size(MAX_SECOND_MESSAGE)
        .max_frame_size(MAX_SECOND_MESSAGE)
        .read_buffer_size(SECOND_BUFFER)
        .write_buffer_size(0)
        .on_upgrade(move |stream| second::serve(app, stream)))
}

/// A WebSocket of a page that may open one.
fn may_open(
    app: &App,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, ProblemResponse> {
    let Ok(upgrade) = upgrade else {
        let problem = Problem::new(Code::Malformed, Stage::Hello);
        return Err(ProblemResponse(problem.hint("Open a WebSocket here.")));
    };
    if !origin::is_allowed(headers, &app.config) {
        app.metrics.ws_rejected("origin");
        let problem = Problem::new(Code::Forbidden, Stage::Hello);
        let hint = "Open the page from the shop's own address.";
        return Err(ProblemResponse(problem.hint(hint)));
    }
    Ok(upgrade)
}
