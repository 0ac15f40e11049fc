//! What a page says.

use serde::{Deserialize, Serialize};

use super::{MeasuredNode, MediaChoice, MediaState, PageQuality, StageMark};
use crate::{
    ids::{CallId, LegId, OfferId},
    text::{ChatText, Note},
};

/// What a page may say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Who is there. First message on every socket, within ten seconds.
    Hello {
        /// The protocol number of the page, [`crate::PROTOCOL`].
        protocol: u16,
        /// Credentials.
        auth: Auth,
        /// The leg this page already has, when only the socket was lost. After a reload there is
        /// none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leg: Option<LegId>,
    },
    /// Opens a leg, or replaces the one the page had (after a reload, or when it failed).
    LegOffer {
        /// The page's own counter; the answer carries it back.
        attempt: u32,
        /// The SDP offer: one audio and one video section, both sendrecv, bundled.
        sdp: String,
        /// What the page measured to the candidates in its welcome, as far as it has. At most
        /// [`crate::limits::MAX_MEASURED`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        measured: Vec<MeasuredNode>,
    },
    /// What the page measured to the candidates in its welcome. Said when it is done, or anew after
    /// the network has changed; the server may want the leg on another node then.
    Measured {
        /// The leg the page has.
        leg: LegId,
        /// At most [`crate::limits::MAX_MEASURED`].
        measured: Vec<MeasuredNode>,
    },
    /// ICE restart of the leg: same DTLS association, new ICE credentials.
    LegRestart {
        /// The page's own counter; the answer carries it back.
        attempt: u32,
        /// The leg to restart.
        leg: LegId,
        /// The SDP offer with the new credentials.
        sdp: String,
    },
    /// Both: nothing at all has come from the node of this leg for a while, although it came
    /// regularly until then. Said again, with a higher figure, for as long as it is so.
    LegSilent {
        /// The leg.
        leg: LegId,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// Both: from now on this leg is shown, the one that the page opened when it was told to
    /// ([`super::ServerMessage::LegMove`]). The former is of no more use to this page.
    LegSwitched {
        /// The leg.
        leg: LegId,
        /// Picture or sound of the other side has come on it.
        media: bool,
    },

    /// Shopper: enter the queue.
    Join {
        /// What the shopper can send.
        media: MediaChoice,
    },
    /// Shopper: leave the queue.
    Leave,
    /// Shopper: answer to the question after the call.
    Satisfaction {
        /// The call it is about.
        call: CallId,
        /// 1 (bad) to 5 (very good).
        score: Score,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Note>,
    },

    /// Agent: what the agent wants to be.
    Presence {
        /// Available or on a break.
        state: WantedPresence,
    },
    /// Agent: whether calls start without a ring, until the page's socket ends.
    AutoAccept {
        /// They do.
        on: bool,
    },
    /// Agent: take the offered call.
    Accept {
        /// The offer.
        offer: OfferId,
    },
    /// Agent: pass the offered call on.
    Decline {
        /// The offer.
        offer: OfferId,
    },
    /// Agent: outcome and note after the call. Ends the wrap-up.
    WrapUp {
        /// The call it is about.
        call: CallId,
        /// How it went.
        outcome: Outcome,
        /// Free text.
        note: Note,
    },

    /// Both: a chat message.
    Chat {
        /// The page's own counter: a message sent again after a reconnect is stored once.
        client_id: u32,
        /// The text.
        text: ChatText,
    },
    /// Both: what this side sends now.
    Media(MediaState),
    /// Both: end the call.
    HangUp,
    /// Both: stage timings of this page.
    Stages {
        /// The call they belong to; none while there is no call yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// At most [`crate::limits::MAX_STAGES`] marks.
        marks: Vec<StageMark>,
    },
    /// Both: what the page sees of the call's quality, every few seconds.
    Quality(PageQuality),
    /// Both: keeps the socket alive and measures its round trip.
    Ping {
        /// Echoed.
        t: f64,
    },
}

/// Credentials in a hello.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Auth {
    /// A shopper's link token.
    Link {
        /// The token from the link's fragment.
        token: String,
    },
    /// A seat token from an earlier welcome.
    Seat {
        /// The token.
        token: String,
    },
    /// An agent: the session cookie on the WebSocket's request counts.
    Session,
    /// An agent without cookies (tools): the session token itself.
    SessionToken {
        /// The token.
        token: String,
    },
}

/// What an agent wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedPresence {
    /// Ready for the next call.
    Available,
    /// Signed in, not to be rung.
    Break,
}

/// A satisfaction score, 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Score(u8);

/// A number that is not a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a score is 1 to 5")]
pub struct NotAScore;

impl TryFrom<u8> for Score {
    type Error = NotAScore;

    fn try_from(value: u8) -> Result<Self, NotAScore> {
        if (1..=5).contains(&value) { Ok(Self(value)) } else { Err(NotAScore) }
    }
}

impl From<Score> for u8 {
    fn from(score: Score) -> Self {
        score.0
    }
}

/// How a call went, in the agent's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The shopper has what they wanted.
    Resolved,
    /// Something is left to do.
    FollowUp,
    /// The call could not help.
    NotResolved,
    /// Wrong number, test, abuse.
    NoReason,
}
