//! What arrived of a stream.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use signaling_wire::browser::Role;

use super::{CallNumber, Where};

/// Which stream of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

/// What arrived of a stream since the last time it was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Until when.
    pub at: Duration,
    /// Of which call.
    pub call: CallNumber,
    /// The side that it arrived at.
    pub side: Role,
    /// Which stream.
    pub stream: Stream,
    /// Where that side is.
    pub place: Where,
    /// Packets that arrived, repairs included, each once.
    pub received: u64,
    /// Packets that were given up: later ones arrived, and the time for a repair is over.
    pub lost: u64,
    /// Packets that arrived after one sent later.
    pub reordered: u64,
    /// Packets that arrived again.
    pub duplicates: u64,
    /// Payload bytes that arrived.
    pub bytes: u64,
    /// From sending to arrival, of each packet that arrived, in microseconds.
    pub latency_us: Vec<u32>,
    /// How long the picture was watched. Nothing for audio.
    pub watched: Duration,
    /// How long it stood still meanwhile.
    pub frozen: Duration,
    /// Freezes that ended, with their whole length.
    pub freezes: Vec<Duration>,
}
