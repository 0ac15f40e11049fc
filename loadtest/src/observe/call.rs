//! The end of a call, with everything about it that is told once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use signaling_wire::{
    browser::{Role, Stage},
    ids::CallId,
};

use super::{CallNumber, Where};
use crate::{flow::Failure, media::Foreign};

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEnded {
    /// Which.
    pub call: CallNumber,
    /// What the deployment calls it, if it ever was a call.
    pub id: Option<CallId>,
    /// When it should have begun.
    pub scheduled: Duration,
    /// When it did.
    pub started: Duration,
    /// When it was over.
    pub ended: Duration,
    /// How it went.
    pub result: CallResult,
    /// The shopper's page.
    pub shopper: SideEnded,
    /// The agent's page.
    pub agent: SideEnded,
    /// From hanging up to the end that both pages were told of; none if nobody hung up.
    pub hang_up: Option<Duration>,
}

/// How a call went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    /// As it should.
    Completed,
    /// It did not.
    Failed(Failure),
    /// Ended early because the run ends; says nothing about the deployment.
    Stopped,
}

/// One side of a call that is over.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SideEnded {
    /// Where it was at the end.
    pub place: Where,
    /// Whether it was placed where it should be; none if nothing was asked for.
    pub placed_right: Option<bool>,
    /// When each stage was reached, on the run's clock.
    pub marks: Vec<(Stage, Duration)>,
    /// Share of the other side's packets that never arrived, 0 to 1; none without media.
    pub loss: Option<f64>,
    /// Share of the time in which the picture stood still, 0 to 1; none without a picture.
    pub frozen: Option<f64>,
    /// The longest time in which nothing at all arrived; none without media.
    #[serde(default)]
    pub silence: Option<Duration>,
    /// How long the page was without its seat, each time that it lost its socket and came back.
    #[serde(default)]
    pub rejoined: Vec<Duration>,
    /// What arrived and should not have.
    pub foreign: Foreign,
}

impl SideEnded {
    /// When a stage was reached.
    pub fn at(&self, stage: Stage) -> Option<Duration> {
        self.marks.iter().find(|(reached, _)| *reached == stage).map(|(_, at)| *at)
    }
}

impl CallEnded {
    /// One side.
    pub fn side(&self, role: Role) -> &SideEnded {
        match role {
            Role::Shopper => &self.shopper,
            Role::Agent => &self.agent,
        }
    }
}

/// A side's media was interrupted and flows again, or does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// When it was known.
    pub at: Duration,
    /// Which call.
    pub call: CallNumber,
    /// The side that saw nothing.
    pub side: Role,
    /// Where it is now.
    pub place: Where,
    /// From the last packet before to the first after; none if nothing came in time.
    pub after: Option<Duration>,
}
