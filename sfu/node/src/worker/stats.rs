//! Counters of a worker, as values.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use sfu_core::CoreStats;

use super::Histogram;

/// What went through a worker's socket and queues since its start. Cumulative, so that a lost copy
/// is harmless.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IoStats {
    /// Datagrams received.
    pub(crate) datagrams_received: u64,
    /// Bytes in them.
    pub(crate) bytes_received: u64,
    /// System calls that received something.
    pub(crate) receives: u64,
    /// Receives that failed.
    pub(crate) receive_errors: u64,
    /// Datagrams sent.
    pub(crate) datagrams_sent: u64,
    /// Bytes in them.
    pub(crate) bytes_sent: u64,
    /// System calls that sent.
    pub(crate) sends: u64,
    /// Datagrams dropped because the socket's send buffer was full.
    pub(crate) send_buffer_full: u64,
    /// Datagrams that could not be sent for any other reason.
    pub(crate) send_errors: u64,
    /// Datagrams passed on to the worker that their leg moved to.
    pub(crate) forwarded: u64,
    /// Datagrams dropped because that worker's queue was full, or because they went in circles.
    pub(crate) forward_dropped: u64,
    /// What went through the worker's TCP connections.
    pub(crate) tcp: TcpStats,
    /// Panics of the core.
    pub(crate) panics: u64,
    /// From a media datagram's arrival in the kernel until everything that it and its batch gave
    /// rise to has been handed to the kernel.
    pub(crate) forwarding: Histogram,
    /// How long the worker's turns take: as long something else may have to wait.
    pub(crate) turns: Histogram,
}

/// What went through a worker's TCP connections since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TcpStats {
    /// Datagrams received.
    pub(crate) datagrams_received: u64,
    /// Bytes in them.
    pub(crate) bytes_received: u64,
    /// Datagrams sent, or waiting to be.
    pub(crate) datagrams_sent: u64,
    /// Bytes in them.
    pub(crate) bytes_sent: u64,
    /// Datagrams dropped because their connection takes nothing and enough waits.
    pub(crate) send_buffer_full: u64,
    /// Datagrams dropped because their connection has ended.
    pub(crate) ended: u64,
    /// Received datagrams longer than any that a browser makes.
    pub(crate) oversized: u64,
    /// Times that a connection took nothing for a while.
    pub(crate) held_up: u64,
    /// Connections closed because their first check was not authentic.
    pub(crate) unauthenticated: u64,
}

/// A worker's counters at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WorkerStats {
    /// When they were copied; `None` until the first time.
    pub(crate) at: Option<Instant>,
    /// Share of the last period in which the worker did not sleep, 0 to 1.
    pub(crate) busy: f32,
    /// Socket and queues.
    pub(crate) io: IoStats,
    /// The core.
    pub(crate) core: CoreStats,
}

/// Where a worker leaves its counters once a second.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatsSlot(Arc<Mutex<WorkerStats>>);

impl StatsSlot {
    /// Leaves a copy, unless a reader is at it just now: the next copy says it all.
    pub(super) fn publish(&self, stats: WorkerStats) {
        if let Ok(mut slot) = self.0.try_lock() {
            *slot = stats;
        }
    }

    /// The last copy.
    pub(crate) fn read(&self) -> WorkerStats {
        // The value is a plain copy: no panic can leave it half-written.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
