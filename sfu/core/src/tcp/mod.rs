//! What carries datagrams over TCP (RFC 6544): their framing on the stream (RFC 4571), and to which
//! worker a new connection belongs.

mod framing;
#[cfg(test)]
mod tests;

pub use self::framing::{Deframer, HEADER_LEN, MAX_FRAME, header};
use crate::{
    api::Port,
    ice::{self, Check},
};

/// To which worker a connection belongs whose first datagram is this: the one where the leg was
/// opened that it names. `None` for everything that is no connectivity check of a page of ours.
///
/// The check is not authenticated: that worker does it, and nothing is believed before.
pub fn first_worker(datagram: &[u8]) -> Option<Port> {
    ice::port_of(Check::parse(datagram)?.local_ufrag())
}
