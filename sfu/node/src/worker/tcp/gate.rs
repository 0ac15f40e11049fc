//! How many connections there may be.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Connections at a time, on the whole node: one for each leg of 2,000 calls, several times what a
/// node forwards. Each holds a file descriptor, and up to 70 kB while its page is slow.
const MAX_CONNECTIONS: usize = 4_000;

/// Counts connections and lets no more in than there may be.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: AtomicUsize,
    handed_over: AtomicU64,
    full: AtomicU64,
    crowded_out: AtomicU64,
    strange: AtomicU64,
    slow: AtomicU64,
    errors: AtomicU64,
}

/// What became of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GateStats {
    /// Open now.
    pub(crate) open: usize,
    /// Handed to the worker that their first check names.
    pub(crate) handed_over: u64,
    /// Refused because there were enough.
    pub(crate) full: u64,
    /// Closed, or refused, because too many others had said nothing yet.
    pub(crate) crowded_out: u64,
    /// Closed because their first datagram was no check of a page of ours.
    pub(crate) strange: u64,
    /// Closed because their first datagram did not come in time.
    pub(crate) slow: u64,
    /// Accepts that failed.
    pub(crate) errors: u64,
}

/// The right to be open; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a connection was closed before it belonged to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    CrowdedOut,
    Strange,
    Slow,
}

impl Gate {
    /// `None`, and counted, if there are enough.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Permit> {
        let admitted = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < MAX_CONNECTIONS).then_some(open + 1)
            })
            .is_ok();
        if !admitted {
            self.full.fetch_add(1, Ordering::Relaxed);
        }
        admitted.then(|| Permit(Arc::clone(self)))
    }

    pub(super) fn note_handed_over(&self) {
        self.handed_over.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note(&self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::CrowdedOut => &self.crowded_out,
            Refusal::Strange => &self.strange,
            Refusal::Slow => &self.slow,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> GateStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GateStats {
            open: self.open.load(Ordering::Relaxed),
            handed_over: read(&self.handed_over),
            full: read(&self.full),
            crowded_out: read(&self.crowded_out),
            strange: read(&self.strange),
            slow: read(&self.slow),
            errors: read(&self.errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room() {
        let gate = Arc::new(Gate::default());
        let mut inside: Vec<_> = std::iter::from_fn(|| gate.admit()).collect();
        assert_eq!(inside.len(), MAX_CONNECTIONS);
        assert_eq!((gate.stats().open, gate.stats().full), (MAX_CONNECTIONS, 1));
        inside.pop();
        assert!(gate.admit().is_some());
        drop(inside);
        assert_eq!(gate.stats().open, 0);
    }
}
