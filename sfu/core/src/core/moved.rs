//! Legs that now live on another worker.
//!
//! Their peers keep sending to the port where they first reached the node. The core of that port
//! remembers just enough to pass their datagrams on: which checks are theirs, and from where.

use std::time::{Duration, Instant};

use ahash::AHashMap;
use arrayvec::ArrayVec;

use super::Core;
use crate::{
    api::{CloseReason, ConnectionId, LegId, Path, Port},
    ice::{CONSENT_TIMEOUT, Check, LocalCredentials, MAX_PATHS, Ufrag},
    leg::Leg,
};

/// Without a datagram for this long a moved leg is forgotten. Its peer would have lost consent
/// twice over by then.
const FORGET_AFTER: Duration = CONSENT_TIMEOUT.saturating_mul(2);

/// A leg on its way to another worker's core.
#[derive(Debug)]
pub struct ReleasedLeg(Leg);

impl ReleasedLeg {
    /// Which leg it is.
    pub fn id(&self) -> LegId {
        self.0.id
    }

    /// The connections that it takes along.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.0.ice.connections()
    }
}

/// What is remembered of one moved leg.
#[derive(Debug)]
struct Trace {
    to: Port,
    credentials: ArrayVec<LocalCredentials, 2>,
    /// By UDP, oldest first: connections move along.
    paths: ArrayVec<Path, MAX_PATHS>,
    last_use: Instant,
}

/// The legs that have moved away from a core.
#[derive(Debug, Default)]
pub(super) struct Moved {
    traces: AHashMap<LegId, Trace>,
    by_ufrag: AHashMap<Ufrag, LegId>,
    by_path: AHashMap<Path, LegId>,
    next_expiry: Option<Instant>,
}

impl Moved {
    fn insert(&mut self, now: Instant, leg: &Leg, to: Port) {
        self.remove(leg.id);
        let trace = Trace {
            to,
            credentials: leg.ice.credentials().cloned().collect(),
            paths: leg.ice.paths().filter(|path| path.connection().is_none()).collect(),
            last_use: now,
        };
        for credentials in &trace.credentials {
            self.by_ufrag.insert(credentials.ufrag, leg.id);
        }
        for &path in &trace.paths {
            self.by_path.insert(path, leg.id);
        }
        self.traces.insert(leg.id, trace);
        self.next_expiry.get_or_insert(now + FORGET_AFTER);
    }

    fn remove(&mut self, leg: LegId) {
        let Some(trace) = self.traces.remove(&leg) else { return };
        for credentials in &trace.credentials {
            self.by_ufrag.remove(&credentials.ufrag);
        }
        for path in &trace.paths {
            self.by_path.remove(path);
        }
    }

    pub(super) fn has(&self, leg: LegId) -> bool {
        self.traces.contains_key(&leg)
    }

    pub(super) fn knows(&self, ufrag: &Ufrag) -> bool {
        self.by_ufrag.contains_key(ufrag)
    }

    /// Where a check belongs, if it is one of a moved leg's and authentic. Its path is learnt, so
    /// that what follows from there is passed on as well.
    pub(super) fn check(&mut self, now: Instant, path: Path, mut check: Check) -> Option<Port> {
        let &leg = self.by_ufrag.get(check.local_ufrag())?;
        let trace = self.traces.get_mut(&leg)?;
        let credentials =
            trace.credentials.iter().find(|known| *known.ufrag == *check.local_ufrag())?;
        if !check.is_for(credentials) {
            return None;
        }
        trace.last_use = now;
        let to = trace.to;
        if path.connection().is_none() && !trace.paths.contains(&path) {
            if trace.paths.is_full() {
                self.by_path.remove(&trace.paths.remove(0));
            }
            trace.paths.push(path);
            self.by_path.insert(path, leg);
        }
        Some(to)
    }

    /// Where a datagram from a known path belongs.
    pub(super) fn by_path(&mut self, now: Instant, path: Path) -> Option<Port> {
        let leg = self.by_path.get(&path)?;
        let trace = self.traces.get_mut(leg)?;
        trace.last_use = now;
        Some(trace.to)
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.next_expiry
    }

    /// Forgets what has not been used for long.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.next_expiry.is_none_or(|at| now < at) {
            return;
        }
        let expired: Vec<LegId> = self
            .traces
            .iter()
            .filter(|(_, trace)| trace.last_use + FORGET_AFTER <= now)
            .map(|(&leg, _)| leg)
            .collect();
        for leg in expired {
            self.remove(leg);
        }
        self.next_expiry = self.traces.values().map(|trace| trace.last_use + FORGET_AFTER).min();
    }
}

impl Core {
    /// Gives a leg away so that both legs of a call live on one worker. Datagrams for it that
    /// still arrive here are answered with [`Disposition::Forward`](crate::api::Disposition) to
    /// `to`. A bridge that it is part of ends.
    pub fn release(&mut self, now: Instant, leg: LegId, to: Port) -> Option<Box<ReleasedLeg>> {
        self.now = now;
        let &key = self.by_id.get(&leg)?;
        self.unbridge_leg(key);
        let leg = self.detach(key)?;
        self.moved.insert(now, &leg, to);
        Some(Box::new(ReleasedLeg(leg)))
    }

    pub(super) fn adopt(&mut self, ReleasedLeg(leg): ReleasedLeg) {
        // It may have been here before.
        self.moved.remove(leg.id);
        // Ids are unique for ever. Should the shell break that, the tables stay in step.
        if let Some(&namesake) = self.by_id.get(&leg.id) {
            self.close(namesake, CloseReason::Asked);
        }
        let path = leg.ice.send_path();
        let key = self.attach(leg);
        // Its handshake may have been waiting for its turn on the other worker.
        if let Some(path) = path {
            self.start_handshake(key, path);
        }
    }
}
