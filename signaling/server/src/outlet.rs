//! Where the desk's effects go: to sockets and to nodes.

use std::{net::IpAddr, sync::Arc, time::Duration};

use signaling_desk::{MoveCause, Moved, Seat, SocketId, placement::Wish};
use signaling_wire::{
    PROTOCOL,
    browser::{ByeReason, MediaPolicy, Phase, ServerMessage, Welcome},
    claims::Context,
    ids::{CallId, LegId, NodeId},
    text::Name,
};

use crate::{
    desk_task::{Outlet, now},
    issuer::Issuer,
    legs::Legs,
    metrics::Metrics,
    turn::Turn,
    ws::{Sockets, Visitor},
};

/// The name of a shopper whose link carries none.
const NAMELESS: &str = "Guest";

/// Carries out what the desk decides.
#[derive(Debug)]
pub struct Hands {
    /// The open sockets.
    pub sockets: Arc<Sockets>,
    /// The legs on the nodes.
    pub legs: Arc<Legs>,
    /// Makes seat tokens.
    pub issuer: Arc<Issuer>,
    /// The shop's name.
    pub shop: Name,
    /// Who a shopper is about to talk to.
    pub host: Name,
    /// When media may leave the pages.
    pub media_policy: MediaPolicy,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Makes credentials for the TURN server, if there is one.
    pub turn: Option<Arc<Turn>>,
}

impl Hands {
    fn welcome(
        &self,
        visitor: &Visitor,
        from: Option<IpAddr>,
        phase: Phase,
        leg_alive: bool,
    ) -> ServerMessage {
        let mut wish = Wish { from, ..Wish::default() };
        let (name, seat, context) = match visitor {
            Visitor::Shopper(link) => {
                let name = link
                    .context
                    .name
                    .clone()
                    .unwrap_or_else(|| Name::parse(NAMELESS).unwrap_or_default());
                wish.region = link.region.clone();
                let seat = self.issuer.seat(link.as_ref().clone(), now());
                (name, seat, link.context.clone())
            }
            Visitor::Agent(agent) => (agent.name.clone(), None, Context::default()),
        };
        ServerMessage::Welcome(Box::new(Welcome {
            protocol: PROTOCOL,
            role: visitor.role(),
            name,
            shop: self.shop.clone(),
            host: self.host.clone(),
            seat,
            second: None,
            media_policy: self.media_policy,
            leg_alive,
            phase,
            language: context.language.clone(),
            context,
            ice_servers: self
                .turn
                .iter()
                .map(|turn| turn.credentials(now(), rand::random()))
                .collect(),
            candidates: self.legs.to_measure(&wish),
        }))
    }
}

impl Outlet for Hands {
    fn admit(&self, socket: SocketId, _seat: Seat, phase: Phase, leg_alive: bool) {
        self.sockets.admit(socket, phase, |visitor, from, phase| {
            self.welcome(visitor, from, phase, leg_alive)
        });
    }

    fn send(&self, socket: SocketId, message: ServerMessage) {
        self.sockets.send(socket, message);
    }

    fn close(&self, socket: SocketId, reason: ByeReason) {
        self.sockets.close(socket, reason);
    }

    fn bridge(&self, call: CallId, epoch: u32, legs: [LegId; 2]) {
        self.legs.bridge(call, epoch, legs);
    }

    fn unbridge(&self, call: CallId, epoch: u32, _legs: [LegId; 2]) {
        self.legs.unbridge(call, epoch);
    }

    fn close_leg(&self, leg: LegId) {
        self.legs.close(leg);
    }

    fn evade(&self, seats: [Option<Seat>; 2], node: NodeId) {
        self.legs.evade(seats, node);
    }

    fn moved(&self, call: CallId, cause: MoveCause, how: Moved, took: Duration) {
        let took_ms = took.as_millis();
        tracing::info!(%call, cause = cause.name(), result = how.name(), took_ms, "call moved");
        self.metrics.call_moved(cause, how, took);
    }
}
