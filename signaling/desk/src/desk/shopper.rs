//! What a shopper's page may ask for.

use signaling_wire::{
    browser::{EndReason, MediaChoice, Phase, Role, Score, ServerMessage},
    ids::{CallId, LinkId},
    problem::{Code, Stage},
    text::Note,
};

use super::Desk;
use crate::{
    SocketId,
    call::Call,
    outbox::NotStored,
    seat::ShopperPhase,
    store::{Refusal, Verb},
};

impl Desk {
    /// Enters the queue, once the store has agreed.
    pub(super) fn join(&mut self, socket: SocketId, link: LinkId, media: MediaChoice) {
        let Some(shopper) = self.shopper(link) else { return };
        match shopper.phase {
            ShopperPhase::Lobby | ShopperPhase::Asked { .. } | ShopperPhase::Done => {}
            ShopperPhase::Queued { call } => {
                // Pressed twice, or sent again after a reconnect.
                if let Some(place) = self.calls.get(&call).and_then(|call| call.told_place) {
                    self.send(Some(socket), ServerMessage::Queue(place));
                }
                return;
            }
            ShopperPhase::InCall { .. } => {
                return self.problem(socket, Code::Conflict, Stage::Queue);
            }
        }
        if self.outbox.is_down() {
            return self.problem(socket, Code::Unavailable, Stage::Queue);
        }
        if self.queue.len() >= self.rules.max_waiting {
            return self.problem(socket, Code::QueueUnavailable, Stage::Queue);
        }
        let id = CallId::random(&mut self.rng);
        let (at, arrival) = (self.now, self.arrivals);
        self.arrivals += 1;
        let Some(shopper) = self.shopper(link) else { return };
        shopper.phase = ShopperPhase::Queued { call: id };
        let claims = shopper.link.clone();
        self.calls.insert(id, Call::new(id, claims.clone(), media, at, arrival));
        self.store(Verb::Enqueue { call: id, link: claims, media, at });
    }

    /// The store has answered a join.
    pub(super) fn joined(&mut self, call: CallId, result: Result<(), NotStored>) {
        let Some(known) = self.calls.get(&call) else { return };
        let link = known.link_id();
        let code = match result {
            Ok(()) => return self.enter_queue(call),
            Err(NotStored::Refused(Refusal::LinkUsedUp)) => Code::LinkUsedUp,
            Err(NotStored::Refused(_)) => Code::Conflict,
            Err(NotStored::Unavailable) => Code::Unavailable,
        };
        self.forget_call(call);
        let Some(shopper) = self.shopper(link) else { return };
        shopper.phase = ShopperPhase::Lobby;
        if result == Err(NotStored::Unavailable) {
            // It may have been stored, and only its answer lost.
            let (epoch, reason, at) = (0, EndReason::Abandoned, self.now);
            self.outbox.push_unsure(Verb::End { call, epoch, reason, at });
        }
        let Some(shopper) = self.shoppers.get(&link) else { return };
        if let Some(socket) = shopper.page.contact.socket() {
            self.problem(socket, code, Stage::Queue);
        }
    }

    /// Leaves the queue.
    pub(super) fn leave(&mut self, link: LinkId) {
        let Some(shopper) = self.shoppers.get(&link) else { return };
        if let ShopperPhase::Queued { call } = shopper.phase {
            self.abandon(call, EndReason::Abandoned, self.now);
        }
    }

    pub(super) fn satisfaction(
        &mut self,
        link: LinkId,
        call: CallId,
        score: Score,
        comment: Option<Note>,
    ) {
        let at = self.now;
        if let Some(shopper) = self.shopper(link)
            && matches!(shopper.phase, ShopperPhase::Asked { call: asked, .. } if asked == call)
        {
            shopper.phase = ShopperPhase::Done;
        }
        // Whether the call was this link's, and has no answer yet, is the store's to say: the
        // seat may have been away longer than it is remembered.
        self.outbox.push_unsure(Verb::Satisfaction { call, link, score, comment, at });
    }

    pub(super) fn shopper_phase(&self, link: LinkId) -> Phase {
        let Some(shopper) = self.shoppers.get(&link) else { return Phase::Done };
        match shopper.phase {
            ShopperPhase::Lobby => Phase::Lobby,
            ShopperPhase::Queued { call } => match self.place(call) {
                Some(place) => Phase::Queued(place),
                None => Phase::Lobby,
            },
            ShopperPhase::InCall { call } => match self.view(call, Role::Shopper) {
                Some(view) => Phase::InCall(view),
                None => Phase::Lobby,
            },
            ShopperPhase::Asked { call, .. } => Phase::Satisfaction { call },
            ShopperPhase::Done => Phase::Done,
        }
    }
}
