//! The media node: legs, bridges, and whom it obeys.

use std::collections::BTreeMap;

use signaling_desk::Seat;
use signaling_wire::{
    control::{CarriedCall, CarriedEnds},
    ids::{CallId, LegId},
};

/// What a desk orders.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Bridge(CallId, u32, [LegId; 2]),
    Unbridge(CallId, u32),
    Close(LegId),
}

/// The node.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The newest desk that said it leads.
    pub(super) term: i64,
    pub(super) legs: BTreeMap<LegId, Seat>,
    bridges: BTreeMap<CallId, (u32, [LegId; 2])>,
}

impl Node {
    /// Does what the desk of this term wants; gives the legs of a bridge that are not there.
    pub(super) fn obey(&mut self, term: i64, order: Order) -> Vec<LegId> {
        if term != self.term {
            return Vec::new();
        }
        match order {
            Order::Bridge(call, epoch, legs) => {
                if self.bridges.get(&call).is_some_and(|(known, _)| *known >= epoch) {
                    return Vec::new();
                }
                let gone: Vec<_> =
                    legs.into_iter().filter(|leg| !self.legs.contains_key(leg)).collect();
                if gone.is_empty() {
                    self.bridges.insert(call, (epoch, legs));
                }
                return gone;
            }
            Order::Unbridge(call, epoch) => {
                if self.bridges.get(&call).is_some_and(|(known, _)| *known <= epoch) {
                    self.bridges.remove(&call);
                }
            }
            Order::Close(leg) => {
                self.legs.remove(&leg);
            }
        }
        Vec::new()
    }

    /// What it tells the desk that leads.
    pub(super) fn carries(&self) -> (Vec<LegId>, Vec<CarriedCall>) {
        let calls = self.bridges.iter().map(|(&call, &(epoch, legs))| CarriedCall {
            call,
            epoch,
            ends: CarriedEnds::Here(legs),
        });
        (self.legs.keys().copied().collect(), calls.collect())
    }

    /// Who sees and hears whom in which call: bridges both of whose legs are there.
    pub(super) fn pairs(&self) -> BTreeMap<CallId, [Seat; 2]> {
        let live = self.bridges.iter().filter_map(|(&call, (_, [shopper, agent]))| {
            Some((call, [*self.legs.get(shopper)?, *self.legs.get(agent)?]))
        });
        live.collect()
    }
}
