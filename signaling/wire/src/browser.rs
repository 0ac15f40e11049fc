//! Browser ↔ signaling: JSON text messages on one WebSocket (`/ws`).
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

use std::net::SocketAddr;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    claims::Context,
    control::LegQuality,
    figure,
    ids::{CallId, LegId, NodeId, OfferId},
    problem::Problem,
    text::{ChatText, Name, Note},
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
    /// ([`ServerMessage::LegMove`]). The former is of no more use to this page.
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

/// A round trip that a page measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasuredNode {
    /// To which node.
    pub node: NodeId,
    /// Milliseconds.
    #[serde(deserialize_with = "figure::read")]
    pub rtt_ms: f32,
}

/// A TURN server as a page's `RTCPeerConnection` takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Where it is: `turn:` and `turns:` URLs (RFC 7065).
    pub urls: Vec<String>,
    /// When the credential expires, in seconds since the Unix epoch, and a random name.
    pub username: String,
    /// The password that goes with it.
    pub credential: String,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// A node to which the page should measure its round trip: an ICE-lite agent that answers
/// connectivity checks with these credentials and does nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateNode {
    /// The node.
    pub node: NodeId,
    /// Where it stands.
    pub region: String,
    /// Its UDP addresses, of both families if it has both.
    pub addresses: Vec<SocketAddr>,
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
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

/// What an agent wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedPresence {
    /// Ready for the next call.
    Available,
    /// Signed in, not to be rung.
    Break,
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

/// What a page sees of the call's quality.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PageQuality {
    /// Round trip to the node in milliseconds.
    #[serde(deserialize_with = "figure::read")]
    pub rtt_ms: f32,
    /// Share of incoming packets lost since the last report, 0 to 1.
    #[serde(deserialize_with = "figure::read")]
    pub loss_in: f32,
    /// Incoming video in kbit/s.
    #[serde(deserialize_with = "figure::read")]
    pub video_in_kbps: f32,
    /// Outgoing video in kbit/s.
    #[serde(deserialize_with = "figure::read")]
    pub video_out_kbps: f32,
    /// Decoded frames per second.
    #[serde(deserialize_with = "figure::read")]
    pub fps_in: f32,
    /// Height of the incoming picture in pixels.
    pub height_in: u16,
    /// Freezes since the last report.
    pub freezes: u16,
    /// Seconds frozen since the last report.
    #[serde(deserialize_with = "figure::read")]
    pub freeze_seconds: f32,
    /// Share of concealed audio samples since the last report, 0 to 1.
    #[serde(deserialize_with = "figure::read")]
    pub concealed: f32,
    /// The browser says that the network keeps it from sending a better picture.
    pub limited: bool,
}

/// Which pictures the network keeps back while sound goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VideoPaused {
    /// The other side's, on the way to this one: this side's connection is too weak.
    pub incoming: bool,
    /// This side's, on the way to the other one: theirs is.
    pub outgoing: bool,
}

/// What a side's network is good for, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkWord {
    /// Nobody notices it.
    #[default]
    Good,
    /// It costs some of the picture.
    Fair,
    /// It is in the way of the call.
    Weak,
}

/// Both sides' networks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Network {
    /// Of this side.
    pub own: NetworkWord,
    /// Of the other side.
    pub peer: NetworkWord,
    /// Agent: the latest figures of this side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_figures: Option<SideFigures>,
    /// Agent: the latest figures of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_figures: Option<SideFigures>,
}

/// The latest figures of one side.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SideFigures {
    /// What the node measures on the way to and from its page.
    pub node: LegQuality,
    /// What its page sees.
    pub page: PageQuality,
}

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
    /// ([`ClientMessage::LegSwitched`]).
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
    /// ([`MediaPolicy::Instant`]). Sent again, with a higher epoch, when
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
    /// Both: how both sides' networks are doing, every few seconds.
    Network(Box<Network>),
    /// Both: a chat message, one's own included (it confirms that it was stored).
    Chat(ChatLine),
    /// Both: the call is over. Also answers a shopper's [`ClientMessage::Leave`], with
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
    /// From [`ServerMessage::CallStarted`] on.
    #[default]
    Private,
    /// While it rings (shopper: [`QueuePlace::ringing`], agent: [`ServerMessage::Offer`]) they go
    /// to the node, which starts the viewer with them on **Accept**.
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
