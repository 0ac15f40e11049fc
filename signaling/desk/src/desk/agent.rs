//! What an agent's page may ask for.

use signaling_wire::{
    browser::{
        ByeReason, EndReason, Outcome, Phase, Presence, Role, ServerMessage, WantedPresence,
    },
    ids::{AgentId, CallId, OfferId},
    problem::{Code, Stage},
    text::Note,
};

use super::{Desk, calls::Accepted};
use crate::{Effect, SocketId, record::OfferResult, seat::Duty, store::Verb};

impl Desk {
    /// Sets what the agent wants to be.
    pub(super) fn wants(&mut self, id: AgentId, state: WantedPresence) {
        let now = self.now;
        let Some(agent) = self.agent(id) else { return };
        let changed = agent.wanted != state;
        agent.wanted = state;
        agent.expiries = 0;
        if changed && state == WantedPresence::Available {
            agent.idle_since = now;
        }
        let duty = agent.duty;
        if changed {
            self.store(Verb::Wanted { agent: id, state });
        }
        match (duty, state) {
            (Duty::Offered { call, ringing, .. }, WantedPresence::Break) => {
                // Whom it has not rung at yet has declined nothing, and may be asked again.
                let result = if ringing { OfferResult::Declined } else { OfferResult::Withdrawn };
                self.end_offer(call, result);
            }
            // "Ready" ends the notes, also without any.
            (Duty::WrapUp { .. }, WantedPresence::Available) => self.end_wrap_up(id),
            _ => {}
        }
        self.show_presence(id);
        self.match_due = true;
        self.places_due = true;
    }

    /// Whether calls start without a ring from now on. One that rings already still rings.
    pub(super) fn auto_accept(&mut self, id: AgentId, on: bool) {
        if let Some(agent) = self.agent(id) {
            agent.auto_accept = on;
        }
    }

    /// Takes the offered call.
    pub(super) fn accept(&mut self, socket: SocketId, id: AgentId, offer: OfferId) {
        match self.ringing(id, offer) {
            Some(call) => self.start(call, Accepted::ByPress),
            None => self.problem(socket, Code::Conflict, Stage::Offer),
        }
    }

    /// Passes the offered call on.
    pub(super) fn decline(&mut self, socket: SocketId, id: AgentId, offer: OfferId) {
        match self.ringing(id, offer) {
            Some(call) => {
                if let Some(agent) = self.agent(id) {
                    agent.expiries = 0;
                }
                self.end_offer(call, OfferResult::Declined);
            }
            None => self.problem(socket, Code::Conflict, Stage::Offer),
        }
    }

    /// The call that rings at this agent with this offer.
    fn ringing(&self, id: AgentId, offer: OfferId) -> Option<CallId> {
        match self.agents.get(&id)?.duty {
            Duty::Offered { call, offer: open, ringing: true } if open == offer => Some(call),
            _ => None,
        }
    }

    /// Stores the words after a call; ends the wrap-up if it is still open.
    pub(super) fn wrap_up(
        &mut self,
        socket: SocketId,
        id: AgentId,
        call: CallId,
        outcome: Outcome,
        note: Note,
    ) {
        let Some(agent) = self.agents.get(&id) else { return };
        match agent.duty {
            Duty::InCall { call: current } if current == call => {
                return self.problem(socket, Code::Conflict, Stage::WrapUp);
            }
            Duty::WrapUp { call: open, .. } if open == call => self.end_wrap_up(id),
            _ => {}
        }
        // Late words are welcome: whether the call was this agent's is the store's to say.
        self.outbox.push_unsure(Verb::WrapUp { call, agent: id, outcome, note, at: self.now });
    }

    /// Ends the notes: the agent is what they wanted to be.
    pub(super) fn end_wrap_up(&mut self, id: AgentId) {
        let now = self.now;
        let Some(agent) = self.agent(id) else { return };
        let Duty::WrapUp { since, .. } = agent.duty else { return };
        agent.duty = Duty::Free;
        agent.idle_since = now;
        if let Some(since) = since {
            self.history.kept_busy(now.since(since));
        }
        self.show_presence(id);
        self.match_due = true;
        self.places_due = true;
    }

    /// Tells the agent what they are, when it has changed.
    pub(super) fn show_presence(&mut self, id: AgentId) {
        let Some(agent) = self.agent(id) else { return };
        let state = agent.presence();
        if agent.told_presence != Some(state) {
            agent.told_presence = Some(state);
            self.send_agent(id, ServerMessage::Presence { state });
        }
    }

    /// Ends the agent's session, with what they are doing.
    pub(super) fn sign_out(&mut self, id: AgentId) {
        match self.agents.get(&id).map(|agent| agent.duty) {
            None => return,
            Some(Duty::Offered { call, .. }) => self.end_offer(call, OfferResult::Withdrawn),
            Some(Duty::InCall { call }) => self.end(call, EndReason::AgentLost, self.now),
            Some(Duty::Free | Duty::WrapUp { .. }) => {}
        }
        self.keep_only(crate::Seat::Agent(id), None);
        if let Some(agent) = self.agents.remove(&id)
            && let Some(socket) = agent.page.contact.socket()
        {
            self.sockets.remove(&socket);
            self.effects.push_back(Effect::Close { socket, reason: ByeReason::SignedOut });
        }
        self.places_due = true;
    }

    pub(super) fn agent_phase(&self, id: AgentId) -> Phase {
        let offline = Phase::Idle { presence: Presence::Offline };
        let Some(agent) = self.agents.get(&id) else { return offline };
        let idle = Phase::Idle { presence: agent.presence() };
        match agent.duty {
            Duty::Free | Duty::Offered { ringing: false, .. } => idle,
            Duty::Offered { call, .. } => match self.offer_view(call) {
                Some(offer) => Phase::Ringing(Box::new(offer)),
                None => idle,
            },
            Duty::InCall { call } => match self.view(call, Role::Agent) {
                Some(view) => Phase::InCall(view),
                None => idle,
            },
            Duty::WrapUp { call, until, .. } => Phase::WrapUp {
                call,
                left_s: u32::try_from(until.since(self.now).as_secs()).unwrap_or(u32::MAX),
            },
        }
    }
}
