//! TCP connections of legs, as the core sees them: a path that ends, and that may take nothing for a
//! while.

use std::{net::SocketAddr, time::Instant};

use super::Core;
use crate::api::{ConnectionId, Path};

impl Core {
    /// Whether a leg's authenticated check has come over this connection and the leg still counts
    /// on it.
    pub fn carries_leg(&mut self, connection: ConnectionId, from: SocketAddr) -> bool {
        self.by_path.get(Path::tcp(connection, from)).is_some()
    }

    /// The connection takes nothing more for now (`blocked`), or takes something again. Until then
    /// its leg's media waits, and what would be late is dropped, where an encoder can be told.
    pub fn set_blocked(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        from: SocketAddr,
        blocked: bool,
    ) {
        self.now = now;
        let path = Path::tcp(connection, from);
        let Some(key) = self.by_path.get(path) else { return };
        self.legs[key].set_blocked(now, path, blocked);
        self.touched(key);
    }

    /// The connection has ended. Its leg lives on, on another path if there is one.
    pub fn handle_disconnect(&mut self, now: Instant, connection: ConnectionId, from: SocketAddr) {
        self.now = now;
        let path = Path::tcp(connection, from);
        let Some(key) = self.by_path.get(path) else { return };
        self.by_path.remove(path);
        self.legs[key].ice.forget(path);
        self.touched(key);
    }

    /// The next connection that is of no use any more: close it, once everything from
    /// [`Core::poll_transmit`] has been written.
    pub fn poll_abandoned(&mut self) -> Option<ConnectionId> {
        self.abandoned.pop_front()
    }

    pub(super) fn abandon(&mut self, path: Path) {
        self.abandoned.extend(path.connection());
    }
}
