//! What the sides' networks do to a call, told to both pages.

use signaling_wire::{
    browser::{PageQuality, Place, Role, ServerMessage},
    control::LegQuality,
    ids::{CallId, LegId},
};

use super::Desk;
use crate::{Seat, call::index, placement::LegPlace};

const SIDES: [Role; 2] = [Role::Shopper, Role::Agent];

impl Desk {
    pub(super) fn page_quality(&mut self, seat: Seat, report: &PageQuality) {
        let Some((id, side)) = self.active_call(seat) else { return };
        if let Some(active) = self.calls.get_mut(&id).and_then(|call| call.active_mut()) {
            active.quality[index(side)].page(report);
            active.networks.page(side, report);
        }
    }

    pub(super) fn leg_quality(&mut self, leg: LegId, id: CallId, report: &LegQuality) {
        let Some(side) = self.side_of_leg(leg, id) else { return };
        let Some(active) = self.calls.get_mut(&id).and_then(|call| call.active_mut()) else {
            return;
        };
        active.quality[index(side)].node(report);
        let round = active.networks.node(side, report);
        if let Some(kbps) = active.networks.cap(side) {
            self.tell(id, side, ServerMessage::VideoCap { kbps });
        }
        if round {
            self.tell_networks(id);
        }
    }

    fn tell_networks(&mut self, id: CallId) {
        let Some(active) = self.calls.get(&id).and_then(|call| call.active()) else { return };
        let mut told = SIDES.map(|side| (side, active.networks.told(side)));
        let [shopper, agent] =
            self.warm_legs(id).unwrap_or_default().map(|leg| self.place_of(leg?));
        let [_, (_, to_agent)] = &mut told;
        (to_agent.own_place, to_agent.peer_place) = (agent, shopper);
        for (side, network) in told {
            self.tell(id, side, ServerMessage::Network(Box::new(network)));
        }
    }

    fn place_of(&self, leg: LegId) -> Option<Place> {
        let LegPlace { region, why, .. } = self.legs.get(&leg)?.place.clone();
        Some(Place { region, why })
    }

    pub(super) fn leg_video(&mut self, leg: LegId, id: CallId, epoch: u32, paused: bool) {
        let Some(side) = self.side_of_leg(leg, id) else { return };
        let Some(active) = self.calls.get_mut(&id).and_then(|call| call.active_mut()) else {
            return;
        };
        if active.epoch != epoch || !active.networks.pause(side, paused) {
            return;
        }
        let told = SIDES.map(|side| (side, active.networks.paused(side)));
        for (side, paused) in told {
            self.tell(id, side, ServerMessage::VideoPaused(paused));
        }
    }

    pub(super) fn leg_room(&mut self, leg: LegId, id: CallId, epoch: u32, up_to_kbps: Option<u32>) {
        let Some(side) = self.side_of_leg(leg, id) else { return };
        let active = self.calls.get(&id).and_then(|call| call.active());
        if active.is_some_and(|active| active.epoch == epoch) {
            self.tell(id, side, ServerMessage::VideoRoom { up_to_kbps });
        }
    }

    fn tell(&mut self, id: CallId, side: Role, message: ServerMessage) {
        if let Some(seat) = self.seat_of(id, side) {
            self.send_seat(seat, message);
        }
    }
}
