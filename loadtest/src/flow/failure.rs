//! How far a call came, and why it went no further.

use std::fmt;

use serde::{Deserialize, Serialize};
use signaling_wire::browser::Role;

/// The steps of a call, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Link, agent and session from the API.
    Prepare,
    /// Opening the WebSocket.
    Socket,
    /// Hello and welcome.
    Welcome,
    /// The leg's offer and answer.
    LegAnswer,
    /// ICE of the leg.
    Ice,
    /// DTLS of the leg.
    Dtls,
    /// The shopper enters the queue.
    Queue,
    /// The agent's console rings.
    Ring,
    /// Accept to `call_started`.
    Start,
    /// The other side's sound and picture.
    Media,
    /// The call goes on.
    Hold,
    /// Hang up to `call_ended`.
    HangUp,
    /// Wrap-up and satisfaction.
    WrapUp,
}

impl Step {
    /// The step in words that follow "while".
    pub fn doing(self) -> &'static str {
        match self {
            Self::Prepare => "asking the API for a link and an agent",
            Self::Socket => "opening the WebSocket",
            Self::Welcome => "waiting for the welcome",
            Self::LegAnswer => "waiting for the leg's answer",
            Self::Ice => "waiting for ICE",
            Self::Dtls => "waiting for DTLS",
            Self::Queue => "entering the queue",
            Self::Ring => "waiting for the ring",
            Self::Start => "waiting for the call to start",
            Self::Media => "waiting for the other side's media",
            Self::Hold => "in the call",
            Self::HangUp => "waiting for the call to end",
            Self::WrapUp => "wrapping up",
        }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// What was going on.
    pub step: Step,
    /// Whose page, if it was one page's trouble.
    pub side: Option<Role>,
    /// What went wrong, for people.
    pub reason: String,
}

impl Failure {
    /// A failure at `step`.
    pub fn new(step: Step, side: Option<Role>, reason: impl Into<String>) -> Self {
        Self { step, side, reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed while {}", self.step.doing())?;
        match self.side {
            Some(Role::Shopper) => f.write_str(" (shopper)")?,
            Some(Role::Agent) => f.write_str(" (agent)")?,
            None => {}
        }
        write!(f, ": {}", self.reason)
    }
}
