//! The record of a call: what `GET /v1/calls/{id}` answers.

use serde::{Deserialize, Serialize};
use signaling_wire::{
    browser::{EndReason, MediaChoice, Outcome, Role, Score, TimelineEntry},
    claims::Context,
    ids::{AgentId, CallId, LinkId, OfferId},
    text::{Name, Note},
};

use crate::{Millis, placement::LegPlace, quality::QualitySummary};

/// Everything known about one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallRecord {
    /// The call.
    pub id: CallId,
    /// Where it stands.
    pub state: RecordState,
    /// The link the shopper came with.
    pub link: LinkId,
    /// The queue's name.
    pub queue: Name,
    /// The link's priority.
    pub priority: u8,
    /// Skills the link asked for.
    pub skills: Vec<Name>,
    /// What the shopper can send.
    pub media: MediaChoice,
    /// A call made by a test tool.
    pub synthetic: bool,
    /// What the link carried.
    pub context: Context,
    /// The agent who took it.
    pub agent: Option<RecordAgent>,
    /// When the shopper joined the queue.
    pub queued_at: Millis,
    /// When it first rang.
    pub offered_at: Option<Millis>,
    /// When an agent accepted: the start of the call.
    pub started_at: Option<Millis>,
    /// When the first bridge was ordered (both legs were warm).
    pub bridged_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// From joining to the accept, or to the end if nobody accepted. Milliseconds.
    pub wait_ms: Option<u64>,
    /// From the accept to the end. Milliseconds; none if nobody accepted.
    pub duration_ms: Option<u64>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// The number of its newest bridge. They are numbered upwards, with gaps after a restart.
    pub epoch: u32,
    /// Each ring: who, why, and what became of it.
    pub offers: Vec<RecordOffer>,
    /// Stages of setting up, in milliseconds from the press on **Accept**.
    pub timeline: Vec<TimelineEntry>,
    /// Where each side's leg was in its newest bridge, and why there.
    pub places: Vec<RecordPlace>,
    /// Quality of each side.
    pub quality: Vec<RecordQuality>,
    /// Chat messages.
    pub chat_count: u32,
    /// The agent's words after the call.
    pub wrap_up: Option<RecordWrapUp>,
    /// The shopper's answer after the call.
    pub satisfaction: Option<RecordSatisfaction>,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// In the queue.
    Waiting,
    /// An agent is being rung.
    Ringing,
    /// Accepted.
    Active,
    /// Over.
    Ended,
}

/// The agent of a call, by the name they had then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordAgent {
    /// The agent.
    pub id: AgentId,
    /// Their name.
    pub name: Name,
}

/// One ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordOffer {
    /// The offer.
    pub id: OfferId,
    /// Who was rung.
    pub agent: RecordAgent,
    /// When.
    pub offered_at: Millis,
    /// Why this agent.
    pub why: String,
    /// What became of it; none while it rings.
    pub result: Option<OfferResult>,
    /// When that was.
    pub result_at: Option<Millis>,
}

/// What became of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferResult {
    /// The agent took it.
    Accepted,
    /// The agent passed it on.
    Declined,
    /// The deadline passed.
    Expired,
    /// The shopper left, or one of the pages was gone.
    Withdrawn,
}

/// Where one side's leg was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordPlace {
    /// Whose page.
    pub side: Role,
    /// The node, and why.
    #[serde(flatten)]
    pub place: LegPlace,
}

impl RecordPlace {
    /// The sides whose place is known, of a pair that holds the shopper first.
    pub fn of_both(places: [Option<LegPlace>; 2]) -> Vec<Self> {
        let sides = [Role::Shopper, Role::Agent].into_iter().zip(places);
        sides.filter_map(|(side, place)| Some(Self { side, place: place? })).collect()
    }
}

/// Quality of one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordQuality {
    /// Whose page.
    pub side: Role,
    /// The figures.
    #[serde(flatten)]
    pub summary: QualitySummary,
}

/// The agent's words after a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordWrapUp {
    /// How it went.
    pub outcome: Outcome,
    /// Free text.
    pub note: Note,
    /// When it was given.
    pub at: Millis,
}

/// The shopper's answer after a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordSatisfaction {
    /// 1 to 5.
    pub score: Score,
    /// Free text.
    pub comment: Option<Note>,
    /// When it was given.
    pub at: Millis,
}
