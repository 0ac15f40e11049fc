//! What one run leaves behind.

use super::Series;
use crate::{
    net::{FlowId, LinkId},
    time::Time,
    viewer::{Heard, Shown},
};

/// A run.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// How long it was, seconds.
    pub secs: f64,
    /// By [`FlowId`].
    pub flows: Vec<FlowRecord>,
    /// The links that are measured.
    pub links: Vec<LinkRecord>,
    /// All packets of the world.
    pub tally: Tally,
}

/// What became of the packets: `sent` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Put on their way.
    pub sent: u64,
    /// Came to its end.
    pub arrived: u64,
    /// Dropped by a full queue.
    pub dropped: u64,
    /// Lost on a link, or came to one that was down.
    pub lost: u64,
    /// Still under way at the end.
    pub under_way: u64,
}

/// A flow at the link that is measured, and at its end.
#[derive(Debug, Clone, Default)]
pub struct FlowRecord {
    /// What came to the link.
    pub offered: Series,
    /// What came to its end and was new: media without repeats of what was there and without
    /// probes.
    pub delivered: Series,
    /// When a packet left the link's queue, and how long it had waited, both in seconds.
    pub waits: Vec<(f32, f32)>,
    /// Packets that came to the link.
    pub packets: u64,
    /// Dropped there because the queue was full.
    pub dropped: u64,
    /// Lost there otherwise.
    pub lost: u64,
    /// When the flow began, seconds.
    pub start: f64,
    /// Frames shown.
    pub shown: Vec<Shown>,
    /// Audio heard.
    pub heard: Heard,
}

/// A link over time.
#[derive(Debug, Clone, Default)]
pub struct LinkRecord {
    /// Which.
    pub id: Option<LinkId>,
    /// In order of time.
    pub samples: Vec<LinkSample>,
}

/// A link at one time.
#[derive(Debug, Clone, Copy)]
pub struct LinkSample {
    /// When, seconds.
    pub at: f64,
    /// Bit/s.
    pub capacity: f64,
    /// Seconds that what waits takes to drain.
    pub backlog: f64,
}

impl Record {
    /// A flow.
    pub fn flow(&self, flow: FlowId) -> &FlowRecord {
        &self.flows[flow.0]
    }

    /// A measured link.
    pub fn link(&self, id: LinkId) -> Option<&LinkRecord> {
        self.links.iter().find(|link| link.id == Some(id))
    }
}

impl FlowRecord {
    pub(crate) fn waited(&mut self, now: Time, wait: f64) {
        self.waits.push((now.as_secs() as f32, wait as f32));
    }
}
