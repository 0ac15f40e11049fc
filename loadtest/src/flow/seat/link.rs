//! The page's WebSocket: opened, lost, and opened again with everything that could not be said
//! meanwhile.

use std::time::Duration;

use signaling_wire::{
    PROTOCOL,
    browser::{Auth, ClientMessage, Phase, Stage, Welcome},
};

use super::{Action, Failure, Seat, State, Warming};

/// The page's WebSocket, after it was open for the first time.
#[derive(Debug)]
pub(super) enum Link {
    Open,
    /// Lost and being opened again.
    Away {
        since: Duration,
        tries: u32,
        /// What could not be said meanwhile.
        unsaid: Vec<ClientMessage>,
    },
}

/// Waits before a lost socket is opened again; the last one repeats.
const REOPEN: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
];

impl Seat {
    /// Since when the page has been without a socket.
    pub(in crate::flow) fn away_since(&self) -> Option<Duration> {
        match self.link {
            Link::Open => None,
            Link::Away { since, .. } => Some(since),
        }
    }

    /// The socket is open, for the first time or again.
    pub(super) fn opened(&mut self, now: Duration) {
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
            self.offer_when_possible(now);
        }
    }

    /// The socket is closed. A page whose leg is warm comes back; before that there is nothing to
    /// come back to.
    pub(super) fn closed(&mut self, now: Duration, reason: String) -> Result<(), Failure> {
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

    /// The deployment knows the page.
    pub(super) fn welcome(&mut self, now: Duration, welcome: &Welcome) -> Result<(), Failure> {
        if welcome.seat.is_some() {
            self.seat_token.clone_from(&welcome.seat);
        }
        self.measure(&welcome.candidates);
        if self.away_since().is_some() {
            return self.back(now, welcome);
        }
        self.marks.reach(Stage::Welcome, now);
        if !matches!(welcome.phase, Phase::Lobby | Phase::Idle { .. }) {
            return Err(self.failure("the seat is not a fresh one"));
        }
        self.warm(|warming| warming.welcome = true);
        self.offer_when_possible(now);
        Ok(())
    }

    /// The page is back at its seat.
    fn back(&mut self, now: Duration, welcome: &Welcome) -> Result<(), Failure> {
        let Link::Away { unsaid, since, .. } = std::mem::replace(&mut self.link, Link::Open) else {
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
        self.rejoined.push(now.saturating_sub(since));
        for message in unsaid {
            self.send(message);
        }
        if !welcome.leg_alive {
            self.open_next();
        }
        Ok(())
    }

    pub(super) fn send(&mut self, message: ClientMessage) {
        match &mut self.link {
            Link::Open => self.actions.push(Action::Send(Box::new(message))),
            Link::Away { unsaid, .. } => unsaid.push(message),
        }
    }
}
