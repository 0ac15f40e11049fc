//! The store: one verb after the other goes out, its answers come back.

use super::Desk;
use crate::{
    Effect,
    io::Ticket,
    store::{Applied, StoreError, Verb},
};

impl Desk {
    pub(super) fn stored(&mut self, ticket: Ticket, result: Result<Applied, StoreError>) {
        let was_down = self.outbox.is_down();
        let answers = self.outbox.answer(ticket, result, self.now);
        if was_down && !self.outbox.is_down() {
            self.match_due = true;
        }
        for answer in answers {
            match answer.verb {
                Verb::Enqueue { call, .. } => self.joined(call, answer.result),
                Verb::Claim { call, offer, .. } => self.claimed(call, offer, answer.result),
                // Only those two are asked.
                _ => {}
            }
        }
    }

    pub(super) fn store_next(&mut self) {
        if let Some((ticket, verb)) = self.outbox.next(self.now) {
            self.effects.push_back(Effect::Store { ticket, verb });
        }
    }
}
