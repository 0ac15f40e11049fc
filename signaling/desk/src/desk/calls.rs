//! Calls, from the accept to the end.

use signaling_wire::{
    browser::{CallView, EndReason, MediaState, Role, ServerMessage, StageMark},
    control::CallEvent,
    ids::{CallId, LegId},
    problem::{Code, Stage},
    text::ChatText,
};

use super::{Desk, queue::seconds};
use crate::{
    Effect, Millis, Seat, SocketId,
    call::{Active, CallState, Chat, Said, index},
    network::Networks,
    quality::QualitySummary,
    seat::{Duty, ShopperPhase, limited},
    store::Verb,
    timeline::{self, RoundTrips, Timeline},
};

/// How long an ended call takes in the pages' last stages.
const LATE_STAGES: std::time::Duration = std::time::Duration::from_secs(10);

/// Who has accepted a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// The agent.
    ByPress,
    /// The desk, for an agent who wants it so.
    ByDesk,
}

impl Desk {
    /// The agent has accepted, by a press or once and for all. The claim made the pair exclusive already, so that the start does
    /// not wait for the store; and the bridge goes out before anything else.
    pub(super) fn start(&mut self, id: CallId, accepted: Accepted) {
        let now = self.now;
        let Some(call) = self.calls.get(&id) else { return };
        let (link, queued_at, synthetic) = (call.link_id(), call.queued_at, call.link.synthetic);
        let Some(offered) = call.offered().cloned() else { return };
        let agent_id = offered.agent;
        let Some(agent) = self.agent(agent_id) else { return };
        agent.duty = Duty::InCall { call: id };
        agent.expiries = 0;
        let agent_name = agent.profile.name.clone();
        let agent_marks = agent.page.marks.clone();
        let Some(shopper) = self.shopper(link) else { return };
        shopper.phase = ShopperPhase::InCall { call: id };
        shopper.calls += 1;
        let mut timeline = Timeline::new(shopper.page.marks.clone(), agent_marks);
        timeline.server("queued", now, queued_at);
        timeline.server("offered", now, offered.at);
        let stage = match accepted {
            Accepted::ByPress => "accept_received",
            Accepted::ByDesk => "accepted_for_agent",
        };
        timeline.server(stage, now, now);
        let Some(call) = self.call(id) else { return };
        let rank = call.rank;
        call.state = CallState::Active(Box::new(Active {
            agent: agent_id,
            agent_name,
            started_at: now,
            epoch: 1,
            bridge: None,
            chat: Chat::default(),
            timeline,
            quality: [QualitySummary::default(); 2],
            networks: Networks::default(),
            moving: None,
            found: None,
            restored: false,
        }));
        self.queue.remove(&rank);
        self.store(Verb::Accept { call: id, offer: offered.offer, at: now });
        self.bridge(id);
        self.show_call(id);
        self.show_presence(agent_id);
        self.counters.started += 1;
        self.counters.active += 1;
        if !synthetic {
            self.history.answered(now.since(offered.at));
        }
        self.places_due = true;
    }

    /// Shows both sides the call as it is now.
    pub(super) fn show_call(&mut self, id: CallId) {
        for side in [Role::Shopper, Role::Agent] {
            if let (Some(seat), Some(view)) = (self.seat_of(id, side), self.view(id, side)) {
                self.send_seat(seat, ServerMessage::CallStarted(view));
            }
        }
    }

    /// The call as one side sees it.
    pub(super) fn view(&self, id: CallId, side: Role) -> Option<CallView> {
        let call = self.calls.get(&id)?;
        let active = call.active()?;
        let shopper = &self.shoppers.get(&call.link_id())?.page;
        let agent = &self.agents.get(&active.agent)?.page;
        let (peer, peer_page, peer_media) = match side {
            Role::Shopper => (active.agent_name.clone(), agent, agent.media),
            Role::Agent => (call.shopper_name(), shopper, limited(shopper.media, call.media)),
        };
        Some(CallView {
            call: id,
            epoch: active.epoch,
            peer,
            peer_media,
            peer_connected: peer_page.contact.seems_here(),
            video_paused: active.networks.paused(side),
            media: call.media,
            elapsed_s: seconds(self.now.since(active.started_at)),
            chat: active.chat.lines(),
            context: call.link.context.clone(),
        })
    }

    /// Ends an accepted call.
    pub(super) fn end(&mut self, id: CallId, reason: EndReason, at: Millis) {
        let (now, rules) = (self.now, self.rules);
        let trips = self.round_trips(id);
        let Some(call) = self.call(id) else { return };
        let (link, synthetic) = (call.link_id(), call.link.synthetic);
        let mut active = match std::mem::replace(&mut call.state, CallState::Waiting) {
            CallState::Active(active) => active,
            other => {
                call.state = other;
                return;
            }
        };
        let moving = active.moving.take();
        let (agent_id, epoch, started_at) = (active.agent, active.epoch, active.started_at);
        let bridge = active.bridge.or(active.found.map(|found| found.legs));
        let entries = active.timeline.entries(trips);
        let qualities = active.quality;
        call.state = CallState::Ended { was: active, until: now + LATE_STAGES };

        self.stop_moving(id, [Seat::Shopper(link), Seat::Agent(agent_id)], moving);
        if let Some(legs) = bridge {
            self.effects.push_back(Effect::Unbridge { call: id, epoch, legs });
        }
        self.store(Verb::End { call: id, epoch, reason, at });
        self.store_qualities(id, qualities);
        let duration_s = seconds(at.since(started_at));
        let ended =
            |wrap_up_s| ServerMessage::CallEnded { call: id, reason, duration_s, wrap_up_s };
        if let Some(shopper) = self.shopper(link) {
            shopper.phase = ShopperPhase::Asked { call: id, until: now + rules.satisfaction };
            timeline::keep_page_stages(&mut shopper.page.marks);
        }
        if let Some(agent) = self.agent(agent_id) {
            let since = (!synthetic).then_some(started_at);
            agent.duty = Duty::WrapUp { call: id, since, until: now + rules.wrap_up };
            timeline::keep_page_stages(&mut agent.page.marks);
        }
        self.send_shopper(link, ended(None));
        self.send_agent(agent_id, ended(Some(seconds(rules.wrap_up))));
        self.show_presence(agent_id);
        if !entries.is_empty() {
            self.store(Verb::Timeline { call: id, entries: entries.clone() });
            self.send_agent(agent_id, ServerMessage::Timeline { call: id, entries });
        }
        self.counters.ended += 1;
        self.counters.active -= 1;
        self.places_due = true;
    }

    pub(super) fn hang_up(&mut self, socket: SocketId, seat: Seat) {
        match (self.active_call(seat), seat) {
            (Some((call, Role::Shopper)), _) => self.end(call, EndReason::ShopperHungUp, self.now),
            (Some((call, Role::Agent)), _) => self.end(call, EndReason::AgentHungUp, self.now),
            (None, Seat::Shopper(link)) => self.leave(link),
            (None, Seat::Agent(_)) => self.problem(socket, Code::Conflict, Stage::Call),
        }
    }

    pub(super) fn end_by_operator(&mut self, id: CallId) {
        match self.calls.get(&id).map(|call| &call.state) {
            Some(CallState::Active(_)) => self.end(id, EndReason::Operator, self.now),
            Some(CallState::Ended { .. }) | None => {}
            Some(_) => self.abandon(id, EndReason::Operator, self.now),
        }
    }

    pub(super) fn chat(&mut self, socket: SocketId, seat: Seat, client_id: u32, text: ChatText) {
        let Some((id, side)) = self.active_call(seat) else {
            return self.problem(socket, Code::Conflict, Stage::Call);
        };
        if text.is_empty() {
            return self.problem(socket, Code::Malformed, Stage::Call);
        }
        let now = self.now;
        let Some(active) = self.call(id).and_then(|call| call.active_mut()) else { return };
        match active.chat.say(side, client_id, text, now) {
            Said::New(line) => {
                self.store(Verb::Chat { call: id, line: line.clone() });
                if let Some(peer) = self.seat_of(id, side.other()) {
                    self.send_seat(peer, ServerMessage::Chat(line.clone()));
                }
                self.send(Some(socket), ServerMessage::Chat(line));
            }
            Said::Again(line) => {
                if let Some(line) = line {
                    self.send(Some(socket), ServerMessage::Chat(line));
                }
            }
            Said::Full => self.problem(socket, Code::RateLimited, Stage::Call),
        }
    }

    pub(super) fn media(&mut self, seat: Seat, state: MediaState) {
        let Some(page) = self.page(seat) else { return };
        page.media = state;
        let Some((id, side)) = self.active_call(seat) else { return };
        let Some(call) = self.calls.get(&id) else { return };
        let state = if side == Role::Shopper { limited(state, call.media) } else { state };
        if let Some(peer) = self.seat_of(id, side.other()) {
            self.send_seat(peer, ServerMessage::PeerMedia(state));
        }
    }

    /// Takes in a page's stages: those of a call, or those before there is one.
    pub(super) fn stages(&mut self, seat: Seat, call: Option<CallId>, marks: &[StageMark]) {
        let Some(id) = call else {
            if let Some(page) = self.page(seat) {
                // A page may join, leave and join again: the last time counts.
                timeline::note(&mut page.marks, marks);
            }
            return;
        };
        let trips = self.round_trips(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (link, over) = (call.link_id(), matches!(call.state, CallState::Ended { .. }));
        let agent = match &call.state {
            CallState::Active(active) | CallState::Ended { was: active, .. } => active.agent,
            _ => return,
        };
        let side = match seat {
            Seat::Shopper(own) if own == link => Role::Shopper,
            Seat::Agent(own) if own == agent => Role::Agent,
            _ => return,
        };
        let Some(timeline) = call.timeline_mut() else { return };
        if !timeline.page(side, marks) {
            // Nothing new.
            return;
        }
        let entries = timeline.entries(trips);
        self.store(Verb::Timeline { call: id, entries: entries.clone() });
        if over {
            self.send_agent(agent, ServerMessage::Timeline { call: id, entries });
        }
    }

    /// The page's clock has started anew, and its call goes on.
    pub(super) fn page_reloaded(&mut self, seat: Seat) {
        let Some((id, side)) = self.active_call(seat) else { return };
        let trips = self.round_trips(id);
        if let Some(timeline) = self.calls.get_mut(&id).and_then(|call| call.timeline_mut()) {
            timeline.page_reloaded(side, trips);
        }
    }

    pub(super) fn call_event(
        &mut self,
        id: CallId,
        epoch: u32,
        leg: LegId,
        event: CallEvent,
        at_us: u64,
    ) {
        let Some(side) = self.side_of_leg(leg, id) else { return };
        if let Some(active) = self.calls.get_mut(&id).and_then(|call| call.active_mut())
            // The time line tells how the call was set up, not how a later leg was.
            && active.epoch == epoch
            && epoch == 1
        {
            active.timeline.node(event, side, at_us);
        }
    }

    /// Whose leg it is, if it carries this call.
    pub(super) fn side_of_leg(&self, leg: LegId, id: CallId) -> Option<Role> {
        let (call, side) = self.active_call(self.legs.get(&leg)?.seat)?;
        (call == id).then_some(side)
    }

    /// The pages' round trips to the server, as far as they have reported them.
    fn round_trips(&self, id: CallId) -> RoundTrips {
        match self.calls.get(&id).map(|call| &call.state) {
            Some(CallState::Active(active) | CallState::Ended { was: active, .. }) => {
                let [shopper, agent] = [Role::Shopper, Role::Agent]
                    .map(|side| active.quality[index(side)].page.rtt_ms.min);
                RoundTrips { shopper, agent }
            }
            _ => RoundTrips::default(),
        }
    }

    /// Stores what is known of an active call's quality.
    pub(super) fn store_quality(&mut self, id: CallId) {
        if let Some(qualities) = self.calls.get(&id).and_then(|c| c.active()).map(|a| a.quality) {
            self.store_qualities(id, qualities);
        }
    }

    fn store_qualities(&mut self, call: CallId, qualities: [QualitySummary; 2]) {
        for (side, summary) in [Role::Shopper, Role::Agent].into_iter().zip(qualities) {
            if !summary.is_empty() {
                self.store(Verb::Quality { call, side, summary: Box::new(summary) });
            }
        }
    }
}
