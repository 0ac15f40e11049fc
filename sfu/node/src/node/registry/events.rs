//! What happens on the workers.

use std::time::Instant;

use sfu_core::api::{CallId, Command, Epoch, Event, LegId, Port, VideoState};
use signaling_wire::control::{LegEnd, LegReject, LegState, NodeMessage};

use super::{Order, Place, Registry, Stage, translate};
use crate::worker::{Happening, Input, WorkerEvent};

impl Registry {
    /// Takes note of what happened on a worker.
    pub(crate) fn event(&mut self, event: WorkerEvent) {
        let WorkerEvent { worker, at, what } = event;
        match what {
            Happening::Core(event) => self.core_event(at, event),
            Happening::Adopted(leg) => self.adopted(worker, leg),
            Happening::NotReleased(leg) => self.not_released(leg),
            Happening::Unbridged(call, epoch) => self.unbridged(call, epoch),
            Happening::Lost { restarted } => self.lost(worker, restarted),
        }
    }

    fn core_event(&mut self, at: Instant, event: Event) {
        match event {
            Event::Answer { leg, sdp } => self.answer(leg, sdp),
            Event::Rejected { leg, reason } => self.reject(leg, translate::reject_out(reason)),
            Event::Connected { leg } => self.say_state(leg, LegState::Connected),
            Event::Warm { leg, dtls, srtp } => {
                self.say_state(leg, translate::warm_out(dtls, srtp));
            }
            Event::Silent { leg } => self.say_state(leg, LegState::Silent),
            Event::Closed { leg, reason } => {
                let reason =
                    if self.stopping { LegEnd::NodeStopping } else { translate::end_out(reason) };
                self.closed(leg, reason);
            }
            Event::Call { call: id, epoch, leg, step } => {
                let Some(call) = self.calls.get(&id).filter(|call| call.epoch == epoch) else {
                    return;
                };
                let at = at.saturating_duration_since(call.commanded);
                let message = NodeMessage::CallEvent {
                    call: translate::call_out(id),
                    epoch: epoch.0,
                    leg: translate::leg_out(leg),
                    event: translate::step_out(step),
                    at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
                };
                self.say(call.owner, message);
            }
            Event::Video { call: id, leg, state } => {
                let Some(call) = self.calls.get(&id) else { return };
                let message = NodeMessage::LegVideo {
                    leg: translate::leg_out(leg),
                    call: translate::call_out(id),
                    epoch: call.epoch.0,
                    paused: state == VideoState::Paused,
                };
                self.say(call.owner, message);
            }
            Event::Room { call: id, leg, up_to } => {
                let Some(call) = self.calls.get(&id) else { return };
                let message = NodeMessage::LegRoom {
                    leg: translate::leg_out(leg),
                    call: translate::call_out(id),
                    epoch: call.epoch.0,
                    up_to_kbps: up_to.map(|up_to| (up_to / 1_000).try_into().unwrap_or(u32::MAX)),
                };
                self.say(call.owner, message);
            }
            Event::Quality { call: id, leg, quality } => {
                let owner = self.calls.get(&id).map(|call| call.owner);
                let Some(owner) = owner.or(self.legs.get(&leg).map(|leg| leg.owner)) else {
                    return;
                };
                let message = NodeMessage::LegQuality {
                    leg: translate::leg_out(leg),
                    call: translate::call_out(id),
                    quality: translate::quality_out(quality),
                };
                self.say(owner, message);
            }
        }
    }

    fn answer(&mut self, id: LegId, sdp: String) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.answered = true;
        if let Some((asker, request)) = leg.requests.pop_front() {
            let leg = translate::leg_out(id);
            self.say(asker, NodeMessage::LegAnswer { request, leg, sdp });
        }
    }

    fn closed(&mut self, id: LegId, reason: LegEnd) {
        let Some(leg) = self.forget(id) else { return };
        for (asker, request) in leg.requests {
            self.say_rejected(asker, request, id, LegReject::UnknownLeg);
        }
        self.say_gone(leg.owner, id, reason);
    }

    fn adopted(&mut self, worker: Port, id: LegId) {
        if !self.legs.contains_key(&id) {
            // Closed, or given up as lost, while it was on its way.
            let close = Command::CloseLeg { leg: id };
            self.orders.push_back(Order::Tell(worker, Input::Command(close)));
            return;
        }
        self.settle(id, worker);
        let waiting = |stage: Stage| stage == Stage::Waiting;
        let calls: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| waiting(call.stage) && call.ends.here().contains(&id))
            .map(|(&call, _)| call)
            .collect();
        for call in calls {
            self.advance(call);
        }
    }

    fn not_released(&mut self, id: LegId) {
        let Some(Place::Moving { from, to, .. }) = self.legs.get(&id).map(|leg| &leg.place) else {
            return;
        };
        let (from, to) = (*from, *to);
        tracing::error!(leg = %translate::leg_out(id), "a leg could not be moved to its peer's worker");
        self.workers[usize::from(to.0)].legs -= 1;
        self.workers[usize::from(from.0)].legs += 1;
        self.settle(id, from);
    }

    /// The leg has arrived: tells it what was held.
    fn settle(&mut self, id: LegId, worker: Port) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Place::Moving { held, .. } = std::mem::replace(&mut leg.place, Place::At(worker)) {
            for command in held {
                self.tell(id, command);
            }
        }
    }

    fn unbridged(&mut self, id: CallId, epoch: Epoch) {
        if let Some(call) = self.calls.get(&id)
            && call.epoch == epoch
            && call.stage == Stage::Ended
        {
            self.forget_call(id);
        }
    }

    fn lost(&mut self, worker: Port, restarted: bool) {
        self.workers[usize::from(worker.0)].up = restarted;
        let gone: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| match leg.place {
                Place::At(port) => port == worker,
                Place::Moving { from, to, .. } => from == worker || to == worker,
            })
            .map(|(&leg, _)| leg)
            .collect();
        for leg in gone {
            self.closed(leg, LegEnd::NodeStopping);
        }
    }
}
