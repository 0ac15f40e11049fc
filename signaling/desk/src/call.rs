//! A call from joining the queue to its end.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
};

use signaling_wire::{
    browser::{ChatLine, MediaChoice, Role},
    claims::LinkClaims,
    ids::{AgentId, CallId, LegId, LinkId, OfferId},
    limits::MAX_CHAT_REPLAY,
    text::{ChatText, Name},
};

use crate::{
    Millis, Rules, matching, moving::Moving, network::Networks, quality::QualitySummary,
    seat::ToldPlace, timeline::Timeline,
};

/// Most chat messages in one call. An hour of typing as fast as people can is a tenth of it.
pub(crate) const MAX_CHAT_LINES: u32 = 5_000;

/// Agents remembered as having let a shopper pass. Beyond it the oldest may be rung again.
const MAX_REFUSED: usize = 64;

/// Order in the queue: priority, then waiting time, then order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    priority: Reverse<u8>,
    queued_at: Millis,
    arrival: u64,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) link: Box<LinkClaims>,
    pub(crate) media: MediaChoice,
    pub(crate) queued_at: Millis,
    pub(crate) rank: Rank,
    /// Agents who let it pass, and until when they are left alone.
    pub(crate) refused: VecDeque<(AgentId, Millis)>,
    pub(crate) told_place: ToldPlace,
    pub(crate) state: CallState,
}

/// Where a call stands.
#[derive(Debug)]
pub(crate) enum CallState {
    /// The store has not yet said that the shopper may join.
    Joining,
    /// In the queue.
    Waiting,
    /// Reserved for one agent.
    Offered(Offered),
    /// Accepted.
    Active(Box<Active>),
    /// Over; kept for a moment for the last stages the pages report.
    Ended {
        /// What it was.
        was: Box<Active>,
        /// Until when it is kept.
        until: Millis,
    },
}

/// An offer.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    pub(crate) offer: OfferId,
    pub(crate) agent: AgentId,
    pub(crate) why: String,
    pub(crate) at: Millis,
    pub(crate) until: Millis,
    /// The claim is stored: the console rings.
    pub(crate) ringing: bool,
}

/// An accepted call.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) agent: AgentId,
    pub(crate) agent_name: Name,
    pub(crate) started_at: Millis,
    /// Of the bridge, or of the first one to come.
    pub(crate) epoch: u32,
    /// The shopper's and the agent's leg of the newest bridge.
    pub(crate) bridge: Option<[LegId; 2]>,
    pub(crate) chat: Chat,
    pub(crate) timeline: Timeline,
    pub(crate) quality: [QualitySummary; 2],
    /// How the sides' networks are doing now.
    pub(crate) networks: Networks,
    /// It is on its way to another node.
    pub(crate) moving: Option<Moving>,
    /// A bridge that is there although this desk has not ordered it.
    pub(crate) found: Option<FoundBridge>,
    /// Taken over from a desk that stopped.
    pub(crate) restored: bool,
}

/// A bridge that the desk before this one has ordered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundBridge {
    pub(crate) epoch: u32,
    /// In no particular order.
    pub(crate) legs: [LegId; 2],
}

impl FoundBridge {
    /// Whether it joins these legs.
    pub(crate) fn joins(&self, [a, b]: [LegId; 2]) -> bool {
        self.legs == [a, b] || self.legs == [b, a]
    }
}

impl Call {
    pub(crate) fn new(
        id: CallId,
        link: Box<LinkClaims>,
        media: MediaChoice,
        queued_at: Millis,
        arrival: u64,
    ) -> Self {
        let rank = Rank { priority: Reverse(link.priority), queued_at, arrival };
        Self {
            id,
            link,
            media,
            queued_at,
            rank,
            refused: VecDeque::new(),
            told_place: None,
            state: CallState::Joining,
        }
    }

    pub(crate) fn link_id(&self) -> LinkId {
        self.link.jti
    }

    /// The name the agent sees.
    pub(crate) fn shopper_name(&self) -> Name {
        self.link.context.name.clone().unwrap_or_default()
    }

    pub(crate) fn active(&self) -> Option<&Active> {
        match &self.state {
            CallState::Active(active) => Some(active),
            _ => None,
        }
    }

    pub(crate) fn active_mut(&mut self) -> Option<&mut Active> {
        match &mut self.state {
            CallState::Active(active) => Some(active),
            _ => None,
        }
    }

    /// The call's time line, also just after its end.
    pub(crate) fn timeline_mut(&mut self) -> Option<&mut Timeline> {
        match &mut self.state {
            CallState::Active(active) | CallState::Ended { was: active, .. } => {
                Some(&mut active.timeline)
            }
            _ => None,
        }
    }

    pub(crate) fn offered(&self) -> Option<&Offered> {
        match &self.state {
            CallState::Offered(offered) => Some(offered),
            _ => None,
        }
    }

    /// Leaves `agent` alone with this shopper until `until`.
    pub(crate) fn refuse(&mut self, agent: AgentId, until: Millis) {
        self.refused.retain(|(other, _)| *other != agent);
        if self.refused.len() >= MAX_REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back((agent, until));
    }

    pub(crate) fn has_refused(&self, agent: AgentId, now: Millis) -> bool {
        self.refused.iter().any(|(other, until)| *other == agent && *until > now)
    }

    /// When the call has to be looked at again.
    pub(crate) fn deadline(&self, rules: &Rules, now: Millis) -> Option<Millis> {
        match &self.state {
            CallState::Waiting => matching::relaxations(rules)
                .map(|after| self.queued_at + after)
                .into_iter()
                .chain(self.refused.iter().map(|(_, until)| *until))
                .filter(|at| *at > now)
                .min(),
            CallState::Offered(offered) if offered.ringing => Some(offered.until),
            CallState::Ended { until, .. } => Some(*until),
            CallState::Active(active) => active.moving.as_ref().map(Moving::until),
            CallState::Joining | CallState::Offered(_) => None,
        }
    }
}

/// Index of a side in pairs that hold the shopper first.
pub(crate) fn index(side: Role) -> usize {
    match side {
        Role::Shopper => 0,
        Role::Agent => 1,
    }
}

/// A call's chat: the latest lines, and which messages were seen.
#[derive(Debug, Default)]
pub(crate) struct Chat {
    lines: VecDeque<ChatLine>,
    last: u32,
    seen: BTreeSet<(Role, u32)>,
}

/// What became of a chat message.
#[derive(Debug)]
pub(crate) enum Said {
    /// It is new.
    New(ChatLine),
    /// It was said before; the line, if it is still at hand.
    Again(Option<ChatLine>),
    /// The chat is full.
    Full,
}

impl Chat {
    pub(crate) fn restored(lines: Vec<ChatLine>) -> Self {
        Self {
            last: lines.last().map_or(0, |line| line.seq),
            seen: lines.iter().map(|line| (line.from, line.client_id)).collect(),
            lines: lines.into(),
        }
    }

    pub(crate) fn say(&mut self, from: Role, client_id: u32, text: ChatText, at: Millis) -> Said {
        if self.seen.contains(&(from, client_id)) {
            let same = |line: &&ChatLine| line.from == from && line.client_id == client_id;
            return Said::Again(self.lines.iter().find(same).cloned());
        }
        if self.last >= MAX_CHAT_LINES {
            return Said::Full;
        }
        self.last += 1;
        self.seen.insert((from, client_id));
        let line = ChatLine { seq: self.last, from, client_id, text, at_ms: at.0 };
        if self.lines.len() >= MAX_CHAT_REPLAY {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
        Said::New(line)
    }

    pub(crate) fn lines(&self) -> Vec<ChatLine> {
        self.lines.iter().cloned().collect()
    }
}
