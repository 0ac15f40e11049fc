//! What signaling says to a page.

use serde::{Deserialize, Serialize};

use super::{
    CallView, ChatLine, MediaState, Network, Offer, Presence, QueuePlace, TimelineEntry,
    VideoPaused, Welcome,
};
use crate::{
    ids::{CallId, LegId, OfferId},
    problem::Problem,
};

/// What signaling says to a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Answer to a good hello: everything the page needs to show the right screen.
    Welcome(Box<Welcome>),
    /// The node's answer to a `leg_offer` or `leg_restart`.
    LegAnswer {
        /// The page's counter.
        attempt: u32,
        /// The leg.
        leg: LegId,
        /// The SDP answer with every candidate.
        sdp: String,
    },
    /// The leg asked for cannot be had; the page may try again.
    LegFailed {
        /// The page's counter.
        attempt: u32,
        /// Why.
        problem: Problem,
    },
    /// The leg is gone (its node died, or it stayed silent): the page opens a new one.
    LegLost {
        /// The leg.
        leg: LegId,
    },
    /// The leg is to be given up: its node is about to stop, or does not carry the call. The page
    /// opens another leg beside it and shows that one from its first picture on
    /// ([`super::ClientMessage::LegSwitched`]).
    LegMove {
        /// The leg.
        leg: LegId,
    },

    /// Shopper: place in the queue. Sent when it changes.
    Queue(QueuePlace),

    /// Agent: what the agent is now.
    Presence {
        /// The presence.
        state: Presence,
    },
    /// Agent: how busy the queues are. Sent when it changes.
    Waiting {
        /// Shoppers waiting that this agent could serve.
        waiting: u32,
        /// The longest of their waits, in seconds.
        longest_s: u32,
    },
    /// Agent: it rings.
    Offer(Box<Offer>),
    /// Agent: it stopped ringing.
    OfferEnded {
        /// The offer.
        offer: OfferId,
        /// Why.
        reason: OfferEnd,
    },

    /// Both: media may flow. The page attaches its tracks now, if it has not
    /// ([`super::MediaPolicy::Instant`]). Sent again, with a higher epoch, when
    /// a side of a running call has come back with a new leg.
    CallStarted(CallView),
    /// Both: what the other side sends now.
    PeerMedia(MediaState),
    /// Both: whether the other side's page is there.
    Peer {
        /// False while its page is reloading or its network is away.
        connected: bool,
    },
    /// Both: whether the network lets a picture through. Said when it changes.
    VideoPaused(VideoPaused),
    /// Both: the most that this page's video should take. The browser's encoder does not hear it
    /// from the node by itself.
    VideoCap {
        /// kbit/s.
        kbps: u32,
    },
    /// Both: this page's network may carry more than its browser sends over it. Whoever can should let it
    /// try.
    VideoRoom {
        /// No more than this is to be tried, kbit/s; absent where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_to_kbps: Option<u32>,
    },
    /// Both: how both sides' networks are doing, every few seconds.
    Network(Box<Network>),
    /// Both: a chat message, one's own included (it confirms that it was stored).
    Chat(ChatLine),
    /// Both: the call is over. Also answers a shopper's [`super::ClientMessage::Leave`], with
    /// [`EndReason::Abandoned`].
    CallEnded {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
        /// Seconds from its start to its end.
        duration_s: u32,
        /// Agent: seconds for the wrap-up before it ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wrap_up_s: Option<u32>,
    },
    /// Agent, after the call: where the time went when it was set up.
    Timeline {
        /// The call.
        call: CallId,
        /// Each side's stages, in milliseconds from the press on **Accept**.
        entries: Vec<TimelineEntry>,
    },

    /// The last message could not be served. Nothing else has changed.
    Problem(Problem),
    /// Answer to a ping.
    Pong {
        /// From the ping.
        t: f64,
    },
    /// The server is done with this socket.
    Bye {
        /// Why.
        reason: ByeReason,
    },
}

/// Why it stopped ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// The agent passed it on.
    Declined,
    /// The deadline passed.
    Expired,
    /// The shopper left.
    Withdrawn,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The shopper hung up.
    ShopperHungUp,
    /// The agent hung up.
    AgentHungUp,
    /// The shopper's page did not come back.
    ShopperLost,
    /// The agent's page did not come back.
    AgentLost,
    /// The shopper left before an agent answered.
    Abandoned,
    /// An operator ended it.
    Operator,
    /// The server was stopped.
    ServerStopped,
}

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// The same seat was opened elsewhere.
    Replaced,
    /// The session or link is no longer valid.
    SignedOut,
    /// The server is stopping; come back shortly.
    Restarting,
    /// Too many messages that made no sense.
    Abuse,
}
