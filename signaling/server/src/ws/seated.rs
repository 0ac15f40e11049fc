//! A page that the desk in this process serves, whether its socket is here or in another instance.

use std::{net::IpAddr, sync::Arc};

use signaling_desk::{
    Input, Seat, SocketId,
    placement::{Measured, Wish},
};
use signaling_wire::{
    browser::{ClientMessage, MeasuredNode, ServerMessage},
    ids::LegId,
    text::Name,
};
use tokio::sync::watch;
use tracing::Instrument;

use super::{Visitor, outbox::Outbox};
use crate::{
    app::App,
    lead::Here,
    legs::{self, Reconsidered},
};

/// A page that said a good hello.
#[derive(Clone)]
pub(crate) struct Seated {
    app: Arc<App>,
    here: Here,
    socket: SocketId,
    visitor: Visitor,
    outbox: Outbox,
    /// The page's address, when its socket is here.
    from: Option<IpAddr>,
    admitted: watch::Receiver<bool>,
}

impl Seated {
    /// Registers the page.
    pub(crate) fn new(
        app: &Arc<App>,
        here: &Here,
        visitor: Visitor,
        outbox: Outbox,
        from: Option<IpAddr>,
    ) -> Self {
        let (socket, admitted) = app.sockets.insert(visitor.clone(), outbox.clone(), from);
        Self { app: Arc::clone(app), here: here.clone(), socket, visitor, outbox, from, admitted }
    }

    /// Tells the desk that it is there, with the leg it says it still has. False when the desk has
    /// stopped.
    pub(crate) async fn connected(&self, leg: Option<LegId>) -> bool {
        let socket = self.socket;
        let connected = match self.visitor.clone() {
            Visitor::Shopper(link) => Input::ShopperConnected { socket, link, leg },
            Visitor::Agent(agent) => Input::AgentConnected { socket, agent, leg },
        };
        self.here.desk.send(connected).await
    }

    /// The page said something.
    pub(crate) async fn said(&self, message: ClientMessage) {
        match message {
            ClientMessage::LegOffer { attempt, sdp, measured } => {
                let wish = self.wish(&measured);
                self.leg(legs::Request::Open { sdp, wish }, attempt);
            }
            ClientMessage::Measured { leg, measured } => {
                let wish = self.wish(&measured);
                match self.here.legs.measured(self.seat(), leg, wish) {
                    Some(Reconsidered::Move) => self.outbox.send(ServerMessage::LegMove { leg }),
                    Some(Reconsidered::Stays(place)) => {
                        self.here.desk.send(Input::LegPlaced { leg, place }).await;
                    }
                    None => {}
                }
            }
            ClientMessage::LegRestart { attempt, leg, sdp } => {
                self.leg(legs::Request::Restart { leg, sdp }, attempt);
            }
            message => {
                if let ClientMessage::Quality(report) = &message {
                    self.app.metrics.page_quality(self.visitor.role(), report);
                }
                self.here.desk.send(Input::Page { socket: self.socket, message }).await;
            }
        }
    }

    /// Its socket is gone.
    pub(crate) async fn gone(self) {
        self.app.sockets.remove(self.socket);
        self.here.desk.send(Input::Disconnected { socket: self.socket }).await;
    }

    pub(super) fn seat(&self) -> Seat {
        self.visitor.seat()
    }

    /// What is known about where the page is.
    fn wish(&self, measured: &[MeasuredNode]) -> Wish {
        let measured =
            measured.iter().map(|&MeasuredNode { node, rtt_ms }| Measured { node, rtt_ms });
        let region: Option<Name> = match &self.visitor {
            Visitor::Shopper(link) => link.region.clone(),
            Visitor::Agent(_) => None,
        };
        let from = self.from;
        Wish { region, from, measured: measured.collect(), ..Wish::default() }
    }

    /// Has a node answer the page's offer. It takes a while, and other messages must not wait.
    fn leg(&self, request: legs::Request, attempt: u32) {
        let Self { app, here, socket, outbox, .. } = self.clone();
        let (seat, mut admitted) = (self.seat(), self.admitted.clone());
        let work = async move {
            let answer = legs::serve(&app, &here.legs, socket, seat, request).await;
            // The welcome comes first; it fails only when the socket is gone.
            if admitted.wait_for(|admitted| *admitted).await.is_err() {
                return;
            }
            outbox.send(match answer {
                Ok((leg, sdp)) => ServerMessage::LegAnswer { attempt, leg, sdp },
                Err(problem) => ServerMessage::LegFailed { attempt, problem },
            });
        };
        tokio::spawn(work.instrument(tracing::Span::current()));
    }
}
