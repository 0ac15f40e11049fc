//! The page's legs: the one that is being made warm, and the one that takes over from it.

use std::time::Duration;

use signaling_wire::{
    browser::{CandidateNode, ClientMessage, MeasuredNode, Stage},
    ids::LegId,
    limits::MAX_MEASURED,
    problem::Problem,
};

use super::{Action, Failure, Input, Seat, State, Warming, Which};
use crate::media::News;

/// What a page measures to a node of its own region, and to one on another continent: so far apart
/// that no load of the nearer one makes up for it.
const NEAR_MS: f32 = 5.0;
const FAR_MS: f32 = 300.0;

impl Seat {
    /// Opens another leg beside the one that carries.
    pub(super) fn open_next(&mut self) {
        if let Some((attempt, after)) = self.legs.open_next() {
            self.actions.push(Action::CreateOffer { attempt, after });
        }
    }

    /// Something happened to the leg that is about to carry.
    pub(super) fn next_leg(&mut self, attempt: u32, input: Input) {
        match input {
            Input::OfferReady { sdp } => self.offer_leg(attempt, sdp),
            Input::DtlsConnected => match self.state {
                State::InCall { call, .. } => {
                    self.actions.push(Action::StartMedia { attempt, call });
                }
                _ => self.promote(false),
            },
            Input::Media(News::FirstKeyFrame) if self.video => self.promote(true),
            Input::Media(News::FirstAudio) if !self.video => self.promote(true),
            Input::LegFailed { .. } => self.give_up_next(),
            _ => {}
        }
    }

    /// From now on the next leg is the one that is watched.
    fn promote(&mut self, media: bool) {
        if let Some((former, leg)) = self.legs.promote() {
            self.actions.push(Action::Retire { attempt: former });
            self.send(ClientMessage::LegSwitched { leg, media });
        }
    }

    /// The next leg came to nothing; the deployment says so again if it still wants one.
    pub(super) fn give_up_next(&mut self) {
        if let Some(attempt) = self.legs.drop_next() {
            self.actions.push(Action::CloseLeg { attempt });
        }
    }

    /// Offers the first leg, as soon as there is an offer and somebody to say it to. A page that
    /// measures waits for the welcome, which names the nodes.
    pub(super) fn offer_when_possible(&mut self, now: Duration) {
        let possible = match &self.state {
            State::Opening => false,
            State::Warming(Warming { welcome, .. }) => {
                *welcome || self.credentials.region().is_none()
            }
            _ => true,
        };
        if possible && let Some(sdp) = self.early_offer.take() {
            self.marks.reach(Stage::LegOffer, now);
            self.offer_leg(self.legs.now().attempt, sdp);
        }
    }

    fn offer_leg(&mut self, attempt: u32, sdp: String) {
        let measured = self.measured.clone();
        self.send(ClientMessage::LegOffer { attempt, sdp, measured });
    }

    /// Says what a page in this seat's region would have measured to the nodes of its welcome. The
    /// generator itself is where it is: its own round trips would tell nothing.
    pub(super) fn measure(&mut self, candidates: &[CandidateNode]) {
        let Some(region) = self.credentials.region() else { return };
        let measured = candidates.iter().map(|candidate| MeasuredNode {
            node: candidate.node,
            rtt_ms: if candidate.region == region { NEAR_MS } else { FAR_MS },
        });
        self.measured = measured.take(MAX_MEASURED).collect();
    }

    pub(super) fn warm(&mut self, note: impl FnOnce(&mut Warming)) {
        let State::Warming(warming) = &mut self.state else { return };
        note(warming);
        if *warming == (Warming { welcome: true, answer: true, ice: true, dtls: true }) {
            self.state = State::Warm;
        }
    }

    pub(super) fn leg_answer(&mut self, now: Duration, attempt: u32, leg: LegId, sdp: String) {
        if self.legs.answered(attempt, leg) {
            self.actions.push(Action::ApplyAnswer { attempt, sdp });
        }
        if self.legs.which(attempt) == Which::Now {
            self.marks.reach(Stage::LegAnswer, now);
            self.warm(|warming| warming.answer = true);
        }
    }

    pub(super) fn leg_failed(&mut self, attempt: u32, problem: &Problem) -> Result<(), Failure> {
        match self.legs.which(attempt) {
            Which::Now => return Err(self.problem(problem)),
            Which::Next => {
                self.give_up_next();
                self.open_next();
            }
            Which::Former => {}
        }
        Ok(())
    }

    pub(super) fn leg_lost(&mut self, leg: LegId) -> Result<(), Failure> {
        match self.legs.which_id(leg) {
            Which::Now if matches!(self.state, State::Warming(_)) => {
                return Err(self.failure("the server says the media leg is lost"));
            }
            Which::Now => self.open_next(),
            Which::Next => self.give_up_next(),
            Which::Former => {}
        }
        Ok(())
    }

    /// The deployment wants the leg elsewhere.
    pub(super) fn leg_move(&mut self, leg: LegId) {
        if self.legs.which_id(leg) == Which::Now {
            self.open_next();
        }
    }

    /// Nothing comes from the node any more.
    pub(super) fn silent(&mut self, silence: Duration) {
        if let (State::InCall { .. }, Some(leg)) = (&self.state, self.legs.now().id) {
            let for_ms = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
            self.send(ClientMessage::LegSilent { leg, for_ms });
        }
    }
}
