//! The messages of Vitrine: browser ↔ signaling, node ↔ signaling, and the claims in tokens.
//!
//! This crate is data only (serde): no sockets, no clock, no policy. It is a leaf that every other
//! crate may depend on, so that each message has exactly one definition.
//!
//! * [`browser`]: what a page and signaling say to each other over the WebSocket.
//! * [`control`]: what a media node and signaling say to each other over the control link (QUIC).
//! * [`claims`]: what the signed tokens (link, seat, agent session) carry.
//! * [`problem`]: the one error shape, RFC 9457 `application/problem+json`, with a closed set of codes.
//! * [`limits`]: every bound on a message, with its reason.
//! * [`text`]: strings from strangers, bounded and cleaned when they are parsed.
//! * [`ids`]: prefixed identifiers (`call_…`, `leg_…`).
//!
//! Start reading at [`browser`].
//!
//! **Versions.** [`PROTOCOL`] is sent in the first message of both protocols. A receiver ignores
//! fields it does not know and refuses a protocol number outside [`SUPPORTED`].

pub mod browser;
pub mod claims;
pub mod control;
mod figure;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod ids;
pub mod limits;
pub mod problem;
pub mod text;

/// The protocol number this build speaks.
pub const PROTOCOL: u16 = 1;

/// The protocol numbers this build accepts (this one and, once there is one, the one before it).
pub const SUPPORTED: std::ops::RangeInclusive<u16> = 1..=1;
