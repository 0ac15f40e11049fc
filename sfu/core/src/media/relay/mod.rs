//! A call's media between two nodes, sans-IO.
//!
//! The publisher's node opens SRTP and takes the packet apart; what it found out and the payload
//! travel to the viewer's node, which forwards them as if the publisher were its own:
//!
//! ```text
//! publisher's leg ── Incoming ──► Channel ── datagrams ──► Channel ── Incoming ──► viewer's leg
//! publisher's leg ◄── Feedback ── Channel ◄── datagrams ── Channel ◄── Feedback ── viewer's leg
//! ```
//!
//! [`Channel`] is one end of one call's way: it numbers packets for this hop, keeps them for
//! repeats, asks for those that are missing, and carries what the viewer wants back. `format.rs` is
//! the datagrams, `lane.rs` what is kept, `beginning.rs` what becomes of a stream whose first packet was lost,
//! `clock.rs` the peer's time in ours, and [`split`] takes datagrams apart that are larger than the path.
//!
//! The hop below is authenticated and encrypted (QUIC); still, nothing in a datagram is trusted
//! beyond its bounds.

mod beginning;
mod channel;
mod clock;
mod counters;
mod format;
mod lane;
mod outlet;
pub mod split;
#[cfg(test)]
mod tests;

pub use self::{
    channel::{Channel, Received},
    counters::RelayCounters,
    format::{Malformed, channel_of, is_control},
    outlet::{Class, Outlet, Relayed},
};
