//! Seats: what outlives sockets and legs.

use std::time::Duration;

use signaling_wire::{
    browser::{MediaChoice, MediaState, Presence, QueuePlace, WantedPresence},
    claims::LinkClaims,
    ids::{AgentId, CallId, LegId, OfferId},
};

use crate::{Millis, SocketId, store::AgentProfile, timeline::Marks};

/// Whether the seat's page is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contact {
    /// On this socket.
    Here(SocketId),
    /// Gone.
    Away {
        /// Since when.
        since: Millis,
        /// The other side of the call has been told, and an agent is no longer on duty: the
        /// absence is longer than a reload.
        noticed: Notice,
    },
}

/// How far an absence has been made known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notice {
    /// It may be a reload.
    None,
    /// The other side of the call knows.
    Peer,
    /// The agent is no longer on duty either.
    Duty,
}

impl Contact {
    /// The socket, if the page is there.
    pub(crate) fn socket(self) -> Option<SocketId> {
        match self {
            Self::Here(socket) => Some(socket),
            Self::Away { .. } => None,
        }
    }

    /// Since when the page is gone, and how far that is known.
    pub(crate) fn away(self) -> Option<(Millis, Notice)> {
        match self {
            Self::Here(_) => None,
            Self::Away { since, noticed } => Some((since, noticed)),
        }
    }

    /// Whether the other side of a call should see this side as there.
    pub(crate) fn seems_here(self) -> bool {
        !matches!(self, Self::Away { noticed: Notice::Peer | Notice::Duty, .. })
    }
}

/// What a page says of a leg on which nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) leg: LegId,
    pub(crate) lasting: Duration,
    /// When the page said so.
    pub(crate) said: Millis,
}

/// A seat's page: its socket, its legs, what it sends.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) contact: Contact,
    /// The leg that carries, or will carry, media.
    pub(crate) warm: Option<LegId>,
    /// A leg that is being opened; it replaces `warm` once it is warm itself.
    pub(crate) opening: Option<LegId>,
    /// Warm, in a call that moves: replaces `warm` once the other side is as far.
    pub(crate) next: Option<LegId>,
    /// Replaced by `warm` in a call that moved; carries until both pages show the new ones.
    pub(crate) former: Option<LegId>,
    /// The page hears nothing from the node of its leg.
    pub(crate) silence: Option<Silence>,
    /// The leg without a call that the page was last told to move, and when.
    pub(crate) told_to_move: Option<(LegId, Millis)>,
    pub(crate) media: MediaState,
    /// Stages reached before there is a call.
    pub(crate) marks: Marks,
}

impl Page {
    pub(crate) fn new(contact: Contact) -> Self {
        Self {
            contact,
            warm: None,
            opening: None,
            next: None,
            former: None,
            silence: None,
            told_to_move: None,
            media: MediaState::default(),
            marks: Marks::default(),
        }
    }
}

impl Page {
    /// Every leg of the page.
    pub(crate) fn legs_mut(&mut self) -> [&mut Option<LegId>; 4] {
        [&mut self.warm, &mut self.opening, &mut self.next, &mut self.former]
    }
}

/// A shopper's seat.
#[derive(Debug)]
pub(crate) struct Shopper {
    pub(crate) link: Box<LinkClaims>,
    pub(crate) page: Page,
    pub(crate) phase: ShopperPhase,
    /// Calls of this link that were accepted while the seat was in memory.
    pub(crate) calls: u32,
}

/// Where a shopper stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShopperPhase {
    /// Before joining.
    Lobby,
    /// In the queue (or about to be: the store has not answered yet).
    Queued {
        /// The call it will be.
        call: CallId,
    },
    /// In a call.
    InCall {
        /// The call.
        call: CallId,
    },
    /// The question after the call is open.
    Asked {
        /// The call.
        call: CallId,
        /// Until when.
        until: Millis,
    },
    /// Nothing left to do.
    Done,
}

/// What of `state` a shopper with this choice can send at all.
pub(crate) fn limited(state: MediaState, choice: MediaChoice) -> MediaState {
    match choice {
        MediaChoice::Video => state,
        MediaChoice::Audio => MediaState { camera: false, screen: false, ..state },
        MediaChoice::Text => MediaState::default(),
    }
}

/// An agent's seat.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) profile: AgentProfile,
    pub(crate) page: Page,
    pub(crate) wanted: WantedPresence,
    /// Calls start without a ring. Said by the open page and by nothing before it, so that nobody's camera
    /// goes on at a desk where somebody else sits down.
    pub(crate) auto_accept: bool,
    pub(crate) duty: Duty,
    /// Since when the agent could have taken a call: set when they become available and when a
    /// wrap-up ends. Letting an offer pass does not reset it.
    pub(crate) idle_since: Millis,
    /// Offers in a row that expired.
    pub(crate) expiries: u32,
    /// The last `waiting` message: how many, and since when the longest.
    pub(crate) told_waiting: Option<(u32, Millis)>,
    pub(crate) told_presence: Option<Presence>,
}

/// What an agent is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Nothing.
    Free,
    /// An offer.
    Offered {
        /// The call.
        call: CallId,
        /// The offer.
        offer: OfferId,
        /// The claim is stored: the console rings.
        ringing: bool,
    },
    /// A call.
    InCall {
        /// The call.
        call: CallId,
    },
    /// Notes after a call.
    WrapUp {
        /// The call.
        call: CallId,
        /// When the call was accepted, for the estimate of waits; none for a test tool's call.
        since: Option<Millis>,
        /// When it ends by itself.
        until: Millis,
    },
}

impl Agent {
    pub(crate) fn new(profile: AgentProfile, contact: Contact, now: Millis) -> Self {
        Self {
            profile,
            page: Page::new(contact),
            wanted: WantedPresence::Break,
            auto_accept: false,
            duty: Duty::Free,
            idle_since: now,
            expiries: 0,
            told_waiting: None,
            told_presence: None,
        }
    }

    pub(crate) fn id(&self) -> AgentId {
        self.profile.id
    }

    /// What the agent is.
    pub(crate) fn presence(&self) -> Presence {
        match (self.duty, self.wanted) {
            (Duty::Offered { ringing: true, .. }, _) => Presence::Ringing,
            (Duty::InCall { .. }, _) => Presence::InCall,
            (Duty::WrapUp { .. }, _) => Presence::WrapUp,
            (_, WantedPresence::Available) => Presence::Available,
            (_, WantedPresence::Break) => Presence::Break,
        }
    }

    /// Signed in and not on a break: takes calls now or after the one they are in.
    pub(crate) fn on_duty(&self) -> bool {
        self.wanted == WantedPresence::Available
            && !matches!(self.page.contact, Contact::Away { noticed: Notice::Duty, .. })
    }

    /// Takes a reserved call without being asked: the page is there and has said so.
    pub(crate) fn accepts_at_once(&self) -> bool {
        self.auto_accept && self.page.contact.socket().is_some()
    }

    /// Can be rung at once.
    pub(crate) fn is_free(&self) -> bool {
        self.wanted == WantedPresence::Available
            && self.duty == Duty::Free
            && self.page.contact.socket().is_some()
    }
}

/// A place in the queue as it was last shown.
pub(crate) type ToldPlace = Option<QueuePlace>;
