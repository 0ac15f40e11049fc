//! Browser ↔ signaling: JSON text messages on a WebSocket (`/ws`), and copies of some of them on a
//! second one (`/ws/second`, [`SecondClientMessage`]).
//!
//! A page opens the socket and sends [`ClientMessage::Hello`] first; it may send further messages
//! (its leg's offer, say) in the same flight without waiting for [`ServerMessage::Welcome`].
//! Who sends a message is known from the hello, never from a message's content.
//!
//! ```text
//! shopper                signaling                 agent
//!   hello, leg_offer ──►            ◄── hello, leg_offer
//!   ◄── welcome, leg_answer      welcome, leg_answer ──►
//!   join ──►                        ◄── presence available
//!   ◄── queue                                offer ──►
//!                                   ◄── accept
//!   ◄── call_started               call_started ──►
//!   ◄── chat, peer … ──►            ◄── chat, peer … ──►
//!   hang_up ──►
//!   ◄── call_ended                   call_ended ──►
//!   satisfaction ──►                ◄── wrap_up
//! ```

mod client;
mod nodes;
mod quality;
mod screen;
mod second;
mod server;
mod stages;

use serde::{Deserialize, Serialize};

pub use self::{
    client::{Auth, ClientMessage, NotAScore, Outcome, Score, WantedPresence},
    nodes::{CandidateNode, IceServer, MeasuredNode},
    quality::{Network, NetworkWord, PageQuality, Place, SideFigures, VideoPaused},
    screen::{CallView, ChatLine, MediaPolicy, Offer, Phase, QueuePlace, Welcome},
    second::{InvalidKey, SecondClientMessage, SecondKey, SecondServerMessage},
    server::{ByeReason, EndReason, OfferEnd, ServerMessage},
    stages::{Stage, StageMark, TimelineEntry},
};

/// Who a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person who opened a link.
    Shopper,
    /// The person in the console.
    Agent,
}

impl Role {
    /// The other side of a call.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Shopper => Self::Agent,
            Self::Agent => Self::Shopper,
        }
    }
}

/// What a shopper can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaChoice {
    /// Camera and microphone.
    Video,
    /// Microphone only.
    Audio,
    /// Neither: the call is a chat, and the shopper still sees and hears the agent.
    Text,
}

/// What an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// No page open.
    Offline,
    /// Signed in, not to be rung.
    Break,
    /// Ready for the next call.
    Available,
    /// An offer is ringing.
    Ringing,
    /// In a call.
    InCall,
    /// After a call.
    WrapUp,
}

/// What one side sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaState {
    /// The microphone is on.
    pub microphone: bool,
    /// The camera is on.
    pub camera: bool,
    /// The video is a screen.
    #[serde(default)]
    pub screen: bool,
}
