//! The queue: pairing, offers, places.

use signaling_wire::{
    browser::{EndReason, Offer, OfferEnd, QueuePlace, ServerMessage, WantedPresence},
    ids::{AgentId, CallId, OfferId},
};

use super::{Desk, calls::Accepted};
use crate::{
    Millis,
    call::{CallState, Offered},
    matching::{self, Candidate, Choice, Need},
    outbox::NotStored,
    record::OfferResult,
    seat::{Duty, ShopperPhase},
    store::Verb,
    timers::Timer,
};

/// How long an agent is left alone with a shopper whom the store would not reserve for them.
const CLAIM_FAILED: std::time::Duration = std::time::Duration::from_secs(2);

impl Desk {
    /// The store has agreed: the shopper is in the queue.
    pub(super) fn enter_queue(&mut self, id: CallId) {
        let Some(call) = self.call(id) else { return };
        call.state = CallState::Waiting;
        let rank = call.rank;
        self.queue.insert(rank, id);
        self.match_due = true;
        self.places_due = true;
        self.show_place(id);
    }

    /// Offers waiting shoppers to free agents, in the queue's order.
    pub(super) fn pair(&mut self) {
        if self.outbox.is_down() {
            return;
        }
        let waiting: Vec<CallId> = self.queue.values().copied().collect();
        for id in waiting {
            if !self.agents.values().any(|agent| agent.is_free()) {
                return;
            }
            if let Some(choice) = self.choice(id) {
                self.offer(id, choice);
            }
        }
    }

    /// Who should get this call now, if anyone.
    fn choice(&self, id: CallId) -> Option<Choice> {
        let call = self.calls.get(&id)?;
        if !matches!(call.state, CallState::Waiting) {
            return None;
        }
        // A shopper whose page is gone keeps the place, but there is nobody to talk to.
        self.shoppers.get(&call.link_id())?.page.contact.socket()?;
        let on_duty: Vec<Candidate<'_>> = self
            .agents
            .values()
            .filter(|agent| agent.on_duty() && !call.has_refused(agent.id(), self.now))
            .map(|agent| Candidate {
                profile: &agent.profile,
                free: agent.is_free(),
                idle_since: agent.idle_since,
            })
            .collect();
        let need = Need {
            language: call.link.context.language.as_ref(),
            skills: &call.link.skills,
            waited: self.now.since(call.queued_at),
            synthetic: call.link.synthetic,
        };
        matching::choose(&need, &on_duty, &self.rules, self.now)
    }

    /// Reserves the call for the agent; it rings, or starts, once the store has agreed.
    fn offer(&mut self, id: CallId, choice: Choice) {
        let offer = OfferId::random(&mut self.rng);
        let (at, until) = (self.now, self.now + self.rules.offer);
        let Some(agent) = self.agent(choice.agent) else { return };
        agent.duty = Duty::Offered { call: id, offer, ringing: false };
        let name = agent.profile.name.clone();
        let Some(call) = self.call(id) else { return };
        call.state = CallState::Offered(Offered {
            offer,
            agent: choice.agent,
            why: choice.why.clone(),
            at,
            until,
            ringing: false,
        });
        self.store(Verb::Claim {
            call: id,
            offer,
            agent: choice.agent,
            name,
            why: choice.why,
            at,
            until,
        });
    }

    /// The store has answered a reservation.
    pub(super) fn claimed(&mut self, id: CallId, offer: OfferId, result: Result<(), NotStored>) {
        let Some(CallState::Offered(offered)) = self.call(id).map(|call| &mut call.state) else {
            return;
        };
        if offered.offer != offer {
            return;
        }
        let agent_id = offered.agent;
        if let Err(failure) = result {
            self.free_agent(agent_id, offer);
            if failure == NotStored::Unavailable {
                // It may have been stored, and only its answer lost.
                let (result, at) = (OfferResult::Withdrawn, self.now);
                self.outbox.push_unsure(Verb::Release { call: id, offer, result, at });
            }
            let until = self.now + CLAIM_FAILED;
            if let Some(call) = self.call(id) {
                call.state = CallState::Waiting;
                call.refuse(agent_id, until);
            }
            self.match_due = true;
            return;
        }
        offered.ringing = true;
        if let Some(agent) = self.agent(agent_id) {
            agent.duty = Duty::Offered { call: id, offer, ringing: true };
            if agent.accepts_at_once() {
                // Decided here and not in the page: asking it would cost a round trip.
                return self.start(id, Accepted::ByDesk);
            }
        }
        if let Some(view) = self.offer_view(id) {
            self.send_agent(agent_id, ServerMessage::Offer(Box::new(view)));
        }
        self.show_presence(agent_id);
        self.show_place(id);
        self.places_due = true;
    }

    /// Ends an offer that was not accepted; the call waits again.
    pub(super) fn end_offer(&mut self, id: CallId, result: OfferResult) {
        let (now, refused_for) = (self.now, self.rules.refused_for);
        let Some(call) = self.call(id) else { return };
        let Some(offered) = call.offered().cloned() else { return };
        call.state = CallState::Waiting;
        if result != OfferResult::Withdrawn {
            call.refuse(offered.agent, now + refused_for);
        }
        let release = Verb::Release { call: id, offer: offered.offer, result, at: now };
        if offered.ringing {
            self.store(release);
        } else {
            // The claim may come to nothing.
            self.outbox.push_unsure(release);
        }
        self.offer_is_over(&offered, result);
        self.show_place(id);
        self.match_due = true;
        self.places_due = true;
    }

    /// Frees the agent of an offer and stops their ring.
    pub(super) fn offer_is_over(&mut self, offered: &Offered, result: OfferResult) {
        if offered.ringing {
            let reason = match result {
                OfferResult::Declined => OfferEnd::Declined,
                OfferResult::Expired => OfferEnd::Expired,
                OfferResult::Withdrawn | OfferResult::Accepted => OfferEnd::Withdrawn,
            };
            let message = ServerMessage::OfferEnded { offer: offered.offer, reason };
            self.send_agent(offered.agent, message);
        }
        self.free_agent(offered.agent, offered.offer);
        self.show_presence(offered.agent);
    }

    fn free_agent(&mut self, id: AgentId, offer: OfferId) {
        if let Some(agent) = self.agent(id)
            && matches!(agent.duty, Duty::Offered { offer: open, .. } if open == offer)
        {
            agent.duty = Duty::Free;
        }
    }

    /// The offer's deadline has passed.
    pub(super) fn offer_expired(&mut self, id: CallId) {
        let Some(agent_id) = self.calls.get(&id).and_then(|c| c.offered()).map(|o| o.agent) else {
            return;
        };
        let most = self.rules.expiries_before_break;
        let Some(agent) = self.agent(agent_id) else { return };
        agent.expiries += 1;
        if agent.expiries >= most {
            agent.expiries = 0;
            agent.wanted = WantedPresence::Break;
            self.store(Verb::Wanted { agent: agent_id, state: WantedPresence::Break });
        }
        self.end_offer(id, OfferResult::Expired);
    }

    /// Ends a call that nobody has accepted.
    pub(super) fn abandon(&mut self, id: CallId, reason: EndReason, at: Millis) {
        let Some(call) = self.calls.get(&id) else { return };
        let link = call.link_id();
        let offered = call.offered().cloned();
        let in_queue = !matches!(call.state, CallState::Joining);
        self.forget_call(id);
        if let Some(shopper) = self.shopper(link) {
            shopper.phase = ShopperPhase::Lobby;
        }
        let end = Verb::End { call: id, epoch: 0, reason, at };
        if in_queue {
            self.store(end);
        } else {
            // The store may not let the shopper in at all.
            self.outbox.push_unsure(end);
        }
        if let Some(offered) = offered {
            self.offer_is_over(&offered, OfferResult::Withdrawn);
        }
        let message = ServerMessage::CallEnded { call: id, reason, duration_s: 0, wrap_up_s: None };
        self.send_shopper(link, message);
        if in_queue {
            self.counters.abandoned += 1;
        }
        self.match_due = true;
        self.places_due = true;
    }

    /// Takes a call out of memory and out of the queue.
    pub(super) fn forget_call(&mut self, id: CallId) {
        if let Some(call) = self.calls.remove(&id) {
            self.queue.remove(&call.rank);
            self.touched.insert(Timer::Call(id));
        }
    }

    /// The ring as the agent sees it.
    pub(super) fn offer_view(&self, id: CallId) -> Option<Offer> {
        let call = self.calls.get(&id)?;
        let offered = call.offered()?;
        let left = offered.until.since(self.now).as_millis();
        Some(Offer {
            offer: offered.offer,
            call: id,
            left_ms: u32::try_from(left).unwrap_or(u32::MAX),
            name: call.shopper_name(),
            media: call.media,
            waited_s: seconds(self.now.since(call.queued_at)),
            context: call.link.context.clone(),
            why: offered.why.clone(),
        })
    }

    /// The shopper's place in the queue.
    pub(super) fn place(&self, id: CallId) -> Option<QueuePlace> {
        let call = self.calls.get(&id)?;
        let position = match call.state {
            CallState::Joining => self.queue.len() + 1,
            _ => self.queue.range(..=call.rank).count(),
        };
        Some(self.place_at(position, call.offered().is_some_and(|o| o.ringing), self.crew()))
    }

    fn place_at(&self, position: usize, ringing: bool, (agents, free): (u32, u32)) -> QueuePlace {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let estimate_s = self.history.estimate(position, agents, free);
        QueuePlace { position, estimate_s, agents, ringing }
    }

    /// Agents on duty, and how many of them are not in a call or its notes.
    fn crew(&self) -> (u32, u32) {
        let on_duty = self.agents.values().filter(|agent| agent.on_duty());
        on_duty.fold((0, 0), |(all, free), agent| {
            (all + 1, free + u32::from(matches!(agent.duty, Duty::Free | Duty::Offered { .. })))
        })
    }

    /// Shows one shopper their place at once.
    pub(super) fn show_place(&mut self, id: CallId) {
        if let Some(place) = self.place(id) {
            self.tell_place(id, place);
        }
    }

    fn tell_place(&mut self, id: CallId, place: QueuePlace) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.told_place != Some(place) {
            call.told_place = Some(place);
            let link = call.link_id();
            self.send_shopper(link, ServerMessage::Queue(place));
        }
    }

    /// Shows everyone what has changed for them, not more often than the rules say.
    pub(super) fn show_places(&mut self) {
        if !self.places_due {
            return;
        }
        let next = self.places_at + self.rules.places_every;
        if self.now < next {
            self.timers.set(Timer::Places, Some(next));
            return;
        }
        self.places_due = false;
        self.places_at = self.now;
        let crew = self.crew();
        let queue: Vec<CallId> = self.queue.values().copied().collect();
        let mut oldest = Millis(u64::MAX);
        let mut waiting = 0;
        for (index, id) in queue.into_iter().enumerate() {
            let Some(call) = self.calls.get(&id) else { continue };
            if matches!(call.state, CallState::Waiting) {
                waiting += 1;
                oldest = oldest.min(call.queued_at);
            }
            let ringing = call.offered().is_some_and(|offered| offered.ringing);
            let place = self.place_at(index + 1, ringing, crew);
            self.tell_place(id, place);
        }
        self.show_waiting(waiting, oldest);
    }

    fn show_waiting(&mut self, waiting: u32, oldest: Millis) {
        let longest_s = if waiting == 0 { 0 } else { seconds(self.now.since(oldest)) };
        let mut sends = Vec::new();
        for agent in self.agents.values_mut() {
            if let Some(socket) = agent.page.contact.socket()
                && agent.told_waiting != Some((waiting, oldest))
            {
                agent.told_waiting = Some((waiting, oldest));
                sends.push(socket);
            }
        }
        for socket in sends {
            self.send(Some(socket), ServerMessage::Waiting { waiting, longest_s });
        }
    }
}

/// Whole seconds for a message.
pub(super) fn seconds(time: std::time::Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
