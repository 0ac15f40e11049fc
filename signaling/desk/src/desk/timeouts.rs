//! What happens when nothing happens.

use std::time::Duration;

use signaling_wire::{
    browser::EndReason,
    ids::{AgentId, CallId, LinkId},
};

use super::Desk;
use crate::{
    Millis, Seat,
    call::CallState,
    record::OfferResult,
    seat::{Contact, Duty, Notice, ShopperPhase},
    store::Verb,
    timers::Timer,
};

/// How often the desk leaves a sign of life while there are calls. After a crash it says to
/// within this time when they stopped.
const ALIVE_EVERY: Duration = Duration::from_secs(10);

impl Desk {
    /// When `timer` is to go off next.
    pub(super) fn deadline(&mut self, timer: Timer) -> Option<Millis> {
        match timer {
            Timer::Shopper(link) => self.shopper_deadline(link),
            Timer::Agent(agent) => self.agent_deadline(agent),
            Timer::Call(call) => {
                if !self.calls.is_empty() && !self.timers.is_set(Timer::Alive) {
                    self.timers.set(Timer::Alive, Some(self.now + ALIVE_EVERY));
                }
                self.calls.get(&call)?.deadline(&self.rules, self.now)
            }
            Timer::Alive => (!self.calls.is_empty()).then(|| self.now + ALIVE_EVERY),
            Timer::Drain => self.drain_deadline(),
            Timer::Places => self.places_due.then(|| self.places_at + self.rules.places_every),
            Timer::Outbox => self.outbox.retry_at(),
        }
    }

    /// `timer` has gone off.
    pub(super) fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Shopper(link) => self.shopper_due(link),
            Timer::Agent(agent) => self.agent_due(agent),
            Timer::Call(call) => self.call_due(call),
            Timer::Alive => self.store(Verb::Alive { at: self.now }),
            Timer::Drain => self.drain(),
            // Both are looked at after every input.
            Timer::Places | Timer::Outbox => {}
        }
    }

    fn shopper_deadline(&self, link: LinkId) -> Option<Millis> {
        let shopper = self.shoppers.get(&link)?;
        let asked_until = match shopper.phase {
            ShopperPhase::Asked { until, .. } => Some(until),
            _ => None,
        };
        let Some((since, noticed)) = shopper.page.contact.away() else { return asked_until };
        Some(match shopper.phase {
            ShopperPhase::Asked { until, .. } => until,
            ShopperPhase::Lobby | ShopperPhase::Done => since + self.rules.lobby_grace,
            ShopperPhase::Queued { call } if self.is_offered(call) => {
                since + self.rules.ring_grace.min(self.rules.queue_grace)
            }
            ShopperPhase::Queued { .. } => since + self.rules.queue_grace,
            ShopperPhase::InCall { .. } if noticed == Notice::None => {
                since + self.rules.peer_away_after.min(self.rules.call_grace)
            }
            ShopperPhase::InCall { .. } => since + self.rules.call_grace,
        })
    }

    fn shopper_due(&mut self, link: LinkId) {
        let Some(shopper) = self.shoppers.get(&link) else { return };
        if let ShopperPhase::Asked { until, .. } = shopper.phase
            && until <= self.now
        {
            if let Some(shopper) = self.shopper(link) {
                shopper.phase = ShopperPhase::Done;
            }
            return;
        }
        let Some((since, noticed)) = shopper.page.contact.away() else { return };
        let away = self.now.since(since);
        match shopper.phase {
            ShopperPhase::Asked { .. } => {}
            ShopperPhase::Lobby | ShopperPhase::Done => {
                if away >= self.rules.lobby_grace {
                    self.forget_shopper(link);
                }
            }
            ShopperPhase::Queued { call } => {
                if away >= self.rules.queue_grace {
                    self.abandon(call, EndReason::Abandoned, self.now);
                } else if away >= self.rules.ring_grace {
                    self.end_offer(call, OfferResult::Withdrawn);
                }
            }
            ShopperPhase::InCall { call } => {
                self.notice(Seat::Shopper(link), noticed, away);
                if away >= self.rules.call_grace {
                    self.lost(call, EndReason::ShopperLost);
                }
            }
        }
    }

    fn agent_deadline(&self, id: AgentId) -> Option<Millis> {
        let agent = self.agents.get(&id)?;
        let wrap_up = match agent.duty {
            Duty::WrapUp { until, .. } => Some(until),
            _ => None,
        };
        let away = agent.page.contact.away().and_then(|(since, noticed)| {
            let notice = match noticed {
                Notice::None => Some(since + self.rules.peer_away_after),
                Notice::Peer => Some(since + self.rules.duty_grace),
                Notice::Duty => None,
            };
            let grace = match agent.duty {
                Duty::Offered { .. } => Some(since + self.rules.ring_grace),
                Duty::InCall { .. } => Some(since + self.rules.call_grace),
                Duty::Free | Duty::WrapUp { .. } => None,
            };
            notice.into_iter().chain(grace).min()
        });
        wrap_up.into_iter().chain(away).min()
    }

    fn agent_due(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get(&id) else { return };
        let duty = agent.duty;
        if let Some((since, noticed)) = agent.page.contact.away() {
            let away = self.now.since(since);
            self.notice(Seat::Agent(id), noticed, away);
            match duty {
                Duty::Offered { call, .. } if away >= self.rules.ring_grace => {
                    self.end_offer(call, OfferResult::Withdrawn);
                }
                Duty::InCall { call } if away >= self.rules.call_grace => {
                    self.lost(call, EndReason::AgentLost);
                }
                _ => {}
            }
        }
        if let Duty::WrapUp { until, .. } = duty
            && until <= self.now
        {
            self.end_wrap_up(id);
        }
    }

    /// Makes an absence known, step by step.
    fn notice(&mut self, seat: Seat, noticed: Notice, away: Duration) {
        let rules = self.rules;
        let reached = if away >= rules.duty_grace.max(rules.peer_away_after) {
            Notice::Duty
        } else if away >= rules.peer_away_after {
            Notice::Peer
        } else {
            Notice::None
        };
        if reached <= noticed {
            return;
        }
        if let Some(page) = self.page(seat)
            && let Contact::Away { noticed, .. } = &mut page.contact
        {
            *noticed = reached;
        }
        if noticed == Notice::None {
            self.tell_peer(seat, false);
        }
        if reached == Notice::Duty {
            self.match_due = true;
            self.places_due = true;
        }
    }

    /// A side of a call has not come back. If it is a call of an earlier desk and neither side
    /// ever came to this one, then it is the server that was lost.
    fn lost(&mut self, call: CallId, reason: EndReason) {
        let forsaken = self.calls.get(&call).is_some_and(|known| {
            let shopper = self.shoppers.get(&known.link_id()).map(|s| s.page.contact);
            let agent = known.active().and_then(|active| self.agents.get(&active.agent));
            let agent = agent.map(|agent| agent.page.contact);
            known.active().is_some_and(|active| active.restored)
                && [shopper, agent].into_iter().flatten().all(|contact| contact.away().is_some())
        });
        self.end(call, if forsaken { EndReason::ServerStopped } else { reason }, self.now);
    }

    fn call_due(&mut self, id: CallId) {
        match self.calls.get(&id).map(|call| &call.state) {
            // A ring widens, or someone who let the shopper pass may be asked again.
            Some(CallState::Waiting) => self.match_due = true,
            Some(CallState::Offered(offered)) if offered.until <= self.now => {
                self.offer_expired(id);
            }
            Some(CallState::Active(active))
                if active.moving.as_ref().is_some_and(|moving| moving.until() <= self.now) =>
            {
                self.move_overdue(id);
            }
            Some(CallState::Ended { until, .. }) if *until <= self.now => self.forget_call(id),
            _ => {}
        }
    }

    fn is_offered(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|call| call.offered().is_some())
    }

    fn forget_shopper(&mut self, link: LinkId) {
        self.keep_only(Seat::Shopper(link), None);
        self.shoppers.remove(&link);
    }
}
