//! What instances say to each other: JSON frames on one QUIC stream, as on the control link, that
//! the instance that follows opens.
//!
//! A page of an instance that follows is to the desk like any other: its messages go one way as
//! they came, after they were parsed and counted, and what it is told comes the other way.

use serde::{Deserialize, Serialize};
use signaling_desk::{Input, store::AgentProfile};
use signaling_wire::{
    browser::{ClientMessage, ServerMessage},
    claims::LinkClaims,
    ids::{AgentId, LegId},
};

use crate::ws::Visitor;

/// The number of this protocol. Instances of another number do not follow each other.
pub(super) const PROTOCOL: u16 = 1;

/// Largest frame. The largest message is the one that shows a call with all its chat to a page
/// that has come back.
pub(super) const MAX_FRAME: usize = 2 * 1024 * 1024;

/// What an instance that follows says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToLeader {
    /// First frame.
    Hello {
        /// [`PROTOCOL`].
        protocol: u16,
        /// Who follows, for logs.
        instance: String,
        /// Whom it follows.
        term: i64,
        /// HMAC that proves that it knows the cluster secret.
        proof: String,
    },
    /// A page with good credentials said hello. Sockets are numbered by who has them.
    Connected {
        /// Its socket.
        socket: u64,
        /// Who it is.
        visitor: Person,
        /// The leg it says it still has.
        leg: Option<LegId>,
    },
    /// A page said something.
    Said {
        /// Its socket.
        socket: u64,
        /// What.
        message: ClientMessage,
    },
    /// The socket is gone.
    Gone {
        /// Which.
        socket: u64,
    },
    /// The API decided something.
    Order(Order),
}

/// What the instance that leads says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromLeader {
    /// It leads, and knows the cluster secret.
    Welcome {
        /// HMAC that proves it.
        proof: String,
    },
    /// It does not lead in that term, or the follower is not one of us.
    Refused {
        /// Why, for the log.
        reason: String,
    },
    /// For the page on this socket.
    Say {
        /// The socket, as the instance that follows numbers it.
        socket: u64,
        /// What to tell it.
        message: ServerMessage,
    },
}

/// What the API of any instance may want of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// An agent's session is no longer valid, or the agent was removed.
    SignOut {
        /// The agent.
        agent: AgentId,
    },
}

impl From<Order> for Input {
    fn from(order: Order) -> Self {
        match order {
            Order::SignOut { agent } => Self::SignOut { agent },
        }
    }
}

/// Who said hello, as [`Visitor`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Person {
    /// A shopper with a good link.
    Shopper(Box<LinkClaims>),
    /// An agent with a good session.
    Agent(AgentProfile),
}

impl From<Visitor> for Person {
    fn from(visitor: Visitor) -> Self {
        match visitor {
            Visitor::Shopper(link) => Self::Shopper(link),
            Visitor::Agent(agent) => Self::Agent(agent),
        }
    }
}

impl From<Person> for Visitor {
    fn from(person: Person) -> Self {
        match person {
            Person::Shopper(link) => Self::Shopper(link),
            Person::Agent(agent) => Self::Agent(agent),
        }
    }
}
