//! A worker's turn at its TCP connections.

use std::{io, ops::ControlFlow, time::Instant};

use sfu_core::{
    Core,
    api::{ConnectionId, Disposition, Port},
};

use super::{
    super::{
        mailbox::Input,
        stats::TcpStats,
        tcp::{Change, Connection},
    },
    Shell,
};

/// Reads in one turn, each of what a page sends in a fifth of a second at most.
const READS_PER_TURN: usize = 16;

/// What a read has come to.
enum Read {
    /// There was something, and there may be more.
    Some,
    /// There is nothing for now.
    Nothing,
    /// The leg is on another worker.
    Moved(Port),
    /// It has ended, or carries no leg.
    Over,
}

impl Shell {
    /// Takes in a connection that was handed over.
    pub(super) fn take_connection(
        &mut self,
        core: &mut Core,
        now: Instant,
        connection: Connection,
    ) {
        let (id, remote) = (connection.id, connection.remote);
        if let Err(error) = self.tcp.insert(self.polls.registry(), connection) {
            tracing::debug!(%error, "a connection cannot be polled");
            core.handle_disconnect(now, id, remote);
        }
    }

    /// Reads from connections; whether there may be more.
    pub(super) fn serve_connections(&mut self, core: &mut Core, now: Instant) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some((connection, buffer)) = self.tcp.next_readable() else { break };
            let (id, remote) = (connection.id, connection.remote);
            match read(core, now, connection, buffer, &mut self.stats.tcp) {
                Read::Some => self.tcp.read_again(id),
                Read::Nothing => {}
                Read::Moved(to) => self.hand_over(id, to),
                Read::Over => {
                    core.handle_disconnect(now, id, remote);
                    self.tcp.remove(self.polls.registry(), id);
                }
            }
            self.drain(core, now);
        }
        self.flush_connections(core, now);
        self.tcp.has_readable()
    }

    /// Gives a connection to the worker that its leg has moved to.
    fn hand_over(&mut self, id: ConnectionId, to: Port) {
        let Some(mut connection) = self.tcp.remove(self.polls.registry(), id) else { return };
        connection.hops += 1;
        // A leg's trail visits each worker at most once; anything longer is a circle.
        let peer = self.peers.get(usize::from(to.0)).filter(|_| connection.hops < self.peers.len());
        let told = peer.map(|peer| peer.mailbox.tell(Input::Connection(Box::new(connection))));
        if !matches!(told, Some(Ok(()))) {
            self.stats.forward_dropped += 1;
        }
    }

    /// Writes what was gathered, and what connections take again; closes those that are of no use
    /// any more.
    pub(super) fn flush_connections(&mut self, core: &mut Core, now: Instant) {
        while let Some(id) = self.tcp.next_to_write() {
            let change = self.tcp.write(id);
            tell(core, now, change, &mut self.stats.tcp);
            if change.is_some_and(|change| !change.blocked) {
                // What has waited for it leaves now.
                self.send(core, now);
            }
        }
        while let Some(id) = core.poll_abandoned() {
            self.tcp.remove(self.polls.registry(), id);
        }
    }
}

/// Tells the core what has become of a connection.
pub(super) fn tell(core: &mut Core, now: Instant, change: Option<Change>, stats: &mut TcpStats) {
    let Some(Change { connection, remote, blocked }) = change else { return };
    stats.held_up += u64::from(blocked);
    core.set_blocked(now, connection, remote, blocked);
}

/// Reads once and gives what was read to the core.
fn read(
    core: &mut Core,
    now: Instant,
    connection: &mut Connection,
    buffer: &mut [u8],
    stats: &mut TcpStats,
) -> Read {
    let (id, remote) = (connection.id, connection.remote);
    let len = match connection.read(buffer) {
        Ok(0) => return Read::Over,
        Ok(len) => len,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Read::Nothing,
        Err(_) => return Read::Over,
    };
    let mut moved = None;
    let oversized = connection.oversized();
    connection.feed(&mut buffer[..len], |frame| {
        if let Disposition::Forward(to) = core.handle_frame(now, id, remote, frame) {
            moved = Some(to);
            return ControlFlow::Break(());
        }
        stats.datagrams_received += 1;
        stats.bytes_received += frame.len() as u64;
        ControlFlow::Continue(())
    });
    stats.oversized += connection.oversized() - oversized;
    match moved {
        Some(to) => Read::Moved(to),
        // The first datagram is a check, so it is known at once whose connection it is.
        None if !core.carries_leg(id, remote) => {
            stats.unauthenticated += 1;
            Read::Over
        }
        None => Read::Some,
    }
}
