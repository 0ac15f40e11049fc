//! What a page needs to show the right screen.

use serde::{Deserialize, Serialize};

use super::{
    CandidateNode, IceServer, MediaChoice, MediaState, Presence, Role, SecondKey, VideoPaused,
};
use crate::{
    claims::Context,
    ids::{CallId, OfferId},
    text::{ChatText, Name},
};

/// Everything a page needs to show the right screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol number of the server.
    pub protocol: u16,
    /// Who the page is.
    pub role: Role,
    /// The name the other side sees.
    pub name: Name,
    /// The shop's name.
    pub shop: Name,
    /// Shopper: who they are about to talk to (a team or a person).
    pub host: Name,
    /// Shopper: to come back to this seat. Kept in the tab's session storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    /// To attach a second connection to this one, at the instance that has this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondKey>,
    /// When media may leave the page.
    #[serde(default)]
    pub media_policy: MediaPolicy,
    /// Whether the leg named in the hello is still there.
    pub leg_alive: bool,
    /// Where the page stands.
    pub phase: Phase,
    /// What the link carried.
    pub context: Context,
    /// The language the page should speak, if the link says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Name>,
    /// Relays for a page that cannot reach its node by itself, with credentials that expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ice_servers: Vec<IceServer>,
    /// Nodes to measure the round trip to; empty when there is nothing to choose between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<CandidateNode>,
}

/// When camera and microphone packets may leave a page. Nobody sees or hears them before the agent
/// accepts in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaPolicy {
    /// From [`super::ServerMessage::CallStarted`] on.
    #[default]
    Private,
    /// While it rings (shopper: [`QueuePlace::ringing`], agent: [`super::ServerMessage::Offer`])
    /// they go to the node, which starts the viewer with them on **Accept**.
    Instant,
}

/// Where a page stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Shopper: before **Join**.
    Lobby,
    /// Shopper: waiting.
    Queued(QueuePlace),
    /// Agent: no call.
    Idle {
        /// What the agent is.
        presence: Presence,
    },
    /// Agent: ringing.
    Ringing(Box<Offer>),
    /// Both: in a call.
    InCall(CallView),
    /// Agent: after a call.
    WrapUp {
        /// The call.
        call: CallId,
        /// Seconds left before it ends by itself.
        left_s: u32,
    },
    /// Shopper: the question after the call.
    Satisfaction {
        /// The call.
        call: CallId,
    },
    /// Shopper: nothing left to do.
    Done,
}

/// Place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// 1 is next.
    pub position: u32,
    /// Honest estimate of the wait in seconds; none when there is nothing to base one on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_s: Option<u32>,
    /// Agents signed in and not on a break who could take the call.
    pub agents: u32,
    /// An agent is being rung for this shopper now.
    pub ringing: bool,
}

/// A ring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The offer.
    pub offer: OfferId,
    /// The call it would become.
    pub call: CallId,
    /// Milliseconds left to answer.
    pub left_ms: u32,
    /// The shopper's name.
    pub name: Name,
    /// What the shopper can send.
    pub media: MediaChoice,
    /// Seconds the shopper has waited.
    pub waited_s: u32,
    /// What the link carried.
    pub context: Context,
    /// Why this agent was chosen, for people.
    pub why: String,
}

/// A call as one side sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// Counts the transports the call has had; a message about an older one is stale.
    pub epoch: u32,
    /// The other side's name.
    pub peer: Name,
    /// What the other side sends.
    pub peer_media: MediaState,
    /// Whether the other side's page is there.
    pub peer_connected: bool,
    /// Which pictures the network keeps back.
    #[serde(default)]
    pub video_paused: VideoPaused,
    /// What the shopper said they can send.
    pub media: MediaChoice,
    /// Seconds since the call started.
    pub elapsed_s: u32,
    /// Chat so far.
    pub chat: Vec<ChatLine>,
    /// What the link carried (both sides may see it; the console shows it).
    pub context: Context,
}

/// A stored chat message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatLine {
    /// Counts the call's messages from 1.
    pub seq: u32,
    /// Who wrote it.
    pub from: Role,
    /// The writer's own counter.
    pub client_id: u32,
    /// The text.
    pub text: ChatText,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}
