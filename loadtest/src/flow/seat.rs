//! What one page does.

use std::time::Duration;

use signaling_wire::{
    PROTOCOL,
    browser::{
        Auth, ByeReason, CallView, ClientMessage, MediaChoice, MediaState, Outcome, Phase,
        Presence, Role, Score, ServerMessage, Stage, WantedPresence, Welcome,
    },
    ids::CallId,
    problem::Problem,
    text::{ContextValue, Note},
};

use super::{
    Action, Failure, Input, Marks, Step,
    legs::{Legs, Which},
};
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
    legs: Legs,
    link: Link,
    /// What brings a shopper back to this seat.
    seat_token: Option<String>,
    /// Whether there are pictures.
    video: bool,
    actions: Vec<Action>,
}

/// The page's WebSocket, after it was open for the first time.
#[derive(Debug)]
enum Link {
    Open,
    /// Lost and being opened again.
    Away {
        since: Duration,
        tries: u32,
        /// What could not be said meanwhile.
        unsaid: Vec<ClientMessage>,
    },
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
/// Waits before a lost socket is opened again; the last one repeats.
const REOPEN: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
];
/// What a synthetic shopper answers, and a synthetic agent notes.
const SCORE: u8 = 5;
const NOTE: &str = "Synthetic call";

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
            legs,
            link: Link::Open,
            seat_token: None,
            video,
            actions,
        }
    }

    /// Since when the page has been without a socket.
    pub(super) fn away_since(&self) -> Option<Duration> {
        match self.link {
            Link::Open => None,
            Link::Away { since, .. } => Some(since),
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
                if self.state == State::Opening {
                    self.early_offer = Some(sdp);
                } else {
                    self.marks.reach(Stage::LegOffer, now);
                    self.offer_leg(self.legs.now().attempt, sdp);
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
            Input::Silent(silence) => {
                if let (State::InCall { .. }, Some(leg)) = (&self.state, self.legs.now().id) {
                    let for_ms = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
                    self.send(ClientMessage::LegSilent { leg, for_ms });
                }
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

    /// The socket is open, for the first time or again.
    fn opened(&mut self, now: Duration) {
        let (auth, leg) = match (&self.link, &self.seat_token) {
            (Link::Open, _) => (self.credentials.auth(), None),
            (Link::Away { .. }, Some(token)) => {
                (Auth::Seat { token: token.clone() }, self.legs.now().id)
            }
            (Link::Away { .. }, None) => (self.credentials.auth(), self.legs.now().id),
        };
        let hello = ClientMessage::Hello { protocol: PROTOCOL, auth, leg };
        // Past the queue of what could not be said: the hello is what opens it.
        self.actions.push(Action::Send(Box::new(hello)));
        if self.state == State::Opening {
            self.marks.reach(Stage::Socket, now);
            self.state = State::Warming(Warming::default());
            if let Some(sdp) = self.early_offer.take() {
                self.marks.reach(Stage::LegOffer, now);
                self.offer_leg(self.legs.now().attempt, sdp);
            }
        }
    }

    /// The socket is closed. A page whose leg is warm comes back; before that there is nothing to
    /// come back to.
    fn closed(&mut self, now: Duration, reason: String) -> Result<(), Failure> {
        if self.state == State::Done {
            return Ok(());
        }
        if matches!(self.state, State::Opening | State::Warming(_)) {
            return Err(self.failure(format!("the WebSocket is closed: {reason}")));
        }
        let tries = match &mut self.link {
            Link::Open => {
                self.link = Link::Away { since: now, tries: 0, unsaid: Vec::new() };
                0
            }
            Link::Away { tries, .. } => {
                *tries += 1;
                *tries
            }
        };
        let after = REOPEN[(tries as usize).min(REOPEN.len() - 1)];
        self.actions.push(Action::OpenSocket { after });
        Ok(())
    }

    /// The page is back at its seat.
    fn back(&mut self, welcome: &Welcome) -> Result<(), Failure> {
        let Link::Away { unsaid, .. } = std::mem::replace(&mut self.link, Link::Open) else {
            return Ok(());
        };
        let same_call = match (&self.state, &welcome.phase) {
            (State::InCall { call, .. }, Phase::InCall(view)) => view.call == *call,
            (State::InCall { .. }, _) => false,
            _ => true,
        };
        if !same_call {
            return Err(self.failure("the page came back, and the call was gone"));
        }
        for message in unsaid {
            self.send(message);
        }
        if !welcome.leg_alive {
            self.open_next();
        }
        Ok(())
    }

    /// Opens another leg beside the one that carries.
    fn open_next(&mut self) {
        if let Some((attempt, after)) = self.legs.open_next() {
            self.actions.push(Action::CreateOffer { attempt, after });
        }
    }

    /// Something happened to the leg that is about to carry.
    fn next_leg(&mut self, attempt: u32, input: Input) {
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
    fn give_up_next(&mut self) {
        if let Some(attempt) = self.legs.drop_next() {
            self.actions.push(Action::CloseLeg { attempt });
        }
    }

    fn message(&mut self, now: Duration, message: ServerMessage) -> Result<(), Failure> {
        match message {
            ServerMessage::Welcome(welcome) => {
                if welcome.seat.is_some() {
                    self.seat_token.clone_from(&welcome.seat);
                }
                if self.away_since().is_some() {
                    return self.back(&welcome);
                }
                self.marks.reach(Stage::Welcome, now);
                if !matches!(welcome.phase, Phase::Lobby | Phase::Idle { .. }) {
                    return Err(self.failure("the seat is not a fresh one"));
                }
                self.warm(|warming| warming.welcome = true);
            }
            ServerMessage::LegAnswer { attempt, leg, sdp } => {
                if self.legs.answered(attempt, leg) {
                    self.actions.push(Action::ApplyAnswer { attempt, sdp });
                }
                if self.legs.which(attempt) == Which::Now {
                    self.marks.reach(Stage::LegAnswer, now);
                    self.warm(|warming| warming.answer = true);
                }
            }
            ServerMessage::LegFailed { attempt, problem } => match self.legs.which(attempt) {
                Which::Now => return Err(self.problem(&problem)),
                Which::Next => {
                    self.give_up_next();
                    self.open_next();
                }
                Which::Former => {}
            },
            ServerMessage::LegLost { leg } => match self.legs.which_id(leg) {
                Which::Now if matches!(self.state, State::Warming(_)) => {
                    return Err(self.failure("the server says the media leg is lost"));
                }
                Which::Now => self.open_next(),
                Which::Next => self.give_up_next(),
                Which::Former => {}
            },
            ServerMessage::LegMove { leg } => {
                if self.legs.which_id(leg) == Which::Now {
                    self.open_next();
                }
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
            | ServerMessage::Network(_)
            | ServerMessage::Pong { .. } => {}
        }
        Ok(())
    }

    fn offer_leg(&mut self, attempt: u32, sdp: String) {
        self.send(ClientMessage::LegOffer { attempt, sdp, measured: Vec::new() });
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
        match &mut self.link {
            Link::Open => self.actions.push(Action::Send(Box::new(message))),
            Link::Away { unsaid, .. } => unsaid.push(message),
        }
    }

    fn failure(&self, reason: impl Into<String>) -> Failure {
        Failure::new(self.step(), Some(self.role()), reason)
    }

    fn problem(&self, problem: &Problem) -> Failure {
        let code = serde_json::to_string(&problem.code).unwrap_or_default();
        self.failure(format!("{} ({}). {}", problem.title, code.trim_matches('"'), problem.hint))
    }
}
