//! Legs and calls that a node carries although this desk has not ordered them: another desk did,
//! before this one took over. A page that comes back with such a leg keeps it, and its call goes on
//! on it, so that a desk can be replaced without anybody seeing or hearing it.
//!
//! Whose a leg is, nobody has stored. Its page names it, which nobody else can: the id is random and
//! only its page was ever told.

use signaling_wire::{control::CarriedCall, ids::LegId};

use super::{Desk, legs::Home, restore::MAX_UNSTORED};
use crate::{Effect, Seat, call::FoundBridge, placement::LegPlace};

/// A leg without a seat.
#[derive(Debug)]
pub(super) struct Unclaimed {
    place: LegPlace,
    warm: bool,
}

impl Desk {
    pub(super) fn found(&mut self, place: &LegPlace, legs: Vec<LegId>, calls: &[CarriedCall]) {
        for leg in legs {
            if self.fenced.remove(&leg).is_some() {
                // Its call has left it while the node was frozen, or cut off.
                self.close_leg(leg);
                continue;
            }
            if !self.legs.contains_key(&leg) {
                let found = Unclaimed { place: place.clone(), warm: false };
                self.unclaimed.entry(leg).or_insert(found);
            }
        }
        for call in calls {
            self.found_call(call);
        }
    }

    fn found_call(&mut self, found: &CarriedCall) {
        let (call, epoch, legs) = (found.call, found.epoch, found.legs());
        let Some(active) = self.calls.get_mut(&call).and_then(|call| call.active_mut()) else {
            // It ended when the node could not be told, or another desk ended it.
            return self.effects.push_back(Effect::Unbridge { call, epoch, legs });
        };
        if !active.restored || active.bridge.is_some() {
            return;
        }
        // A bridge older than what was stored is one that the node was to replace.
        if epoch.saturating_add(MAX_UNSTORED) < active.epoch {
            return self.effects.push_back(Effect::Unbridge { call, epoch, legs });
        }
        active.found = Some(FoundBridge { epoch, legs });
    }

    /// A leg without a seat is warm; false when there is no such leg.
    pub(super) fn unclaimed_warm(&mut self, leg: LegId) -> bool {
        let found = self.unclaimed.get_mut(&leg);
        found.map(|found| found.warm = true).is_some()
    }

    /// The page of this seat says that it has this leg: if nobody else has, it is theirs.
    pub(super) fn claim(&mut self, seat: Seat, leg: Option<LegId>) {
        let Some(leg) = leg else { return };
        let Some(Unclaimed { place, warm }) = self.unclaimed.remove(&leg) else { return };
        self.keep_only(seat, None);
        self.legs.insert(leg, Home { seat, place });
        if let Some(page) = self.page(seat) {
            if warm { page.warm = Some(leg) } else { page.opening = Some(leg) }
        }
    }
}
