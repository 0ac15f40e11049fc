//! Which sockets are open, and who is behind them.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use dashmap::DashMap;
use signaling_desk::{Seat, SocketId, store::AgentProfile};
use signaling_wire::{
    browser::{ByeReason, Phase, Presence, Role, ServerMessage},
    claims::LinkClaims,
};
use tokio::sync::watch;

use super::outbox::Outbox;

/// Who said hello.
#[derive(Debug, Clone)]
pub enum Visitor {
    /// A shopper with a good link.
    Shopper(Box<LinkClaims>),
    /// An agent with a good session.
    Agent(AgentProfile),
}

impl Visitor {
    /// Their seat.
    #[must_use]
    pub fn seat(&self) -> Seat {
        match self {
            Self::Shopper(link) => Seat::Shopper(link.jti),
            Self::Agent(agent) => Seat::Agent(agent.id),
        }
    }

    /// Their role.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Shopper(_) => Role::Shopper,
            Self::Agent(_) => Role::Agent,
        }
    }
}

#[derive(Debug)]
struct Open {
    visitor: Visitor,
    outbox: Outbox,
    /// The page's address, when it is known here.
    from: Option<IpAddr>,
    admitted: watch::Sender<bool>,
    /// What the agent is, as last told to their page.
    presence: Option<Presence>,
}

/// The sockets that have said a good hello.
#[derive(Debug, Default)]
pub struct Sockets {
    open: DashMap<SocketId, Open>,
    last: AtomicU64,
}

impl Sockets {
    /// Registers a socket. The receiver turns true when its welcome is on its way.
    pub(crate) fn insert(
        &self,
        visitor: Visitor,
        outbox: Outbox,
        from: Option<IpAddr>,
    ) -> (SocketId, watch::Receiver<bool>) {
        let socket = SocketId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let (admitted, on_admission) = watch::channel(false);
        self.open.insert(socket, Open { visitor, outbox, from, admitted, presence: None });
        (socket, on_admission)
    }

    pub(crate) fn remove(&self, socket: SocketId) {
        self.open.remove(&socket);
    }

    /// Sends the welcome that `welcome` makes for the visitor. A socket that is gone gets none.
    pub fn admit(
        &self,
        socket: SocketId,
        phase: Phase,
        welcome: impl FnOnce(&Visitor, Option<IpAddr>, Phase) -> ServerMessage,
    ) {
        if let Some(mut open) = self.open.get_mut(&socket) {
            open.presence = presence(&phase);
            open.outbox.send(welcome(&open.visitor, open.from, phase));
            open.admitted.send_replace(true);
        }
    }

    /// Sends a message, if the socket is still there.
    pub fn send(&self, socket: SocketId, message: ServerMessage) {
        if let ServerMessage::Presence { state } = message {
            if let Some(mut open) = self.open.get_mut(&socket) {
                open.presence = Some(state);
                open.outbox.send(message);
            }
        } else if let Some(open) = self.open.get(&socket) {
            open.outbox.send(message);
        }
    }

    /// Says bye and closes the socket.
    pub fn close(&self, socket: SocketId, reason: ByeReason) {
        if let Some(open) = self.open.get(&socket) {
            open.outbox.bye(reason);
        }
    }

    /// Says bye to all and closes them.
    pub fn close_all(&self, reason: ByeReason) {
        self.open.iter().for_each(|open| open.outbox.bye(reason));
    }

    /// How many sockets of this role are open here.
    #[must_use]
    pub fn count(&self, role: Role) -> usize {
        self.open.iter().filter(|o| o.outbox.is_own() && o.visitor.role() == role).count()
    }

    /// How many agents with an open socket are in this state.
    #[must_use]
    pub fn agents(&self, presence: Presence) -> usize {
        self.open.iter().filter(|open| open.presence == Some(presence)).count()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

fn presence(phase: &Phase) -> Option<Presence> {
    match phase {
        Phase::Idle { presence } => Some(*presence),
        Phase::Ringing(_) => Some(Presence::Ringing),
        Phase::InCall(_) => Some(Presence::InCall),
        Phase::WrapUp { .. } => Some(Presence::WrapUp),
        Phase::Lobby | Phase::Queued(_) | Phase::Satisfaction { .. } | Phase::Done => None,
    }
}
