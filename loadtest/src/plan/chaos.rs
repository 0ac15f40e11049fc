//! What is done to the deployment, or to the callers, during a run.

use std::time::Duration;

use super::{place::Label, units::Share};

/// Something that is done at a point of the run, and that calls have to survive.
#[derive(Debug, Clone, PartialEq)]
pub struct ChaosStep {
    /// When, since the run began.
    pub at: Duration,
    /// What.
    pub action: Action,
    /// Media must flow again within this, or the call has not recovered.
    pub within: Duration,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A command of the operator's: drain or kill a node, restart signaling.
    Run {
        /// What reports call it.
        name: Label,
        /// Given to `sh -c` on the machine that runs the scenario.
        command: String,
    },
    /// The callers' UDP is dropped, both ways.
    DropUdp {
        /// For how long.
        lasts: Duration,
        /// Of how many of the calls.
        share: Share,
    },
    /// Callers get another address, as when a phone goes from Wi-Fi to LTE.
    ChangeAddress {
        /// How many of the calls.
        share: Share,
    },
}

impl ChaosStep {
    /// How long recovery may take, unless the scenario says otherwise.
    pub const WITHIN: Duration = Duration::from_secs(10);
}

impl Action {
    /// A word for it in reports.
    pub fn name(&self) -> &str {
        match self {
            Self::Run { name, .. } => name.as_str(),
            Self::DropUdp { .. } => "drop_udp",
            Self::ChangeAddress { .. } => "change_address",
        }
    }
}
