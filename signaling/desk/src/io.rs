//! What goes into the desk and what comes out of it.

use std::{fmt, time::Duration};

use signaling_wire::{
    browser::{ByeReason, ClientMessage, Phase, ServerMessage},
    claims::LinkClaims,
    control::{CallEvent, CarriedCall, LegQuality},
    ids::{AgentId, CallId, LegId, LinkId, NodeId},
};

use crate::{
    placement::LegPlace,
    store::{AgentProfile, Applied, StoreError, Verb},
};

/// One socket of one page. Chosen by the shell, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// A participant's place, which outlives sockets and legs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Seat {
    /// A shopper: one link is one seat.
    Shopper(LinkId),
    /// An agent.
    Agent(AgentId),
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shopper(link) => fmt::Debug::fmt(link, f),
            Self::Agent(agent) => fmt::Debug::fmt(agent, f),
        }
    }
}

/// Numbers the verbs given to the store, so that an answer finds its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// A page with a good link (or the seat token of one) said hello.
    ShopperConnected {
        /// Its socket.
        socket: SocketId,
        /// The verified claims.
        link: Box<LinkClaims>,
        /// The leg it says it still has.
        leg: Option<LegId>,
    },
    /// A console with a good session said hello.
    AgentConnected {
        /// Its socket.
        socket: SocketId,
        /// Who it is, from [`crate::store::Store::agent`].
        agent: AgentProfile,
        /// The leg it says it still has.
        leg: Option<LegId>,
    },
    /// The socket is gone. Also after [`Effect::Close`] (then it changes nothing).
    Disconnected {
        /// The socket.
        socket: SocketId,
    },
    /// A page said something. `Hello`, `LegOffer`, `LegRestart` and `Ping` are the shell's own and
    /// change nothing here.
    Page {
        /// The socket it came from.
        socket: SocketId,
        /// What it said.
        message: ClientMessage,
    },
    /// The shell asked a node to open this leg for the page on this socket.
    LegOpened {
        /// The page's socket.
        socket: SocketId,
        /// The leg's id, chosen by the shell.
        leg: LegId,
        /// Where it is, and why there.
        place: LegPlace,
    },
    /// The reason why a leg is where it is has changed: its page has measured since.
    LegPlaced {
        /// The leg.
        leg: LegId,
        /// Where it is, and why there.
        place: LegPlace,
    },
    /// What is known of a node has changed. One that was never mentioned is [`NodeHealth::Well`].
    NodeHealth {
        /// The node.
        node: NodeId,
        /// How it is.
        health: NodeHealth,
    },
    /// A node says that the leg's DTLS is done.
    LegWarm {
        /// The leg.
        leg: LegId,
    },
    /// The leg was refused, closed, or its node is gone for good.
    LegLost {
        /// The leg.
        leg: LegId,
    },
    /// A node lists what it carries: after this desk has taken over from another, or the node has
    /// dialled again. Legs that nobody has claimed wait for their pages.
    Found {
        /// Where.
        place: LegPlace,
        /// Its legs.
        legs: Vec<LegId>,
        /// Its bridged calls.
        calls: Vec<CarriedCall>,
    },
    /// A node says what happened in a call.
    CallEvent {
        /// The call.
        call: CallId,
        /// The epoch of its bridge.
        epoch: u32,
        /// The publishing leg.
        leg: LegId,
        /// What happened.
        event: CallEvent,
        /// Microseconds since the bridge command arrived at the node.
        at_us: u64,
    },
    /// A node says whether the network lets a leg have the other side's picture.
    LegVideo {
        /// The viewer's leg.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The epoch of its bridge.
        epoch: u32,
        /// Sound goes on alone.
        paused: bool,
    },
    /// A node says that the way from a page may carry more than it uses.
    LegRoom {
        /// The page's leg.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The epoch of its bridge.
        epoch: u32,
        /// No more than this, kbit/s, where that is known.
        up_to_kbps: Option<u32>,
    },
    /// A node's measurement of a leg in a call.
    LegQuality {
        /// The leg.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The figures.
        quality: LegQuality,
    },
    /// The store's answer to [`Effect::Store`].
    Stored {
        /// From the effect.
        ticket: Ticket,
        /// What became of it.
        result: Result<Applied, StoreError>,
    },
    /// An operator ends a call.
    EndCall {
        /// The call.
        call: CallId,
    },
    /// An agent's session is no longer valid, or the agent was removed.
    SignOut {
        /// The agent.
        agent: AgentId,
    },
    /// The server stops. Every page is told to come back; calls stay restorable
    /// ([`crate::Desk::restore`]).
    Shutdown,
}

/// How a node is, as far as its control link tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NodeHealth {
    /// It speaks, and takes calls.
    #[default]
    Well,
    /// It has missed some heartbeats. Dead, frozen, or merely out of reach of signaling: what the
    /// pages of its calls hear from it decides.
    Silent,
    /// Its control link is gone; the rest as for `Silent`.
    Lost,
    /// It wants to be rid of its legs: an operator drains it, or it is about to stop.
    Draining,
}

/// Why a call moves to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MoveCause {
    /// Its node drains: the call moves while the node still carries it.
    Drain,
    /// Its node says nothing to signaling and nothing to a page.
    NodeLost,
    /// Its node speaks with signaling, and neither page hears it.
    Unreachable,
}

impl MoveCause {
    /// Every cause there is.
    pub const ALL: [Self; 3] = [Self::Drain, Self::NodeLost, Self::Unreachable];

    /// One lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::NodeLost => "node_lost",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How a move ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Both pages show the new legs.
    Done,
    /// Not in time, or nothing came on the new legs: it is tried again.
    Again,
    /// The call ended first, or no longer has to move.
    Over,
}

impl Moved {
    /// Every end there is.
    pub const ALL: [Self; 3] = [Self::Done, Self::Again, Self::Over];

    /// One lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Again => "again",
            Self::Over => "over",
        }
    }
}

/// Something to do. Effects are carried out in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Answer the hello on this socket with a welcome. Comes before any other message to it.
    Admit {
        /// The socket.
        socket: SocketId,
        /// Whose it is.
        seat: Seat,
        /// Where the page stands.
        phase: Phase,
        /// Whether the leg named in the hello is still there.
        leg_alive: bool,
    },
    /// Send a message to a page.
    Send {
        /// Its socket.
        socket: SocketId,
        /// The message.
        message: ServerMessage,
    },
    /// Say `bye` and close the socket.
    Close {
        /// The socket.
        socket: SocketId,
        /// Why.
        reason: ByeReason,
    },
    /// Tell the node of these legs to bridge them.
    Bridge {
        /// The call.
        call: CallId,
        /// The epoch.
        epoch: u32,
        /// The shopper's and the agent's leg.
        legs: [LegId; 2],
    },
    /// Tell the node of the call to end its forwarding.
    Unbridge {
        /// The call.
        call: CallId,
        /// The epoch.
        epoch: u32,
        /// The legs that were bridged, to find the node.
        legs: [LegId; 2],
    },
    /// Tell the node of the leg to close it.
    CloseLeg {
        /// The leg.
        leg: LegId,
    },
    /// The next legs of these seats must not be on this node. Both sides of a call: their legs are
    /// to be bridged with each other.
    Evade {
        /// The seats.
        seats: [Option<Seat>; 2],
        /// The node.
        node: NodeId,
    },
    /// A move, or a try of one, is over: for metrics.
    Moved {
        /// The call.
        call: CallId,
        /// Why it moved.
        cause: MoveCause,
        /// How it ended.
        how: Moved,
        /// Since it was decided.
        took: Duration,
    },
    /// Give the verb to the store and answer with [`Input::Stored`]. There is never more than one
    /// without an answer.
    Store {
        /// Comes back in the answer.
        ticket: Ticket,
        /// What to store.
        verb: Verb,
    },
}
