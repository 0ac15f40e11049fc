//! Legs over TCP, for pages that UDP does not reach the node from (RFC 6544).
//!
//! All pages connect to one port, whichever worker has their legs. A thread of its own takes new
//! connections and reads their first datagram, which must be a connectivity check: its user name
//! names the worker, and the connection is handed over as a value. That worker's core authenticates
//! the check. From then on the connection belongs to the leg and moves with it.
//!
//! * `gate`: how many connections there may be, and what became of those that came;
//! * `acceptor`: the thread;
//! * `connection`: one connection: datagrams in, datagrams out, and what waits in between;
//! * `connections`: those of one worker.

mod acceptor;
mod connection;
mod connections;
mod gate;
#[cfg(test)]
mod tests;

pub(super) use self::connections::{Change, Connections};
pub(crate) use self::{
    acceptor::{Acceptor, Listener},
    connection::Connection,
    gate::{Gate, GateStats},
};
