//! Legs: opened and warmed beneath a seat, bridged into its call.

use signaling_wire::{
    browser::ServerMessage,
    ids::{CallId, LegId},
};

use super::Desk;
use crate::{Effect, Seat, SocketId, placement::LegPlace, store::Verb};

impl Desk {
    pub(super) fn leg_opened(&mut self, socket: SocketId, leg: LegId, place: LegPlace) {
        let seat = self.sockets.get(&socket).copied();
        let Some(page) = seat.and_then(|seat| self.page(seat)) else {
            // The page has gone while its leg was asked for.
            return self.effects.push_back(Effect::CloseLeg { leg });
        };
        let before = page.opening.replace(leg);
        self.legs.extend(seat.map(|seat| (leg, seat)));
        self.places.insert(leg, place);
        if let Some(before) = before.filter(|before| *before != leg) {
            self.close_leg(before);
        }
    }

    pub(super) fn leg_warm(&mut self, leg: LegId) {
        let Some(seat) = self.legs.get(&leg).copied() else {
            return self.effects.push_back(Effect::CloseLeg { leg });
        };
        let Some(page) = self.page(seat).filter(|page| page.opening == Some(leg)) else { return };
        page.opening = None;
        let before = page.warm.replace(leg);
        if let Some((call, _)) = self.active_call(seat) {
            self.bridge(call);
        }
        // The new leg carries before the old one goes.
        if let Some(before) = before {
            self.close_leg(before);
        }
    }

    pub(super) fn leg_lost(&mut self, leg: LegId) {
        let Some(seat) = self.legs.remove(&leg) else { return };
        self.places.remove(&leg);
        if let Some(page) = self.page(seat) {
            page.warm = page.warm.filter(|warm| *warm != leg);
            page.opening = page.opening.filter(|opening| *opening != leg);
        }
        self.send_seat(seat, ServerMessage::LegLost { leg });
    }

    /// Closes the seat's legs, except the one its page still has.
    pub(super) fn keep_only(&mut self, seat: Seat, leg: Option<LegId>) {
        let Some(page) = self.page(seat) else { return };
        let legs = [page.warm, page.opening];
        page.warm = page.warm.filter(|warm| Some(*warm) == leg);
        page.opening = page.opening.filter(|opening| Some(*opening) == leg);
        for other in legs.into_iter().flatten().filter(|other| Some(*other) != leg) {
            self.close_leg(other);
        }
    }

    fn close_leg(&mut self, leg: LegId) {
        self.legs.remove(&leg);
        self.places.remove(&leg);
        self.effects.push_back(Effect::CloseLeg { leg });
    }

    /// Bridges the call as soon as both sides have a warm leg, and again with a new epoch when a
    /// side has come back with another.
    pub(super) fn bridge(&mut self, id: CallId) {
        let now = self.now;
        let Some(call) = self.calls.get(&id) else { return };
        let Some(active) = call.active() else { return };
        let shopper = self.shoppers.get(&call.link_id()).and_then(|shopper| shopper.page.warm);
        let agent = self.agents.get(&active.agent).and_then(|agent| agent.page.warm);
        let (Some(shopper), Some(agent)) = (shopper, agent) else { return };
        let legs = [shopper, agent];
        let before = active.bridge;
        if before == Some(legs) {
            return;
        }
        let Some(active) = self.calls.get_mut(&id).and_then(|call| call.active_mut()) else {
            return;
        };
        if before.is_some() {
            active.epoch += 1;
        } else if !active.restored {
            active.timeline.server("bridge", active.started_at, now);
        }
        active.bridge = Some(legs);
        active.networks.rejoined();
        let epoch = active.epoch;
        self.effects.push_back(Effect::Bridge { call: id, epoch, legs });
        let places = legs.map(|leg| self.places.get(&leg).cloned());
        self.store(Verb::Bridged { call: id, epoch, at: now, places });
        if before.is_some() {
            self.show_call(id);
        }
    }
}
