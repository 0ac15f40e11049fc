//! The pages' WebSocket.
//!
//! ```text
//! upgrade (Origin checked) ─► socket: hello ─► desk ─► admit: welcome
//!                               │                │
//!                     reader ───┴── messages ──► desk / legs
//!                     writer ◄── outbox (bounded) ◄── desk / legs
//! ```
//!
//! [`origin`] says who may open a socket, [`hello`] who is there, [`socket`] runs one socket,
//! [`seated`] is a page that the desk in this process serves, [`budget`] bounds what it may cost, and [`Sockets`] knows which are open.

mod budget;
mod hello;
mod origin;
mod outbox;
mod seated;
mod socket;
mod sockets;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use signaling_wire::{
    limits::MAX_BROWSER_MESSAGE,
    problem::{Code, Problem, Stage},
};

pub use self::sockets::{Sockets, Visitor};
pub(crate) use self::{
    outbox::{FarOutbox, Outbox},
    seated::Seated,
};
use crate::{
    app::App,
    http::{ProblemResponse, client_address, session},
};

/// What the WebSocket layer takes before it cuts the connection. Above [`MAX_BROWSER_MESSAGE`] and
/// below this a message is answered with a problem and the socket stays.
const HARD_LIMIT: usize = 4 * MAX_BROWSER_MESSAGE;

/// `GET /ws`.
pub async fn upgrade(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let problem = Problem::new(Code::Malformed, Stage::Hello);
        return ProblemResponse(problem.hint("Open a WebSocket here.")).into_response();
    };
    if !origin::is_allowed(&headers, &app.config) {
        app.metrics.ws_rejected("origin");
        let problem = Problem::new(Code::Forbidden, Stage::Hello);
        return ProblemResponse(problem.hint("Open the page from the shop's own address."))
            .into_response();
    }
    let from = client_address(peer, &headers, &app.config);
    let session = session::cookie(&headers);
    upgrade
        .max_message_size(HARD_LIMIT)
        .max_frame_size(HARD_LIMIT)
        // Every message here is small and urgent: nothing is kept back to be sent together.
        .write_buffer_size(0)
        .max_write_buffer_size(HARD_LIMIT)
        .on_upgrade(move |stream| socket::serve(app, stream, from, session))
}
