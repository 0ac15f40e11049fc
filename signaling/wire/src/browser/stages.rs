//! Where the time goes when a call is set up.

use serde::{Deserialize, Serialize};

use super::Role;

/// A point in the setting up of a call, as a page sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The page can be used (preview or its substitute is shown).
    PageReady,
    /// The socket is open.
    Socket,
    /// Welcome received.
    Welcome,
    /// The leg's offer was sent.
    LegOffer,
    /// The leg's answer was applied.
    LegAnswer,
    /// ICE connected.
    Ice,
    /// DTLS connected: the leg is warm.
    Dtls,
    /// Shopper: **Join** pressed.
    Join,
    /// Agent: the offer was shown.
    Ring,
    /// Agent: **Accept** pressed.
    Accept,
    /// `call_started` received.
    CallStarted,
    /// Own tracks are attached to the leg.
    TracksAttached,
    /// First remote video frame presented.
    FirstFrame,
    /// First remote audio heard (samples above silence received).
    FirstAudio,
}

/// A stage and when it was reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageMark {
    /// The stage.
    pub stage: Stage,
    /// Milliseconds since the page's navigation start (`performance.now()`).
    pub at_ms: f64,
}

/// One stage of the setting up of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Whose page, or none for the server and the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Role>,
    /// The stage's name.
    pub stage: String,
    /// Milliseconds from the press on **Accept**; negative before it.
    pub at_ms: f64,
}
