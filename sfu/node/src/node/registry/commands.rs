//! What signaling wants.

use std::{collections::VecDeque, time::Instant};

use sfu_core::api::{CallId, Command, Epoch, LegId, Port};
use signaling_wire::{
    control::{LegEnd, LegReject, SignalingMessage},
    limits::MAX_SDP,
};

use super::{Call, Crossing, Ends, Leg, LinkId, Order, Place, Registry, Stage, translate};
use crate::worker::Input;

impl Registry {
    /// Does what a signaling instance says; `at` is when the message arrived.
    pub(crate) fn command(&mut self, at: Instant, link: LinkId, message: SignalingMessage) {
        if let SignalingMessage::Lead { term } = message {
            return self.lead(link, term);
        }
        if self.leader.is_some_and(|(_, leader)| leader != link) {
            return self.ignore(link, &message);
        }
        match message {
            SignalingMessage::OpenLeg { request, leg, sdp } => {
                self.open(link, request, translate::leg_in(leg), sdp);
            }
            SignalingMessage::RestartLeg { request, leg, sdp } => {
                self.restart(link, request, translate::leg_in(leg), sdp);
            }
            SignalingMessage::CloseLeg { leg } => self.close(link, translate::leg_in(leg)),
            SignalingMessage::Bridge { call, epoch, legs } => {
                let call_id = translate::call_in(call);
                let legs = legs.map(translate::leg_in);
                if legs[0] == legs[1] {
                    return tracing::debug!(%call, epoch, "a bridge of a leg with itself");
                }
                self.bridge(at, link, call_id, Epoch(epoch), Ends::Here(legs));
            }
            SignalingMessage::BridgeRemote { call, epoch, leg, remote } => {
                let ends = Ends::Across(translate::leg_in(leg), remote);
                self.bridge(at, link, translate::call_in(call), Epoch(epoch), ends);
            }
            SignalingMessage::Unbridge { call, epoch } => {
                self.unbridge(translate::call_in(call), Epoch(epoch));
            }
            SignalingMessage::Drain { on } => self.drain(on),
            // Nothing of a leg or a call.
            SignalingMessage::Meet { .. } => {}
            // Part of the handshake, which is over; said again they mean nothing.
            SignalingMessage::Registered { .. }
            | SignalingMessage::Refused { .. }
            | SignalingMessage::Lead { .. } => {}
        }
    }

    /// Does nothing that an instance says which does not lead any more: it may not know it yet.
    fn ignore(&mut self, link: LinkId, message: &SignalingMessage) {
        tracing::debug!(%link, ?message, "ignored: another instance leads");
        if let SignalingMessage::OpenLeg { request, leg, .. }
        | SignalingMessage::RestartLeg { request, leg, .. } = message
        {
            let leg = translate::leg_in(*leg);
            self.say_rejected(link, *request, leg, LegReject::NoCapacity);
        }
    }

    fn open(&mut self, link: LinkId, request: u64, leg: LegId, offer: String) {
        let refusal = if self.legs.contains_key(&leg) {
            Some(LegReject::UnknownLeg)
        } else if offer.len() > MAX_SDP {
            Some(LegReject::BadOffer)
        } else if !self.takes_more() {
            Some(LegReject::NoCapacity)
        } else {
            None
        };
        if let Some(reason) = refusal {
            return self.say_rejected(link, request, leg, reason);
        }
        let port = self.least_loaded();
        self.opened += 1;
        self.workers[usize::from(port.0)].legs += 1;
        self.legs.insert(
            leg,
            Leg {
                owner: link,
                opened: self.opened,
                answered: false,
                requests: VecDeque::from([(link, request)]),
                state: None,
                place: Place::At(port),
            },
        );
        self.tell(leg, Command::OpenLeg { leg, offer });
    }

    fn least_loaded(&self) -> Port {
        let workers = self.workers.iter().enumerate();
        let least = workers.min_by_key(|(_, worker)| worker.legs).map_or(0, |(index, _)| index);
        // The number of workers is a u16 by configuration.
        Port(least as u16)
    }

    fn restart(&mut self, link: LinkId, request: u64, id: LegId, offer: String) {
        let reason = match self.legs.get_mut(&id) {
            None => LegReject::UnknownLeg,
            Some(_) if offer.len() > MAX_SDP => LegReject::BadOffer,
            Some(leg) => {
                // The page may have come back through another signaling instance.
                leg.owner = link;
                leg.requests.push_back((link, request));
                return self.tell(id, Command::RestartLeg { leg: id, offer });
            }
        };
        self.say_rejected(link, request, id, reason);
    }

    fn close(&mut self, link: LinkId, leg: LegId) {
        if self.legs.contains_key(&leg) {
            self.tell(leg, Command::CloseLeg { leg });
        } else {
            self.say_gone(link, leg, LegEnd::Asked);
        }
    }

    fn bridge(&mut self, at: Instant, link: LinkId, id: CallId, epoch: Epoch, ends: Ends) {
        let former = self.calls.get(&id);
        if former.is_some_and(|call| call.epoch >= epoch) {
            return tracing::debug!(?id, ?epoch, "a bridge that is old");
        }
        #[cfg(feature = "miswire")]
        let ends = self.miswire.twist(ends);
        // The close may have been lost with a link: without this the call would wait for ever.
        let gone: Vec<LegId> =
            ends.here().iter().copied().filter(|leg| !self.legs.contains_key(leg)).collect();
        if !gone.is_empty() {
            return gone.into_iter().for_each(|leg| self.say_gone(link, leg, LegEnd::ConsentLost));
        }
        let former = former.and_then(|call| match call.stage {
            Stage::On(port) => Some((port, call.epoch)),
            Stage::Waiting => call.former,
            Stage::Ended => None,
        });
        self.forget_call(id);
        let call = Call { owner: link, epoch, ends, commanded: at, stage: Stage::Waiting, former };
        self.calls.insert(id, call);
        self.advance(id);
    }

    /// Brings a call that waits one step further: bridges it, or sets a leg in motion.
    pub(super) fn advance(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let epoch = call.epoch;
        match &call.ends {
            &Ends::Here(legs) => {
                let [Some(a), Some(b)] = legs.map(|leg| self.legs.get(&leg)) else { return };
                let (Place::At(port), Place::At(other)) = (&a.place, &b.place) else { return };
                let (port, other) = (*port, *other);
                if port == other {
                    let bridge = Command::Bridge { call: id, epoch, legs };
                    self.begin(id, port, Order::Tell(port, Input::Command(bridge)));
                } else if a.opened > b.opened {
                    self.move_leg(legs[0], port, other);
                } else {
                    self.move_leg(legs[1], other, port);
                }
            }
            Ends::Across(leg, remote) => {
                let Some(Leg { place: Place::At(port), .. }) = self.legs.get(leg) else { return };
                let crossing = Crossing {
                    call: id,
                    epoch,
                    leg: *leg,
                    remote: translate::leg_in(remote.leg),
                    node: remote.node,
                    addresses: remote.addresses.clone(),
                };
                self.begin(id, *port, Order::Cross(*port, crossing));
            }
        }
    }

    /// Carries a bridge out on a worker, and ends the former one on another.
    fn begin(&mut self, id: CallId, port: Port, bridge: Order) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.stage = Stage::On(port);
        if let Some((former, epoch)) = call.former.take()
            && former != port
        {
            let unbridge = Command::Unbridge { call: id, epoch };
            self.orders.push_back(Order::Tell(former, Input::Command(unbridge)));
        }
        self.orders.push_back(bridge);
    }

    fn move_leg(&mut self, id: LegId, from: Port, to: Port) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.place = Place::Moving { from, to, held: Vec::new() };
        self.workers[usize::from(from.0)].legs -= 1;
        self.workers[usize::from(to.0)].legs += 1;
        self.orders.push_back(Order::Tell(from, Input::Release { leg: id, to }));
    }

    fn unbridge(&mut self, id: CallId, epoch: Epoch) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.epoch > epoch {
            return;
        }
        let bridged = match call.stage {
            Stage::On(port) => Some((port, call.epoch)),
            Stage::Waiting => call.former,
            Stage::Ended => return,
        };
        match bridged {
            Some((port, epoch)) => {
                (call.stage, call.epoch) = (Stage::Ended, epoch);
                let unbridge = Command::Unbridge { call: id, epoch };
                self.orders.push_back(Order::Tell(port, Input::Command(unbridge)));
            }
            None => self.forget_call(id),
        }
    }
}
