//! What the callers of a run tell while it goes on.
//!
//! The engine sends [`Event`]s, each when it happens, over one queue; [`crate::measure`] adds them
//! up. Times are durations on the run's clock, which begins with the run. Media is told in
//! [`Media`] events that carry **what is new since the last one** of the same stream: their sum
//! over the run is the truth, and nothing is counted twice.

mod call;
mod health;
mod media;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use signaling_wire::browser::Role;

pub use call::{CallEnded, CallResult, Recovery, SideEnded};
pub use health::{ChaosRan, GeneratorSample, ServerSample};
pub use media::{Media, Stream};

use crate::plan::Label;

/// The number of a call in its run, unique over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallNumber(pub u64);

/// Where a side of a call is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Where {
    /// The region that the caller declared, or the one it was placed in if it declared none.
    pub region: Option<Label>,
    /// The node that its leg is on.
    pub node: Option<Label>,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// A call began.
    Started {
        /// When it should have.
        scheduled: Duration,
        /// When it did.
        at: Duration,
        /// Which.
        call: CallNumber,
    },
    /// A call should have begun and never will: the generator could not keep up, or had as many
    /// calls open as it may.
    DroppedStart {
        /// When it should have begun.
        scheduled: Duration,
    },
    /// A side has its first picture (with audio alone: its first sound).
    Connected {
        /// When.
        at: Duration,
        /// Which call.
        call: CallNumber,
        /// Whose picture arrived: the side that sees it.
        side: Role,
        /// Where that side is.
        place: Where,
        /// Time since the press on **Accept**.
        after_accept: Duration,
    },
    /// What arrived of a stream since the last time, at most about once a second.
    Media(Media),
    /// A side's media was interrupted, by a chaos step or by itself, and flows again or does not.
    Recovery(Recovery),
    /// A call is over.
    Ended(Box<CallEnded>),
    /// A chaos step was carried out.
    Chaos(ChaosRan),
    /// How the generator itself is.
    Generator(GeneratorSample),
    /// How the deployment says it is.
    Server(ServerSample),
}

impl Event {
    /// When it happened; for what was dropped, when it should have.
    pub fn at(&self) -> Duration {
        match self {
            Self::Started { at, .. } | Self::Connected { at, .. } => *at,
            Self::DroppedStart { scheduled } => *scheduled,
            Self::Media(media) => media.at,
            Self::Recovery(recovery) => recovery.at,
            Self::Ended(ended) => ended.ended,
            Self::Chaos(chaos) => chaos.at,
            Self::Generator(sample) => sample.at,
            Self::Server(sample) => sample.at,
        }
    }
}
