//! Legs: opened and warmed beneath a seat, bridged into its call.

use std::time::Duration;

use signaling_wire::{
    browser::ServerMessage,
    ids::{CallId, LegId},
};

use super::Desk;
use crate::{Effect, NodeHealth, Seat, SocketId, placement::LegPlace, store::Verb};

/// How long a leg that was closed out of its node's hearing is remembered: a node that was frozen for
/// longer finds its pages' consent expired (RFC 7675: 30 s) as it wakes, and closes it by itself.
const FENCE_FOR: Duration = Duration::from_secs(60);

/// Whose a leg is, and where.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) seat: Seat,
    pub(super) place: LegPlace,
}

impl Desk {
    pub(super) fn leg_opened(&mut self, socket: SocketId, leg: LegId, place: LegPlace) {
        let seat = self.sockets.get(&socket).copied();
        let Some(page) = seat.and_then(|seat| self.page(seat)) else {
            // The page has gone while its leg was asked for.
            return self.effects.push_back(Effect::CloseLeg { leg });
        };
        let before = page.opening.replace(leg);
        self.legs.extend(seat.map(|seat| (leg, Home { seat, place })));
        if let Some(before) = before.filter(|before| *before != leg) {
            self.close_leg(before);
        }
    }

    /// Another reason for the place of a leg; of one that is gone it means nothing.
    pub(super) fn leg_placed(&mut self, leg: LegId, place: LegPlace) {
        if let Some(home) = self.legs.get_mut(&leg) {
            home.place = place;
        }
    }

    pub(super) fn leg_warm(&mut self, leg: LegId) {
        let Some(seat) = self.legs.get(&leg).map(|home| home.seat) else {
            if self.unclaimed_warm(leg) {
                return;
            }
            return self.effects.push_back(Effect::CloseLeg { leg });
        };
        let Some(page) = self.page(seat).filter(|page| page.opening == Some(leg)) else { return };
        page.opening = None;
        if let Some(call) = self.opens_for_move(seat) {
            return self.next_is_warm(call, seat, leg);
        }
        let Some(page) = self.page(seat) else { return };
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
        self.unclaimed.remove(&leg);
        let Some(Home { seat, .. }) = self.legs.remove(&leg) else { return };
        self.unseat(seat, leg);
        self.send_seat(seat, ServerMessage::LegLost { leg });
    }

    /// Closes the seat's legs, except the one its page still has.
    pub(super) fn keep_only(&mut self, seat: Seat, leg: Option<LegId>) {
        let Some(page) = self.page(seat) else { return };
        let mut others = Vec::new();
        for place in page.legs_mut() {
            others.extend(place.take_if(|known| Some(*known) != leg));
        }
        for other in others {
            self.close_leg(other);
        }
    }

    /// Closes a leg of this seat, whatever it was to its page.
    pub(super) fn drop_leg(&mut self, seat: Seat, leg: LegId) {
        self.unseat(seat, leg);
        self.close_leg(leg);
    }

    /// The leg is nothing to this seat any more.
    fn unseat(&mut self, seat: Seat, leg: LegId) {
        let Some(page) = self.page(seat) else { return };
        for place in page.legs_mut() {
            *place = place.filter(|known| *known != leg);
        }
    }

    pub(super) fn close_leg(&mut self, leg: LegId) {
        if matches!(self.health_of(leg), NodeHealth::Silent | NodeHealth::Lost) {
            let now = self.now;
            self.fenced.retain(|_, closed| now.since(*closed) < FENCE_FOR);
            self.fenced.insert(leg, now);
        }
        self.legs.remove(&leg);
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
        let found = active.found.take().filter(|found| before.is_none() && found.joins(legs));
        if let Some(found) = found {
            // They are joined already: nothing is ordered, and nobody notices.
            (active.bridge, active.epoch) = (Some(legs), found.epoch);
            return;
        }
        if before.is_some() {
            active.epoch += 1;
        } else if !active.restored {
            active.timeline.server("bridge", active.started_at, now);
        }
        active.bridge = Some(legs);
        active.networks.rejoined();
        let epoch = active.epoch;
        self.effects.push_back(Effect::Bridge { call: id, epoch, legs });
        let places = legs.map(|leg| self.legs.get(&leg).map(|home| home.place.clone()));
        self.store(Verb::Bridged { call: id, epoch, at: now, places });
        if before.is_some() {
            self.show_call(id);
        }
        // A node out of reach is told when it is back: until then somebody else has to carry.
        let out_of_reach = |leg| self.health_of(leg) == NodeHealth::Lost;
        if legs.into_iter().any(out_of_reach) {
            self.judge(id);
        }
    }

    /// How the node of a leg is; well if the leg is unknown.
    pub(super) fn health_of(&self, leg: LegId) -> NodeHealth {
        let node = self.legs.get(&leg).map(|home| home.place.node);
        node.and_then(|node| self.unwell.get(&node)).copied().unwrap_or_default()
    }
}
