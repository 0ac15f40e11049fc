//! How the node stands with every signaling instance, for whoever looks.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::node::LinkId;

/// How the node stands with one signaling instance.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// Not (or no longer) linked; why the latest try failed, if there was one.
    Dialing {
        /// The latest failure.
        error: Option<String>,
    },
    /// Linked and registered.
    Registered {
        /// To which of its addresses.
        remote: SocketAddr,
        /// The link, for its round trip.
        connection: quinn::Connection,
    },
}

/// A signaling instance as the node sees it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// How they stand.
    pub(crate) standing: Standing,
    /// Since when.
    pub(crate) since: Instant,
    /// Registrations since the node's start.
    pub(crate) registrations: u64,
}

/// The signaling instances that the node knows; cheap to clone, off the packet path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board(Arc<Mutex<BTreeMap<LinkId, Seen>>>);

impl Board {
    fn seen(&self) -> MutexGuard<'_, BTreeMap<LinkId, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance is not linked.
    pub(super) fn dialing(&self, id: LinkId, error: Option<String>) {
        let mut all = self.seen();
        let dialing = Standing::Dialing { error };
        match all.get_mut(&id) {
            Some(seen) => {
                if matches!(seen.standing, Standing::Registered { .. }) {
                    seen.since = Instant::now();
                }
                seen.standing = dialing;
            }
            None => {
                let seen = Seen { standing: dialing, since: Instant::now(), registrations: 0 };
                all.insert(id, seen);
            }
        }
    }

    /// The instance is linked.
    pub(super) fn registered(&self, id: LinkId, connection: quinn::Connection) {
        let mut all = self.seen();
        let registrations = all.get(&id).map_or(0, |seen| seen.registrations) + 1;
        let standing = Standing::Registered { remote: connection.remote_address(), connection };
        all.insert(id, Seen { standing, since: Instant::now(), registrations });
    }

    /// The instance is no longer dialed.
    pub(super) fn forget(&self, id: LinkId) {
        self.seen().remove(&id);
    }

    /// All instances by the address that names them.
    pub(crate) fn all(&self) -> Vec<(LinkId, Seen)> {
        self.seen().iter().map(|(id, seen)| (*id, seen.clone())).collect()
    }
}
