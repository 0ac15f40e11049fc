//! The one error shape: RFC 9457 problem details, with a closed set of codes.
//!
//! `code` is for programs and never changes its meaning; `stage` says how far things had got;
//! `hint` tells a person what to do next.

use serde::{Deserialize, Serialize};

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The message or body could not be understood.
    Malformed,
    /// The message or body is larger than allowed.
    TooLarge,
    /// The protocol number is not supported: the page is older or newer than the server.
    ProtocolUnsupported,
    /// No credentials, or they are not for this.
    Unauthorized,
    /// The link or token has expired.
    TokenExpired,
    /// The token is not one of ours, or has been changed.
    TokenInvalid,
    /// The link has been used as often as it allows.
    LinkUsedUp,
    /// The credentials are good, but not for this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The thing is not in a state that allows this (an offer already taken, a call that ended).
    Conflict,
    /// Too many requests in a short time.
    RateLimited,
    /// The queue is closed or full.
    QueueUnavailable,
    /// No media node can take a leg now.
    NoNode,
    /// The SDP offer cannot be served.
    OfferRejected,
    /// The server cannot do this now; trying again later may work.
    Unavailable,
    /// A fault on our side.
    Internal,
}

/// How far a call had got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// An API request outside any call.
    Api,
    /// Opening the socket and saying who is there.
    Hello,
    /// Opening the media leg.
    Leg,
    /// Waiting in the queue.
    Queue,
    /// Ringing an agent.
    Offer,
    /// In the call.
    Call,
    /// After the call.
    WrapUp,
}

/// RFC 9457 problem details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`; `code` carries the meaning. Not written: RFC 9457 gives an absent
    /// `type` that value, and a WebSocket message already has a `type` of its own.
    #[serde(rename = "type", default = "about_blank", skip_serializing)]
    pub kind: String,
    /// A short sentence for people.
    pub title: String,
    /// The HTTP status that goes with it, also on the WebSocket.
    pub status: u16,
    /// What went wrong.
    pub code: Code,
    /// How far things had got.
    pub stage: Stage,
    /// What to do next, for people.
    pub hint: String,
    /// Seconds after which trying again makes sense.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after: Option<u32>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Code {
    /// The HTTP status, the sentence and the advice that go with the code.
    fn describe(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => {
                (400, "The request could not be understood", "Check it against the documentation.")
            }
            Self::TooLarge => (413, "The request is too large", "Send less at a time."),
            Self::ProtocolUnsupported => {
                (426, "This page and the server do not match", "Reload the page.")
            }
            Self::Unauthorized => (401, "Sign in first", "Use the sign-in link or an API key."),
            Self::TokenExpired => (401, "This link has expired", "Ask the shop for a new link."),
            Self::TokenInvalid => (401, "This link is not valid", "Ask the shop for a new link."),
            Self::LinkUsedUp => {
                (409, "This link has already been used", "Ask the shop for a new link.")
            }
            Self::Forbidden => (403, "That is not allowed", "Use credentials that allow it."),
            Self::NotFound => (404, "There is nothing here", "Check the address."),
            Self::Conflict => (409, "That is no longer possible", "Look at the current state."),
            Self::RateLimited => (429, "Too many requests", "Wait a moment and try again."),
            Self::QueueUnavailable => (503, "Nobody can answer now", "Try again later."),
            Self::NoNode => (503, "Video is not available right now", "Try again in a moment."),
            Self::OfferRejected => {
                (422, "This browser's media offer cannot be served", "Use a current browser.")
            }
            Self::Unavailable => (503, "Not available right now", "Try again in a moment."),
            Self::Internal => (500, "Something went wrong on our side", "Try again in a moment."),
        }
    }
}

impl Problem {
    /// The problem with the standard words for `code`.
    pub fn new(code: Code, stage: Stage) -> Self {
        let (status, title, hint) = code.describe();
        Self {
            kind: about_blank(),
            title: title.to_owned(),
            status,
            code,
            stage,
            hint: hint.to_owned(),
            retry_after: None,
        }
    }

    /// The same with other advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same with a time, in seconds, after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::ServerMessage;

    #[test]
    fn a_problem_keeps_the_type_of_the_message_that_carries_it() {
        let message = ServerMessage::Problem(Problem::new(Code::Conflict, Stage::Offer));
        let text = serde_json::to_string(&message).expect("serializes");
        assert_eq!(text.matches("\"type\"").count(), 1, "{text}");
        assert_eq!(serde_json::from_str::<ServerMessage>(&text).expect("parses"), message);
    }
}
