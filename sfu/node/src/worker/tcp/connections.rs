//! The connections of one worker.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
};

use mio::{Registry, Token, event::Event};
use sfu_core::api::ConnectionId;

use super::{Connection, connection::Written};
use crate::worker::{FIRST_CONNECTION, stats::TcpStats};

/// Bytes read at once: what a page sends in 200 ms at 2.5 Mbit/s.
const READ_BYTES: usize = 64 * 1_024;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::worker) struct Connections {
    all: HashMap<ConnectionId, Connection>,
    /// Those that may have something to read, and those that take something again. They may have
    /// gone meanwhile.
    readable: VecDeque<ConnectionId>,
    writable: VecDeque<ConnectionId>,
    /// Those with something to write.
    gathered: Vec<ConnectionId>,
    /// What is read, for a moment. Made with the first connection.
    buffer: Vec<u8>,
}

/// A connection that takes nothing more for now (`blocked`), or takes something again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) struct Change {
    pub(in crate::worker) connection: ConnectionId,
    pub(in crate::worker) remote: SocketAddr,
    pub(in crate::worker) blocked: bool,
}

impl Connections {
    /// Takes a connection in.
    pub(in crate::worker) fn insert(
        &mut self,
        registry: &Registry,
        mut connection: Connection,
    ) -> io::Result<()> {
        self.buffer.resize(READ_BYTES, 0);
        let id = connection.id;
        // Counted from one by this process: far below the largest token.
        connection.register(registry, Token(FIRST_CONNECTION + id.0 as usize))?;
        self.all.insert(id, connection);
        // What it has brought along the poll does not tell of.
        self.readable.push_back(id);
        Ok(())
    }

    /// Takes a connection out, to close it or to give it away.
    pub(in crate::worker) fn remove(
        &mut self,
        registry: &Registry,
        id: ConnectionId,
    ) -> Option<Connection> {
        let mut connection = self.all.remove(&id)?;
        connection.deregister(registry);
        Some(connection)
    }

    /// Closes all of them.
    pub(in crate::worker) fn clear(&mut self) {
        self.all.clear();
    }

    /// Takes note of what the poll tells.
    pub(in crate::worker) fn note(&mut self, event: &Event) {
        let Some(number) = event.token().0.checked_sub(FIRST_CONNECTION) else { return };
        let id = ConnectionId(number as u64);
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable.push_back(id);
        }
        if event.is_writable() {
            self.writable.push_back(id);
        }
    }

    /// Whether there may be something to read.
    pub(in crate::worker) fn has_readable(&self) -> bool {
        !self.readable.is_empty()
    }

    /// The next connection to read from, with memory to read into.
    pub(in crate::worker) fn next_readable(&mut self) -> Option<(&mut Connection, &mut [u8])> {
        loop {
            let id = self.readable.pop_front()?;
            if self.all.contains_key(&id) {
                return self.all.get_mut(&id).map(|found| (found, &mut self.buffer[..]));
            }
        }
    }

    /// There may be more to read.
    pub(in crate::worker) fn read_again(&mut self, id: ConnectionId) {
        self.readable.push_back(id);
    }

    /// Gathers a datagram; one for which there is no room is dropped and counted.
    pub(in crate::worker) fn push(
        &mut self,
        id: ConnectionId,
        datagram: &[u8],
        stats: &mut TcpStats,
    ) -> Option<Change> {
        let Some(connection) = self.all.get_mut(&id) else {
            stats.ended += 1;
            return None;
        };
        if !connection.push(datagram) {
            stats.send_buffer_full += 1;
            return None;
        }
        stats.datagrams_sent += 1;
        stats.bytes_sent += datagram.len() as u64;
        if connection.is_due() {
            return self.write(id);
        }
        if self.gathered.last() != Some(&id) {
            self.gathered.push(id);
        }
        None
    }

    /// The next connection for which something was gathered, or which takes something again: it is to be written
    /// to.
    pub(in crate::worker) fn next_to_write(&mut self) -> Option<ConnectionId> {
        self.gathered.pop().or_else(|| self.writable.pop_front())
    }

    /// Writes what was gathered for a connection.
    pub(in crate::worker) fn write(&mut self, id: ConnectionId) -> Option<Change> {
        let connection = self.all.get_mut(&id)?;
        let blocked = match connection.write() {
            Ok(written) => written == Written::Part,
            // Reading tells the same, and ends it.
            Err(_) => {
                self.readable.push_back(id);
                return None;
            }
        };
        let remote = connection.remote;
        connection.set_blocked(blocked).then_some(Change { connection: id, remote, blocked })
    }
}
