//! What must be neither lost nor doubled, behind one trait of domain verbs.
//!
//! Every verb is a conditional write on one call: it says from which state it starts, and the
//! store refuses it when the call is not there (any more). In SQL each is one `UPDATE … WHERE`, so
//! that several desks can share one PostgreSQL later: each decides on the queue as it sees it, the
//! [`Verb::Claim`] of only one of them goes through (`SELECT … FOR UPDATE SKIP LOCKED` picks the
//! row), and the others look again.
//!
//! Every verb is idempotent: repeated after an answer that got lost, it changes nothing and is
//! [`Applied::Done`] again.

#[cfg(feature = "contract")]
pub mod contract;

use async_trait::async_trait;
use signaling_wire::{
    browser::{
        ChatLine, EndReason, MediaChoice, Outcome, Role, Score, TimelineEntry, WantedPresence,
    },
    claims::LinkClaims,
    ids::{AgentId, CallId, LinkId, OfferId},
    text::{Name, Note},
};
use thiserror::Error;

use crate::{
    Millis,
    placement::LegPlace,
    quality::QualitySummary,
    record::{CallRecord, OfferResult},
};

/// Most calls one link may have in its life, answered or not. Keeps a page that joins and leaves
/// in a loop from filling the store.
pub const MAX_CALLS_PER_LINK: u32 = 200;

/// An agent as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AgentProfile {
    /// The agent.
    pub id: AgentId,
    /// The name shoppers see.
    pub name: Name,
    /// BCP 47 tags of the languages they speak.
    #[serde(default)]
    pub languages: Vec<Name>,
    /// What else they know.
    #[serde(default)]
    pub skills: Vec<Name>,
}

/// A change the desk wants stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// A shopper joins the queue. Refused when the link is used up ([`Refusal::LinkUsedUp`]) or
    /// has another call that is not over ([`Refusal::Conflict`]). A use is spent by a call that
    /// was accepted, not by waiting.
    Enqueue {
        /// The new call.
        call: CallId,
        /// The link.
        link: Box<LinkClaims>,
        /// What the shopper can send.
        media: MediaChoice,
        /// When.
        at: Millis,
    },
    /// Reserves a waiting call for one agent. Refused with [`Refusal::Conflict`] when the call is
    /// not waiting, or when the agent has another call or offer.
    Claim {
        /// The call.
        call: CallId,
        /// The new offer.
        offer: OfferId,
        /// The agent.
        agent: AgentId,
        /// Their name now.
        name: Name,
        /// Why this agent.
        why: String,
        /// When.
        at: Millis,
        /// When the reservation ends by itself.
        until: Millis,
    },
    /// Ends an offer; the call waits again. Refused when the offer is not open.
    Release {
        /// The call.
        call: CallId,
        /// The offer.
        offer: OfferId,
        /// Why; never [`OfferResult::Accepted`].
        result: OfferResult,
        /// When.
        at: Millis,
    },
    /// The agent takes the call. Refused when the offer is not open.
    Accept {
        /// The call.
        call: CallId,
        /// The offer.
        offer: OfferId,
        /// When.
        at: Millis,
    },
    /// The call has a new bridge. Refused unless the call is active and the epoch is newer.
    Bridged {
        /// The call.
        call: CallId,
        /// The epoch.
        epoch: u32,
        /// When.
        at: Millis,
        /// Where the shopper's and the agent's leg are; none for a leg found after a restart.
        places: [Option<LegPlace>; 2],
    },
    /// Ends a call, once: in whatever state it is, unless it has ended or has a newer epoch.
    End {
        /// The call.
        call: CallId,
        /// The newest epoch the desk knows; 0 before the first bridge.
        epoch: u32,
        /// Why.
        reason: EndReason,
        /// When.
        at: Millis,
    },
    /// A chat message. A repeated `client_id` of the same side is stored once.
    Chat {
        /// The call.
        call: CallId,
        /// The message.
        line: ChatLine,
    },
    /// The stages of setting up; replaces what was stored.
    Timeline {
        /// The call.
        call: CallId,
        /// The stages.
        entries: Vec<TimelineEntry>,
    },
    /// Quality of one side; replaces what was stored.
    Quality {
        /// The call.
        call: CallId,
        /// Whose page.
        side: Role,
        /// The figures.
        summary: Box<QualitySummary>,
    },
    /// The agent's words after a call that was theirs, until it is followed by other words.
    WrapUp {
        /// The call.
        call: CallId,
        /// Whose words.
        agent: AgentId,
        /// How it went.
        outcome: Outcome,
        /// Free text.
        note: Note,
        /// When.
        at: Millis,
    },
    /// The shopper's answer after a call of their link. Only the first counts.
    Satisfaction {
        /// The call.
        call: CallId,
        /// Whose answer.
        link: LinkId,
        /// 1 to 5.
        score: Score,
        /// Free text.
        comment: Option<Note>,
        /// When.
        at: Millis,
    },
    /// What an agent wants to be, to come back to after a restart.
    Wanted {
        /// The agent.
        agent: AgentId,
        /// What they want.
        state: WantedPresence,
    },
    /// The desk was running at this time. After a crash it says when the calls stopped.
    Alive {
        /// When.
        at: Millis,
    },
}

/// The store understood a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is stored (now, or by an earlier try).
    Done,
    /// Its condition does not hold. Nothing has changed.
    Refused(Refusal),
}

/// Which condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The link has no uses left.
    LinkUsedUp,
    /// The thing is not in a state that allows this.
    Conflict,
    /// There is no such call.
    NotFound,
}

/// The store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// It may work later (the disk is full, the database is away).
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What is stored, or what was to be stored, makes no sense. Trying again will not help.
    #[error("the store holds or was given something it cannot read: {0}")]
    Damaged(String),
    /// Another desk decides now; nothing of this one counts any more.
    #[error("another desk has taken over")]
    Deposed,
}

/// A call that was not over when the last desk stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCall {
    /// The call.
    pub call: CallId,
    /// The link.
    pub link: Box<LinkClaims>,
    /// What the shopper can send.
    pub media: MediaChoice,
    /// When the shopper joined.
    pub queued_at: Millis,
    /// Where it stood.
    pub state: OpenState,
    /// The newest bridge's epoch, 0 if there was none.
    pub epoch: u32,
    /// The latest chat, at most [`signaling_wire::limits::MAX_CHAT_REPLAY`] lines.
    pub chat: Vec<ChatLine>,
    /// The stages stored so far.
    pub timeline: Vec<TimelineEntry>,
}

/// Where an open call stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenState {
    /// In the queue.
    Waiting,
    /// Ringing.
    Ringing {
        /// The open offer.
        offer: OfferId,
    },
    /// Accepted.
    Active {
        /// By whom.
        agent: AgentId,
        /// Under which name.
        name: Name,
        /// When.
        started_at: Millis,
    },
}

/// What a desk needs to carry on where the last one stopped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restored {
    /// The calls that were not over.
    pub calls: Vec<OpenCall>,
    /// What agents wanted to be.
    pub wanted: Vec<(AgentId, WantedPresence)>,
    /// The last [`Verb::Alive`].
    pub alive_at: Option<Millis>,
}

/// A page of calls, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFilter {
    /// Only calls older than this one.
    pub before: Option<CallId>,
    /// Only calls that are not over.
    pub open: bool,
    /// At most this many; the store may give fewer.
    pub limit: u32,
}

/// What must be neither lost nor doubled.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores one change of the desk, durably and at once or not at all.
    async fn apply(&self, verb: Verb) -> Result<Applied, StoreError>;

    /// What [`crate::Desk::restore`] needs.
    async fn restore(&self) -> Result<Restored, StoreError>;

    /// The record of one call.
    async fn call_record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError>;

    /// Records of calls, newest first.
    async fn list_calls(&self, filter: CallFilter) -> Result<Vec<CallRecord>, StoreError>;

    /// All agents, by name.
    async fn agents(&self) -> Result<Vec<AgentProfile>, StoreError>;

    /// One agent.
    async fn agent(&self, id: AgentId) -> Result<Option<AgentProfile>, StoreError>;

    /// Adds an agent or replaces the one with the same id.
    async fn put_agent(&self, agent: AgentProfile) -> Result<(), StoreError>;

    /// Removes an agent; false when there is none. Records keep their name.
    async fn remove_agent(&self, id: AgentId) -> Result<bool, StoreError>;

    /// Spends a one-time sign-in token; true for exactly one caller. `expires` (when the token is
    /// no longer valid anyway) lets the store forget it.
    async fn spend_sign_in(
        &self,
        token: LinkId,
        now: Millis,
        expires: Millis,
    ) -> Result<bool, StoreError>;

    /// The secret of this name. The first caller's `fresh` becomes it; everyone after gets the
    /// same.
    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// Replaces the secret of this name if it is still `known`; false when it is not (any more).
    async fn replace_secret(
        &self,
        name: &str,
        known: Vec<u8>,
        fresh: Vec<u8>,
    ) -> Result<bool, StoreError>;

    /// Whether the store can be written now.
    async fn check(&self) -> Result<(), StoreError>;
}
