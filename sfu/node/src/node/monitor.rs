//! A node seen from outside: readiness and metrics.

use std::sync::Arc;

use prometheus::proto::MetricFamily;
use signaling_wire::control::{Load, NodeState};
use tokio::sync::watch;

use super::{LinkId, dispatch::Status, ways::Ways};
use crate::{
    control::client::{Board, Seen},
    metrics::{self, Kernel},
    relay::Relay,
    worker::{Gate, Granted, Peer, Workers, receive_drops},
};

/// Whether a node can be given legs and calls, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Registered and serving.
    Ready,
    /// No signaling instance has registered it (yet).
    Unregistered,
    /// It is stopping.
    Draining,
    /// A worker is down or hangs; the calls of the others go on.
    Degraded,
}

impl Readiness {
    /// Every state there is.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Unregistered, Self::Draining, Self::Degraded];

    /// One lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Unregistered => "unregistered",
            Self::Draining => "draining",
            Self::Degraded => "degraded",
        }
    }
}

/// A window on a running node; cheap to clone.
#[derive(Debug, Clone)]
pub struct Monitor {
    peers: Arc<[Peer]>,
    gate: Arc<Gate>,
    status: watch::Receiver<Status>,
    ways: Ways,
    board: Board,
    relay: Relay,
}

impl Monitor {
    pub(super) fn new(
        workers: &Workers,
        status: watch::Receiver<Status>,
        ways: Ways,
        board: Board,
        relay: Relay,
    ) -> Self {
        let (peers, gate) = (workers.peers.clone(), workers.gate.clone());
        Self { peers, gate, status, ways, board, relay }
    }

    /// How the node stands with every signaling instance.
    pub(crate) fn signaling(&self) -> Vec<(LinkId, Seen)> {
        self.board.all()
    }

    /// Whether the node can be given legs and calls.
    pub fn readiness(&self) -> Readiness {
        let status = *self.status.borrow();
        match status {
            Status { whole: false, .. } => Readiness::Degraded,
            Status { load: Load { state: NodeState::Draining, .. }, .. } => Readiness::Draining,
            Status { links: 0, .. } => Readiness::Unregistered,
            _ => Readiness::Ready,
        }
    }

    /// Waits until the node is as asked for, or has ended; whether it is so.
    pub async fn wait_for(&self, readiness: Readiness) -> bool {
        let mut monitor = self.clone();
        while monitor.readiness() != readiness {
            if monitor.status.changed().await.is_err() {
                return monitor.readiness() == readiness;
            }
        }
        true
    }

    /// Metrics of this moment, for a Prometheus encoder. An embedding process appends them to its
    /// own.
    pub fn metrics(&self) -> Vec<MetricFamily> {
        let status = *self.status.borrow();
        let workers: Vec<_> = self.peers.iter().map(|peer| peer.stats.read()).collect();
        let drops = receive_drops();
        let sockets = || self.peers.iter().map(|peer| &peer.socket);
        let kernel = Kernel {
            drops: sockets()
                .map(|socket| socket.drops().total(drops.get(&socket.local()).copied()))
                .sum(),
            granted: Granted {
                receive: sockets().map(|socket| socket.granted().receive).min().unwrap_or(0),
                send: sockets().map(|socket| socket.granted().send).min().unwrap_or(0),
            },
        };
        let mut families =
            metrics::gather(self.readiness(), &status, &workers, kernel, self.gate.stats());
        let (links, refused) = self.relay.figures();
        families.extend(metrics::relay::gather(&links, refused, &workers));
        families.extend(self.ways.collect());
        families
    }
}
