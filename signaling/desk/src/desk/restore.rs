//! Carrying on where the last desk stopped.

use rand::rngs::StdRng;
use signaling_wire::{browser::EndReason, ids::CallId};

use super::Desk;
use crate::{
    Millis, Rules,
    call::{Active, Call, CallState, Chat},
    network::Networks,
    quality::QualitySummary,
    record::OfferResult,
    seat::{Agent, Contact, Duty, Notice, Page, Shopper, ShopperPhase},
    store::{AgentProfile, OpenCall, OpenState, Restored, Verb},
    timeline::Timeline,
    timers::Timer,
};

/// Bridges the last desk may have ordered and not have stored, while the store was away. A node
/// that has outlived that desk ignores a bridge whose epoch is not newer than the one it has.
pub(super) const MAX_UNSTORED: u32 = 100;

impl Desk {
    /// A desk that carries on where the last one stopped: shoppers keep their place and calls
    /// their seats for the usual grace. Calls of a desk that stopped longer ago than the grace of
    /// a call are over: they end with `server_stopped` at the time that desk was last alive. A
    /// desk that was never alive left no calls.
    pub fn restore(rules: Rules, rng: StdRng, now: Millis, restored: Restored) -> Self {
        let mut desk = Self::new(rules, rng);
        desk.at(now);
        desk.wanted_before = restored.wanted.into_iter().collect();
        let alive_at = restored.alive_at.unwrap_or(now);
        let stale = now.since(alive_at) > rules.call_grace;
        for open in restored.calls {
            if stale {
                // Some may have begun after the last sign of life.
                let began = match open.state {
                    OpenState::Active { started_at, .. } => started_at,
                    OpenState::Waiting | OpenState::Ringing { .. } => open.queued_at,
                };
                desk.store(Verb::End {
                    call: open.call,
                    epoch: open.epoch,
                    reason: EndReason::ServerStopped,
                    at: alive_at.max(began),
                });
            } else {
                desk.take_over(open);
            }
        }
        desk.store(Verb::Alive { at: now });
        desk.settle();
        desk
    }

    fn take_over(&mut self, open: OpenCall) {
        let (id, link) = (open.call, open.link.clone());
        let away = Contact::Away { since: self.now, noticed: Notice::Duty };
        let phase = match open.state {
            OpenState::Active { .. } => ShopperPhase::InCall { call: id },
            OpenState::Waiting | OpenState::Ringing { .. } => ShopperPhase::Queued { call: id },
        };
        let calls = u32::from(matches!(open.state, OpenState::Active { .. }));
        let shopper = Shopper { link: open.link, page: Page::new(away), phase, calls };
        let mut call = Call::new(id, link, open.media, open.queued_at, self.arrivals);
        self.arrivals += 1;
        self.touched.insert(Timer::Shopper(call.link_id()));
        self.shoppers.insert(call.link_id(), shopper);
        call.state = match open.state {
            OpenState::Waiting => CallState::Waiting,
            OpenState::Ringing { offer } => {
                let result = OfferResult::Withdrawn;
                self.store(Verb::Release { call: id, offer, result, at: self.now });
                CallState::Waiting
            }
            OpenState::Active { agent, name, started_at } => {
                let profile = AgentProfile {
                    id: agent,
                    name: name.clone(),
                    languages: Vec::new(),
                    skills: Vec::new(),
                };
                self.seat_agent(profile, away, id);
                self.counters.active += 1;
                CallState::Active(Box::new(Active {
                    agent,
                    agent_name: name,
                    started_at,
                    epoch: open.epoch + MAX_UNSTORED,
                    bridge: None,
                    chat: Chat::restored(open.chat),
                    timeline: Timeline::restored(open.timeline),
                    quality: [QualitySummary::default(); 2],
                    networks: Networks::default(),
                    moving: None,
                    found: None,
                    restored: true,
                }))
            }
        };
        if matches!(call.state, CallState::Waiting) {
            self.queue.insert(call.rank, id);
        }
        self.touched.insert(Timer::Call(id));
        self.calls.insert(id, call);
    }

    fn seat_agent(&mut self, profile: AgentProfile, contact: Contact, call: CallId) {
        let id = profile.id;
        let mut agent = Agent::new(profile, contact, self.now);
        agent.duty = Duty::InCall { call };
        if let Some(wanted) = self.wanted_before.remove(&id) {
            agent.wanted = wanted;
        }
        self.touched.insert(Timer::Agent(id));
        self.agents.insert(id, agent);
    }
}
