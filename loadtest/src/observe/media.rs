//! What arrived of a stream.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use signaling_wire::browser::Role;

use super::{CallNumber, Where};
use crate::media::{Fresh, FreshPicture};

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
    /// What arrived of it.
    pub arrived: Fresh,
    /// What was seen of it. Nothing for audio.
    pub seen: FreshPicture,
}
