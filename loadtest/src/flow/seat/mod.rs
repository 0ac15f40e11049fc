//! What one page does. Here is where it stands and who of its parts is asked; what they decide is in
//! their files.

mod call;
mod credentials;
mod leg;
mod link;

use std::time::Duration;

use signaling_wire::{
    browser::{
        ByeReason, ClientMessage, MeasuredNode, MediaChoice, Presence, Role, ServerMessage, Stage,
        WantedPresence,
    },
    ids::CallId,
    problem::Problem,
};

pub use self::credentials::Credentials;
use self::link::Link;
use super::{
    Action, Failure, Input, Marks, Step,
    legs::{Legs, Which},
};

/// One page's part in a call.
#[derive(Debug)]
pub(super) struct Seat {
    credentials: Credentials,
    state: State,
    marks: Marks,
    /// The leg's offer, made before it could be said.
    early_offer: Option<String>,
    /// What the page says it has measured to the nodes.
    measured: Vec<MeasuredNode>,
    legs: Legs,
    link: Link,
    /// How long the page was without its seat, each time that it came back.
    rejoined: Vec<Duration>,
    /// What brings a shopper back to this seat.
    seat_token: Option<String>,
    /// Whether there are pictures.
    video: bool,
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

/// The number of a page's first leg.
const FIRST: u32 = 1;

impl Seat {
    pub(super) fn new(credentials: Credentials, video: bool) -> Self {
        let open = Action::OpenSocket { after: Duration::ZERO };
        let legs = Legs::new();
        let actions =
            vec![open, Action::CreateOffer { attempt: legs.now().attempt, after: Duration::ZERO }];
        Self {
            credentials,
            state: State::Opening,
            marks: Marks::default(),
            early_offer: None,
            measured: Vec::new(),
            legs,
            link: Link::Open,
            rejoined: Vec::new(),
            seat_token: None,
            video,
            actions,
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

    pub(super) fn rejoined(&self) -> &[Duration] {
        &self.rejoined
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
            Input::Later { attempt, input } => match self.legs.which(attempt) {
                Which::Now => self.current(now, *input),
                Which::Next => {
                    self.next_leg(attempt, *input);
                    Ok(())
                }
                Which::Former => Ok(()),
            },
            // The first leg has been given up.
            Input::IceConnected
            | Input::DtlsConnected
            | Input::LegFailed { .. }
            | Input::Media(_)
            | Input::Silent(_)
                if self.legs.which(FIRST) != Which::Now =>
            {
                Ok(())
            }
            input => self.current(now, input),
        }
    }

    /// Something happened to the socket or to the leg that carries.
    fn current(&mut self, now: Duration, input: Input) -> Result<(), Failure> {
        match input {
            Input::SocketOpen => {
                self.opened(now);
                Ok(())
            }
            Input::SocketClosed { reason } => self.closed(now, reason),
            Input::OfferReady { sdp } => {
                self.early_offer = Some(sdp);
                self.offer_when_possible(now);
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
            Input::Silent(silence) => {
                self.silent(silence);
                Ok(())
            }
            // Legs do not nest.
            Input::Later { .. } => Ok(()),
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
            ServerMessage::Welcome(welcome) => return self.welcome(now, &welcome),
            ServerMessage::LegAnswer { attempt, leg, sdp } => {
                self.leg_answer(now, attempt, leg, sdp);
            }
            ServerMessage::LegFailed { attempt, problem } => {
                return self.leg_failed(attempt, &problem);
            }
            ServerMessage::LegLost { leg } => return self.leg_lost(leg),
            ServerMessage::LegMove { leg } => self.leg_move(leg),
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
            // The socket closes after it, and the page comes back.
            ServerMessage::Bye { reason: ByeReason::Restarting } => {}
            ServerMessage::Bye { reason } => {
                return Err(self.failure(format!("the server said bye: {reason:?}")));
            }
            ServerMessage::Presence { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::OfferEnded { .. }
            | ServerMessage::PeerMedia(_)
            | ServerMessage::Peer { .. }
            | ServerMessage::Chat(_)
            | ServerMessage::Timeline { .. }
            | ServerMessage::VideoPaused(_)
            | ServerMessage::VideoCap { .. }
            | ServerMessage::VideoRoom { .. }
            | ServerMessage::Network(_)
            | ServerMessage::Pong { .. } => {}
        }
        Ok(())
    }

    fn failure(&self, reason: impl Into<String>) -> Failure {
        Failure::new(self.step(), Some(self.role()), reason)
    }

    fn problem(&self, problem: &Problem) -> Failure {
        let code = serde_json::to_string(&problem.code).unwrap_or_default();
        self.failure(format!("{} ({}). {}", problem.title, code.trim_matches('"'), problem.hint))
    }
}
