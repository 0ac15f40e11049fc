//! Calls leave a node that drains, is dead, or is out of their pages' reach.
//!
//! Nobody alone knows that a node is dead. Signaling hears it over the control link; the pages of
//! its calls hear its media and its RTCP. The two together tell four cases apart:
//!
//! | control link | pages hear it | the node | what is done |
//! |---|---|---|---|
//! | silent or lost | no | dead, or frozen | the call moves as soon as one page says so |
//! | silent or lost | yes | cut off from signaling | the call stays; nothing new goes there |
//! | speaks | neither page | cut off from the pages | the call moves |
//! | speaks | one page does not | well: it is that page's network | its page restarts ICE; if that does not help, the call moves |

use std::{collections::BTreeSet, time::Duration};

use signaling_wire::{
    browser::{Role, ServerMessage},
    ids::{CallId, LegId, NodeId},
};

use super::Desk;
use crate::{
    Effect, MoveCause, Moved, NodeHealth, Seat,
    call::index,
    moving::{Moving, Step},
    seat::{Page, Silence},
    timers::Timer,
};

const SIDES: [Role; 2] = [Role::Shopper, Role::Agent];

/// How long a page's word counts. It repeats it four times a second while nothing comes.
const WORD_COUNTS: Duration = Duration::from_millis(1_000);

/// How long one page must have heard nothing from a node that speaks with signaling and with the other
/// page. Its own restart of ICE has had its time then: it reaches signaling, and not this node.
const ONE_PAGE_AFTER: Duration = Duration::from_millis(3_000);

/// How long both pages must have heard nothing from a node that speaks with signaling. It may be the
/// way that both have in common, and that may be back in a moment.
const UNREACHABLE_AFTER: Duration = Duration::from_millis(1_000);

impl Desk {
    /// A node's control link tells something new about it.
    pub(super) fn node_health(&mut self, node: NodeId, health: NodeHealth) {
        match health {
            NodeHealth::Well => self.unwell.remove(&node),
            _ => self.unwell.insert(node, health),
        };
        let used: BTreeSet<NodeId> = self.legs.values().map(|home| home.place.node).collect();
        self.unwell.retain(|known, health| *health != NodeHealth::Lost || used.contains(known));
        self.touched.insert(Timer::Drain);
        match health {
            NodeHealth::Well => {}
            NodeHealth::Draining => self.drain(),
            NodeHealth::Silent | NodeHealth::Lost => {
                for call in self.calls_on(node) {
                    self.judge(call);
                }
                self.not_to(node);
            }
        }
    }

    /// Calls whose pages open legs on this node go to another one.
    fn not_to(&mut self, node: NodeId) {
        let there = self.legs.iter().filter(|(_, home)| home.place.node == node);
        let there: Vec<(LegId, Seat)> = there.map(|(leg, home)| (*leg, home.seat)).collect();
        for (leg, seat) in there {
            let Some(id) = self.opens_for_move(seat) else { continue };
            let opens = |page: &mut Page| [page.opening, page.next].contains(&Some(leg));
            if self.page(seat).is_some_and(opens) {
                self.move_again(id, [false; 2]);
            }
        }
    }

    /// A page hears nothing from the node of the leg that it shows.
    pub(super) fn leg_silent(&mut self, seat: Seat, leg: LegId, for_ms: u32) {
        let said = self.now;
        let Some(page) = self.page(seat) else { return };
        let Some(warm) = page.warm else { return };
        let lasting = if warm == leg {
            Duration::from_millis(u64::from(for_ms))
        } else if page.former == Some(leg) {
            // The page does not show the leg yet that it was given instead: for how long nothing comes on
            // that one, it does not say.
            Duration::ZERO
        } else {
            return;
        };
        page.silence = Some(Silence { leg: warm, lasting, said });
        if let Some((call, _)) = self.active_call(seat) {
            self.judge(call);
        }
    }

    /// A page shows its new leg.
    pub(super) fn leg_switched(&mut self, seat: Seat, leg: LegId, media: bool) {
        let Some(page) = self.page(seat).filter(|page| page.warm == Some(leg)) else { return };
        page.silence = None;
        let Some((id, side)) = self.active_call(seat) else { return };
        let Some(moving) = self.moving(id) else { return };
        moving.switched(index(side), media);
        if moving.is_over() {
            self.move_over(id);
        }
    }

    /// Moves the call if what is known of its nodes says so.
    pub(super) fn judge(&mut self, id: CallId) {
        let Some(legs) = self.warm_legs(id) else { return };
        let silent = SIDES.map(|side| self.silence(id, side));
        let homes =
            legs.map(|leg| leg.and_then(|leg| self.legs.get(&leg)).map(|home| home.place.node));
        let together = homes[0].is_some() && homes[0] == homes[1];
        let mut found = None;
        let sides = [0, 1].map(|side| {
            let Some(node) = homes[side] else { return false };
            let unheard = if together { silent[0].max(silent[1]) } else { silent[side] };
            let cause = match self.unwell.get(&node).copied().unwrap_or_default() {
                NodeHealth::Draining => Some(MoveCause::Drain),
                NodeHealth::Silent | NodeHealth::Lost => unheard.map(|_| MoveCause::NodeLost),
                NodeHealth::Well => {
                    let both = silent[0].min(silent[1]).filter(|_| together);
                    let unreachable = both.is_some_and(|both| both >= UNREACHABLE_AFTER)
                        || unheard.is_some_and(|one| one >= ONE_PAGE_AFTER);
                    unreachable.then_some(MoveCause::Unreachable)
                }
            };
            found = found.max(cause);
            cause.is_some()
        });
        let Some(cause) = found else { return };
        match self.moving(id).map(|moving| moving.step.clone()) {
            None => self.begin_move(id, cause, sides),
            // Its pages are opening legs elsewhere already.
            Some(Step::Opening { .. }) => {}
            // What is silent now are the new legs.
            Some(Step::Switching { .. }) if cause != MoveCause::Drain => {
                self.move_again(id, sides);
            }
            Some(Step::Switching { .. }) => {}
        }
    }

    fn begin_move(&mut self, id: CallId, cause: MoveCause, sides: [bool; 2]) {
        let now = self.now;
        let Some(active) = self.call(id).and_then(|call| call.active_mut()) else { return };
        active.moving = Some(Moving::new(cause, sides, now));
        self.tell_to_move(id, sides);
    }

    /// Has both pages open legs, on other nodes than those of these sides.
    fn tell_to_move(&mut self, id: CallId, sides: [bool; 2]) {
        let seats = SIDES.map(|side| self.seat_of(id, side));
        let mut nodes = BTreeSet::new();
        for (seat, leaves) in seats.into_iter().zip(sides) {
            let Some(seat) = seat else { continue };
            let Some(page) = self.page(seat) else { continue };
            let (warm, stale) = (page.warm, [page.opening.take(), page.next.take()]);
            for leg in stale.into_iter().flatten() {
                self.close_leg(leg);
                self.send_seat(seat, ServerMessage::LegLost { leg });
            }
            let home = warm.filter(|_| leaves).and_then(|leg| self.legs.get(&leg));
            nodes.extend(home.map(|home| home.place.node));
        }
        for node in nodes {
            self.effects.push_back(Effect::Evade { seats, node });
        }
        for seat in seats.into_iter().flatten() {
            let warm = self.page(seat).and_then(|page| page.warm);
            if let Some(leg) = warm {
                self.send_seat(seat, ServerMessage::LegMove { leg });
            }
        }
    }

    /// The call for whose move the seat's page opens a leg.
    pub(super) fn opens_for_move(&mut self, seat: Seat) -> Option<CallId> {
        let (call, _) = self.active_call(seat)?;
        self.moving(call)?.opens().then_some(call)
    }

    /// A page has its new leg. When the other one is as far, they are bridged.
    pub(super) fn next_is_warm(&mut self, id: CallId, seat: Seat, leg: LegId) {
        if let Some(page) = self.page(seat) {
            let before = page.next.replace(leg);
            if let Some(before) = before {
                self.close_leg(before);
            }
        }
        let seats = SIDES.map(|side| self.seat_of(id, side));
        let ready = |page: &mut Page| page.next.is_some();
        if !seats.into_iter().flatten().all(|seat| self.page(seat).is_some_and(ready)) {
            return;
        }
        for seat in seats.into_iter().flatten() {
            let Some(page) = self.page(seat) else { continue };
            let former = std::mem::replace(&mut page.warm, page.next.take());
            page.silence = None;
            // A leg of the try before has not carried anything.
            let unused = if page.former.is_some() {
                former
            } else {
                page.former = former;
                None
            };
            if let Some(leg) = unused {
                self.close_leg(leg);
            }
        }
        let now = self.now;
        if let Some(moving) = self.moving(id) {
            moving.bridged(now);
        }
        self.bridge(id);
    }

    /// The pages were too slow, or have seen nothing.
    pub(super) fn move_overdue(&mut self, id: CallId) {
        let Some(Moving { sides, step, .. }) = self.moving(id).cloned() else { return };
        match step {
            Step::Opening { .. } if self.has_to_move(id) => self.move_again(id, sides),
            Step::Opening { .. } => self.finish_move(id, Moved::Over),
            Step::Switching { .. } => self.move_over(id),
        }
    }

    /// The pages have switched, or had the time to. Where nothing came although the other side
    /// sends, it is all done again.
    fn move_over(&mut self, id: CallId) {
        let Some(moving) = self.moving(id).cloned() else { return };
        let deaf = |desk: &mut Self, side: Role| {
            let peer = desk.seat_of(id, side.other());
            let peer = peer.and_then(|seat| desk.page(seat));
            let sends = peer.is_some_and(|page| {
                page.contact.socket().is_some() && (page.media.microphone || page.media.camera)
            });
            let own = desk.seat_of(id, side).and_then(|seat| desk.page(seat));
            let here = own.is_some_and(|page| page.contact.socket().is_some());
            sends && here && moving.is_deaf(index(side))
        };
        // Where a side has lost its leg meanwhile nothing can come on the other side's, wherever that is.
        if self.is_bridged(id) && SIDES.into_iter().any(|side| deaf(self, side)) {
            return self.move_again(id, moving.sides);
        }
        self.finish_move(id, Moved::Done);
    }

    fn move_again(&mut self, id: CallId, sides: [bool; 2]) {
        let now = self.now;
        let Some(moving) = self.moving(id) else { return };
        let (cause, since) = (moving.cause, moving.since);
        moving.sides = [0, 1].map(|side| moving.sides[side] || sides[side]);
        let sides = moving.sides;
        if !moving.again(now) {
            return self.finish_move(id, Moved::Over);
        }
        let took = now.since(since);
        self.effects.push_back(Effect::Moved { call: id, cause, how: Moved::Again, took });
        self.tell_to_move(id, sides);
    }

    /// Whether the reason to move is still there.
    fn has_to_move(&mut self, id: CallId) -> bool {
        let cause = self.moving(id).map(|moving| moving.cause);
        let legs = self.warm_legs(id).unwrap_or_default();
        let on_unwell = legs.into_iter().flatten().any(|leg| match self.health_of(leg) {
            NodeHealth::Well => false,
            NodeHealth::Draining => true,
            NodeHealth::Silent | NodeHealth::Lost => cause != Some(MoveCause::Drain),
        });
        on_unwell || SIDES.into_iter().any(|side| self.silence(id, side).is_some())
    }

    fn finish_move(&mut self, id: CallId, how: Moved) {
        let Some(active) = self.call(id).and_then(|call| call.active_mut()) else { return };
        let moving = active.moving.take();
        let seats = SIDES.map(|side| self.seat_of(id, side));
        for seat in seats.into_iter().flatten() {
            self.close_spare(seat);
        }
        self.report_move(id, moving, how);
        self.touched.insert(Timer::Drain);
    }

    /// The call has ended.
    pub(super) fn stop_moving(&mut self, id: CallId, seats: [Seat; 2], moving: Option<Moving>) {
        for seat in seats {
            self.close_spare(seat);
        }
        self.report_move(id, moving, Moved::Over);
    }

    fn report_move(&mut self, call: CallId, moving: Option<Moving>, how: Moved) {
        if let Some(Moving { cause, since, .. }) = moving {
            let took = self.now.since(since);
            self.effects.push_back(Effect::Moved { call, cause, how, took });
        }
    }

    /// Closes what a move has left beside the leg that carries.
    fn close_spare(&mut self, seat: Seat) {
        let Some(page) = self.page(seat) else { return };
        let spare = [page.next.take(), page.former.take()];
        for leg in spare.into_iter().flatten() {
            self.close_leg(leg);
            self.send_seat(seat, ServerMessage::LegLost { leg });
        }
    }

    /// A page is back in a call that moves: what it was told may have been lost with its socket.
    pub(super) fn resume_move(&mut self, seat: Seat) {
        if self.opens_for_move(seat).is_none() {
            return;
        }
        if let Some(leg) = self.page(seat).and_then(|page| page.warm) {
            self.send_seat(seat, ServerMessage::LegMove { leg });
        }
    }

    /// The active calls with a carrying leg on this node.
    pub(super) fn calls_on(&self, node: NodeId) -> Vec<CallId> {
        let seats = self.legs.values().filter(|home| home.place.node == node).map(|home| home.seat);
        let calls: BTreeSet<CallId> =
            seats.filter_map(|seat| Some(self.active_call(seat)?.0)).collect();
        let carries = |id: &CallId| {
            let legs = self.warm_legs(*id).unwrap_or_default();
            let homes = legs.into_iter().flatten().filter_map(|leg| self.legs.get(&leg));
            homes.into_iter().any(|home| home.place.node == node)
        };
        calls.into_iter().filter(carries).collect()
    }

    /// The legs that carry a call.
    pub(super) fn warm_legs(&self, id: CallId) -> Option<[Option<LegId>; 2]> {
        let call = self.calls.get(&id)?;
        let active = call.active()?;
        let shopper = self.shoppers.get(&call.link_id()).and_then(|shopper| shopper.page.warm);
        let agent = self.agents.get(&active.agent).and_then(|agent| agent.page.warm);
        Some([shopper, agent])
    }

    /// Whether the legs that carry the call are joined, as far as nodes were told.
    fn is_bridged(&self, id: CallId) -> bool {
        let bridge = self.calls.get(&id).and_then(|call| call.active()?.bridge);
        let warm = self.warm_legs(id).unwrap_or_default();
        bridge.is_some_and(|legs| legs.map(Some) == warm)
    }

    /// For how long a side's page has heard nothing, if it says so now.
    fn silence(&self, id: CallId, side: Role) -> Option<Duration> {
        let page = match self.seat_of(id, side)? {
            Seat::Shopper(link) => &self.shoppers.get(&link)?.page,
            Seat::Agent(agent) => &self.agents.get(&agent)?.page,
        };
        let silence = page.silence.filter(|silence| Some(silence.leg) == page.warm)?;
        (self.now.since(silence.said) <= WORD_COUNTS).then_some(silence.lasting)
    }

    fn moving(&mut self, id: CallId) -> Option<&mut Moving> {
        self.call(id)?.active_mut()?.moving.as_mut()
    }
}
