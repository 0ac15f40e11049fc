//! What one page does.

use std::time::Duration;

use signaling_wire::{
    PROTOCOL,
    browser::{
        Auth, CallView, ClientMessage, MediaChoice, MediaState, Outcome, Phase, Presence, Role,
        Score, ServerMessage, Stage, WantedPresence,
    },
    ids::CallId,
    problem::Problem,
    text::{ContextValue, Note},
};

use super::{Action, Failure, Input, Marks, Step};
use crate::media::News;

/// Who a seat is, and how it proves it.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A shopper with the token of their link.
    Shopper {
        /// The token.
        token: String,
    },
    /// An agent with a session token, who takes no call but the one whose order is this.
    Agent {
        /// The token.
        session: String,
        /// The order in the context of the right call.
        order: ContextValue,
    },
}

impl Credentials {
    fn role(&self) -> Role {
        match self {
            Self::Shopper { .. } => Role::Shopper,
            Self::Agent { .. } => Role::Agent,
        }
    }

    fn auth(&self) -> Auth {
        match self {
            Self::Shopper { token } => Auth::Link { token: token.clone() },
            Self::Agent { session, .. } => Auth::SessionToken { token: session.clone() },
        }
    }
}

/// One page's part in a call.
#[derive(Debug)]
pub(super) struct Seat {
    credentials: Credentials,
    state: State,
    marks: Marks,
    /// The leg's offer, made before the socket was open.
    early_offer: Option<String>,
    actions: Vec<Action>,
}

/// Where the page stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// The socket is being opened.
    Opening,
    /// Hello said, leg under way.
    Warming(Warming),
    /// Leg connected, nothing wanted yet.
    Warm,
    /// Shopper: **Join** pressed. Agent: **Go available** pressed.
    Waiting { queued: bool },
    /// Agent: **Accept** pressed.
    Accepted,
    /// In the call.
    InCall { call: CallId, audio: bool, picture: bool },
    /// The call is over; the agent has not been released yet.
    Ended { call: CallId },
    /// Nothing left to do.
    Done,
}

/// What of a warm leg is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Warming {
    welcome: bool,
    answer: bool,
    ice: bool,
    dtls: bool,
}

/// The one leg of a seat is its first attempt.
const ATTEMPT: u32 = 1;
/// What a synthetic shopper answers, and a synthetic agent notes.
const SCORE: u8 = 5;
const NOTE: &str = "Synthetic call";

impl Seat {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            state: State::Opening,
            marks: Marks::default(),
            early_offer: None,
            actions: vec![Action::OpenSocket, Action::CreateOffer],
        }
    }

    pub(super) fn role(&self) -> Role {
        self.credentials.role()
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(super) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// The step that a seat in this state waits in.
    pub(super) fn step(&self) -> Step {
        match &self.state {
            State::Opening => Step::Socket,
            State::Warming(Warming { welcome: false, .. }) => Step::Welcome,
            State::Warming(Warming { answer: false, .. }) => Step::LegAnswer,
            State::Warming(Warming { ice: false, .. }) => Step::Ice,
            State::Warming(_) => Step::Dtls,
            State::Warm | State::Waiting { queued: false } => Step::Queue,
            State::Waiting { queued: true } => Step::Ring,
            State::Accepted => Step::Start,
            State::InCall { audio: true, picture: true, .. } => Step::Hold,
            State::InCall { .. } => Step::Media,
            State::Ended { .. } | State::Done => Step::WrapUp,
        }
    }

    /// Takes what happened.
    ///
    /// # Errors
    /// [`Failure`] when the call cannot go on.
    pub(super) fn handle(&mut self, now: Duration, input: Input) -> Result<(), Failure> {
        match input {
            Input::SocketOpen => {
                self.marks.reach(Stage::Socket, now);
                self.send(ClientMessage::Hello {
                    protocol: PROTOCOL,
                    auth: self.credentials.auth(),
                    leg: None,
                });
                self.state = State::Warming(Warming::default());
                if let Some(sdp) = self.early_offer.take() {
                    self.offer_leg(now, sdp);
                }
                Ok(())
            }
            Input::SocketClosed { .. } if self.state == State::Done => Ok(()),
            Input::SocketClosed { reason } => {
                Err(self.failure(format!("the WebSocket is closed: {reason}")))
            }
            Input::OfferReady { sdp } => {
                if self.state == State::Opening {
                    self.early_offer = Some(sdp);
                } else {
                    self.offer_leg(now, sdp);
                }
                Ok(())
            }
            Input::IceConnected => {
                self.marks.reach(Stage::Ice, now);
                self.warm(|warming| warming.ice = true);
                Ok(())
            }
            Input::DtlsConnected => {
                self.marks.reach(Stage::Dtls, now);
                self.warm(|warming| warming.dtls = true);
                Ok(())
            }
            Input::LegFailed { reason } => {
                Err(self.failure(format!("the media leg failed: {reason}")))
            }
            Input::Media(news) => {
                self.media(now, news);
                Ok(())
            }
            Input::Message(message) => self.message(now, *message),
        }
    }

    /// Shopper: press **Join**. Agent: press **Go available**.
    pub(super) fn enter(&mut self, now: Duration) {
        match self.role() {
            Role::Shopper => {
                self.marks.reach(Stage::Join, now);
                self.send(ClientMessage::Join { media: MediaChoice::Video });
            }
            Role::Agent => {
                self.send(ClientMessage::Presence { state: WantedPresence::Available });
            }
        }
        self.state = State::Waiting { queued: false };
    }

    pub(super) fn stop_media(&mut self) {
        self.actions.push(Action::StopMedia);
    }

    pub(super) fn hang_up(&mut self) {
        self.send(ClientMessage::HangUp);
    }

    /// Closes the page, whatever it was doing. An agent is no longer to be rung.
    pub(super) fn close(&mut self) {
        self.actions.push(Action::StopMedia);
        if self.role() == Role::Agent && !matches!(self.state, State::Opening | State::Done) {
            self.send(ClientMessage::Presence { state: WantedPresence::Break });
        }
        self.actions.push(Action::Close);
    }

    fn message(&mut self, now: Duration, message: ServerMessage) -> Result<(), Failure> {
        match message {
            ServerMessage::Welcome(welcome) => {
                self.marks.reach(Stage::Welcome, now);
                if !matches!(welcome.phase, Phase::Lobby | Phase::Idle { .. }) {
                    return Err(self.failure("the seat is not a fresh one"));
                }
                self.warm(|warming| warming.welcome = true);
            }
            ServerMessage::LegAnswer { attempt: ATTEMPT, sdp, .. } => {
                self.marks.reach(Stage::LegAnswer, now);
                self.actions.push(Action::ApplyAnswer { sdp });
                self.warm(|warming| warming.answer = true);
            }
            ServerMessage::LegFailed { problem, .. } => return Err(self.problem(&problem)),
            ServerMessage::LegLost { .. } => {
                return Err(self.failure("the server says the media leg is lost"));
            }
            ServerMessage::Queue(_) => self.queued(Role::Shopper),
            ServerMessage::Presence { state: Presence::Available } => self.queued(Role::Agent),
            ServerMessage::Offer(offer) => self.offer(now, &offer),
            ServerMessage::CallStarted(view) => self.started(now, &view),
            ServerMessage::CallEnded { call, .. } => return self.ended(call),
            ServerMessage::Presence { state: Presence::Break }
                if matches!(self.state, State::Ended { .. }) =>
            {
                self.state = State::Done;
            }
            ServerMessage::Problem(problem) => return Err(self.problem(&problem)),
            ServerMessage::Bye { reason } => {
                return Err(self.failure(format!("the server said bye: {reason:?}")));
            }
            ServerMessage::LegAnswer { .. }
            | ServerMessage::LegMove { .. }
            | ServerMessage::Presence { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::OfferEnded { .. }
            | ServerMessage::PeerMedia(_)
            | ServerMessage::Peer { .. }
            | ServerMessage::Chat(_)
            | ServerMessage::Timeline { .. }
            | ServerMessage::VideoPaused(_)
            | ServerMessage::VideoCap { .. }
            | ServerMessage::Network(_)
            | ServerMessage::Pong { .. } => {}
        }
        Ok(())
    }

    fn offer_leg(&mut self, now: Duration, sdp: String) {
        self.marks.reach(Stage::LegOffer, now);
        self.send(ClientMessage::LegOffer { attempt: ATTEMPT, sdp, measured: Vec::new() });
    }

    fn warm(&mut self, note: impl FnOnce(&mut Warming)) {
        let State::Warming(warming) = &mut self.state else { return };
        note(warming);
        if *warming == (Warming { welcome: true, answer: true, ice: true, dtls: true }) {
            self.state = State::Warm;
        }
    }

    fn queued(&mut self, whose: Role) {
        if self.role() == whose && matches!(self.state, State::Waiting { .. }) {
            self.state = State::Waiting { queued: true };
        }
    }

    /// Somebody else's call is passed on at once: a real shopper must not wait for a machine.
    fn offer(&mut self, now: Duration, offer: &signaling_wire::browser::Offer) {
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

    fn started(&mut self, now: Duration, view: &CallView) {
        if !matches!(self.state, State::Waiting { .. } | State::Accepted) {
            return;
        }
        self.marks.reach(Stage::CallStarted, now);
        self.actions.push(Action::StartMedia { call: view.call });
        self.marks.reach(Stage::TracksAttached, now);
        self.send(ClientMessage::Media(MediaState {
            microphone: true,
            camera: true,
            screen: false,
        }));
        self.state = State::InCall { call: view.call, audio: false, picture: false };
    }

    fn media(&mut self, now: Duration, news: News) {
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

    fn ended(&mut self, call: CallId) -> Result<(), Failure> {
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

    fn send(&mut self, message: ClientMessage) {
        self.actions.push(Action::Send(Box::new(message)));
    }

    fn failure(&self, reason: impl Into<String>) -> Failure {
        Failure::new(self.step(), Some(self.role()), reason)
    }

    fn problem(&self, problem: &Problem) -> Failure {
        let code = serde_json::to_string(&problem.code).unwrap_or_default();
        self.failure(format!("{} ({}). {}", problem.title, code.trim_matches('"'), problem.hint))
    }
}
