//! What links count. Written by a link's task, read when metrics are scraped.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use signaling_wire::ids::NodeId;

/// Of all links.
#[derive(Debug, Default)]
pub(super) struct RelayStats {
    refused: AtomicU64,
}

impl RelayStats {
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

/// Of one link. All counts are of datagrams or bytes and only grow.
#[derive(Debug, Default)]
pub(super) struct LinkStats {
    pub(super) is_up: AtomicBool,
    pub(super) connections: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) split: AtomicU64,
    pub(super) queue_full: AtomicU64,
    pub(super) waited_too_long: AtomicU64,
    pub(super) no_connection: AtomicU64,
    pub(super) too_large: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) unknown_channel: AtomicU64,
    pub(super) worker_full: AtomicU64,
    pub(super) round_trip_us: AtomicU64,
    /// What each call may send, in bit/s; 0: as much as it likes.
    pub(super) share: AtomicU64,
}

/// A link at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkFigures {
    pub(crate) node: NodeId,
    pub(crate) is_up: bool,
    pub(crate) connections: u64,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
    pub(crate) split: u64,
    /// By reason, named as in metrics.
    pub(crate) dropped: [(&'static str, u64); 7],
    /// `None` until it was measured, and while the link is down.
    pub(crate) round_trip: Option<Duration>,
    /// What each call on it is held to, in bit/s, if it is too narrow for all.
    pub(crate) share: Option<u64>,
}

/// Adds to a counter of which the caller is the only writer.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Relaxed);
}

impl LinkStats {
    pub(super) fn read(&self, node: NodeId) -> LinkFigures {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let is_up = self.is_up.load(Relaxed);
        let round_trip = Duration::from_micros(of(&self.round_trip_us));
        LinkFigures {
            node,
            is_up,
            connections: of(&self.connections),
            sent: of(&self.sent),
            sent_bytes: of(&self.sent_bytes),
            received: of(&self.received),
            received_bytes: of(&self.received_bytes),
            split: of(&self.split),
            dropped: [
                ("queue_full", of(&self.queue_full)),
                ("waited_too_long", of(&self.waited_too_long)),
                ("no_connection", of(&self.no_connection)),
                ("too_large", of(&self.too_large)),
                ("malformed", of(&self.malformed)),
                ("unknown_channel", of(&self.unknown_channel)),
                ("worker_full", of(&self.worker_full)),
            ],
            round_trip: (is_up && !round_trip.is_zero()).then_some(round_trip),
            share: Some(of(&self.share)).filter(|share| *share > 0),
        }
    }
}
