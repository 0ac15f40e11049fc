//! The page's call: queue, ring, media, end.

use std::time::Duration;

use signaling_wire::{
    browser::{
        CallView, ClientMessage, MediaState, Offer, Outcome, Role, Score, Stage, WantedPresence,
    },
    ids::CallId,
    text::Note,
};

use super::{Action, Credentials, Failure, Seat, State};
use crate::media::News;

/// What a synthetic shopper answers, and a synthetic agent notes.
const SCORE: u8 = 5;
const NOTE: &str = "Synthetic call";

impl Seat {
    pub(super) fn queued(&mut self, whose: Role) {
        if self.role() == whose && matches!(self.state, State::Waiting { .. }) {
            self.state = State::Waiting { queued: true };
        }
    }

    /// Somebody else's call is passed on at once: a real shopper must not wait for a machine.
    pub(super) fn offer(&mut self, now: Duration, offer: &Offer) {
        let Credentials::Agent { order, .. } = &self.credentials else { return };
        if offer.context.order.as_ref() != Some(order) {
            self.send(ClientMessage::Decline { offer: offer.offer });
            return;
        }
        self.marks.reach(Stage::Ring, now);
        self.marks.reach(Stage::Accept, now);
        self.send(ClientMessage::Accept { offer: offer.offer });
        self.state = State::Accepted;
    }

    pub(super) fn started(&mut self, now: Duration, view: &CallView) {
        if !matches!(self.state, State::Waiting { .. } | State::Accepted) {
            return;
        }
        self.marks.reach(Stage::CallStarted, now);
        let attempt = self.legs.now().attempt;
        self.actions.push(Action::StartMedia { attempt, call: view.call });
        self.marks.reach(Stage::TracksAttached, now);
        self.send(ClientMessage::Media(MediaState {
            microphone: true,
            camera: true,
            screen: false,
        }));
        self.state = State::InCall { call: view.call, audio: false, picture: false };
    }

    pub(super) fn media(&mut self, now: Duration, news: News) {
        let State::InCall { call, audio, picture } = &mut self.state else { return };
        match news {
            News::FirstAudio => {
                *audio = true;
                self.marks.reach(Stage::FirstAudio, now);
            }
            News::FirstVideo => {}
            News::FirstKeyFrame => {
                *picture = true;
                self.marks.reach(Stage::FirstFrame, now);
            }
        }
        if *audio && *picture {
            let call = Some(*call);
            let marks = self.marks.to_wire();
            self.send(ClientMessage::Stages { call, marks });
        }
    }

    pub(super) fn ended(&mut self, call: CallId) -> Result<(), Failure> {
        let State::InCall { call: mine, .. } = self.state else {
            return Err(self.failure("the server ended the call before it started"));
        };
        if call != mine {
            return Err(self.failure(format!("the server ended another call, {call}")));
        }
        match self.role() {
            Role::Shopper => {
                if let Ok(score) = Score::try_from(SCORE) {
                    self.send(ClientMessage::Satisfaction { call, score, comment: None });
                }
                self.state = State::Done;
            }
            Role::Agent => {
                // Break first: after the wrap-up the agent must not be rung again.
                self.send(ClientMessage::Presence { state: WantedPresence::Break });
                let note = Note::parse(NOTE).unwrap_or_default();
                self.send(ClientMessage::WrapUp { call, outcome: Outcome::NoReason, note });
                self.state = State::Ended { call };
            }
        }
        Ok(())
    }
}
