//! Pages: their sockets come and go, what they say is passed on by subject.

use signaling_wire::{
    browser::{ByeReason, ClientMessage, Phase, Role, ServerMessage},
    claims::LinkClaims,
    ids::{CallId, LegId},
    problem::{Code, Stage},
};

use super::Desk;
use crate::{
    Effect, Seat, SocketId,
    seat::{Agent, Contact, Notice, Page, Shopper, ShopperPhase},
    store::AgentProfile,
};

impl Desk {
    pub(super) fn shopper_connected(
        &mut self,
        socket: SocketId,
        link: Box<LinkClaims>,
        leg: Option<LegId>,
    ) {
        let id = link.jti;
        if !self.shoppers.contains_key(&id) {
            if self.shoppers.len() >= self.rules.max_shoppers {
                self.effects.push_back(Effect::Close { socket, reason: ByeReason::Restarting });
                return;
            }
            let page = Page::new(Contact::Here(socket));
            let shopper = Shopper { link, page, phase: ShopperPhase::Lobby, calls: 0 };
            self.shoppers.insert(id, shopper);
        } else if let Some(shopper) = self.shopper(id) {
            shopper.link = link;
            // Nothing left of the last call: a link that allows another starts in the lobby.
            if shopper.phase == ShopperPhase::Done && shopper.calls < shopper.link.max_uses {
                shopper.phase = ShopperPhase::Lobby;
            }
        }
        self.connected(socket, Seat::Shopper(id), leg);
        self.match_due = true;
        self.places_due = true;
    }

    pub(super) fn agent_connected(
        &mut self,
        socket: SocketId,
        profile: AgentProfile,
        leg: Option<LegId>,
    ) {
        let id = profile.id;
        if let Some(agent) = self.agent(id) {
            agent.profile = profile;
            agent.auto_accept = false;
            agent.told_waiting = None;
        } else {
            let mut agent = Agent::new(profile, Contact::Here(socket), self.now);
            if let Some(wanted) = self.wanted_before.remove(&id) {
                agent.wanted = wanted;
            }
            self.agents.insert(id, agent);
        }
        self.connected(socket, Seat::Agent(id), leg);
        self.match_due = true;
        self.places_due = true;
    }

    /// Puts the socket on its seat and shows the page where it stands.
    fn connected(&mut self, socket: SocketId, seat: Seat, leg: Option<LegId>) {
        self.sockets.insert(socket, seat);
        self.claim(seat, leg);
        let Some(page) = self.page(seat) else { return };
        let was_away = !page.contact.seems_here();
        let before = page.contact.socket().filter(|before| *before != socket);
        page.contact = Contact::Here(socket);
        let leg_alive = leg.is_some() && (page.warm == leg || page.opening == leg);
        if !leg_alive {
            page.marks.clear();
        }
        if let Some(before) = before {
            self.sockets.remove(&before);
            self.effects.push_back(Effect::Close { socket: before, reason: ByeReason::Replaced });
        }
        self.keep_only(seat, leg.filter(|_| leg_alive));
        if !leg_alive {
            self.page_reloaded(seat);
        }
        let phase = self.phase(seat);
        self.effects.push_back(Effect::Admit { socket, seat, phase, leg_alive });
        if let Seat::Agent(id) = seat
            && let Some(agent) = self.agent(id)
        {
            // The welcome has just said it.
            agent.told_presence = Some(agent.presence());
        }
        if was_away {
            self.tell_peer(seat, true);
        }
        if let Some((call, _)) = self.active_call(seat) {
            self.bridge(call);
        }
        self.resume_move(seat);
    }

    pub(super) fn disconnected(&mut self, socket: SocketId) {
        let Some(seat) = self.sockets.remove(&socket) else { return };
        let since = self.now;
        if let Some(page) = self.page(seat) {
            page.contact = Contact::Away { since, noticed: Notice::None };
        }
        self.places_due = true;
    }

    pub(super) fn page_says(&mut self, socket: SocketId, message: ClientMessage) {
        let Some(seat) = self.sockets.get(&socket).copied() else { return };
        match (seat, message) {
            (
                _,
                ClientMessage::Hello { .. }
                | ClientMessage::LegOffer { .. }
                | ClientMessage::Measured { .. }
                | ClientMessage::LegRestart { .. }
                | ClientMessage::Ping { .. },
            ) => {}
            (_, ClientMessage::Chat { client_id, text }) => {
                self.chat(socket, seat, client_id, text);
            }
            (_, ClientMessage::Media(state)) => self.media(seat, state),
            (_, ClientMessage::LegSilent { leg, for_ms }) => self.leg_silent(seat, leg, for_ms),
            (_, ClientMessage::LegSwitched { leg, media }) => self.leg_switched(seat, leg, media),
            (_, ClientMessage::HangUp) => self.hang_up(socket, seat),
            (_, ClientMessage::Stages { call, marks }) => self.stages(seat, call, &marks),
            (_, ClientMessage::Quality(quality)) => self.page_quality(seat, &quality),
            (Seat::Shopper(link), ClientMessage::Join { media }) => self.join(socket, link, media),
            (Seat::Shopper(link), ClientMessage::Leave) => self.leave(link),
            (Seat::Shopper(link), ClientMessage::Satisfaction { call, score, comment }) => {
                self.satisfaction(link, call, score, comment);
            }
            (Seat::Agent(agent), ClientMessage::Presence { state }) => self.wants(agent, state),
            (Seat::Agent(agent), ClientMessage::AutoAccept { on }) => self.auto_accept(agent, on),
            (Seat::Agent(agent), ClientMessage::Accept { offer }) => {
                self.accept(socket, agent, offer);
            }
            (Seat::Agent(agent), ClientMessage::Decline { offer }) => {
                self.decline(socket, agent, offer);
            }
            (Seat::Agent(agent), ClientMessage::WrapUp { call, outcome, note }) => {
                self.wrap_up(socket, agent, call, outcome, note);
            }
            (
                Seat::Shopper(_),
                ClientMessage::Presence { .. }
                | ClientMessage::AutoAccept { .. }
                | ClientMessage::Accept { .. }
                | ClientMessage::Decline { .. }
                | ClientMessage::WrapUp { .. },
            )
            | (
                Seat::Agent(_),
                ClientMessage::Join { .. }
                | ClientMessage::Leave
                | ClientMessage::Satisfaction { .. },
            ) => self.problem(socket, Code::Forbidden, Stage::Hello),
        }
    }

    pub(super) fn page(&mut self, seat: Seat) -> Option<&mut Page> {
        match seat {
            Seat::Shopper(link) => self.shopper(link).map(|shopper| &mut shopper.page),
            Seat::Agent(agent) => self.agent(agent).map(|agent| &mut agent.page),
        }
    }

    /// The active call of a seat, and which side of it the seat is.
    pub(super) fn active_call(&self, seat: Seat) -> Option<(CallId, Role)> {
        match seat {
            Seat::Shopper(link) => match self.shoppers.get(&link)?.phase {
                ShopperPhase::InCall { call } => Some((call, Role::Shopper)),
                _ => None,
            },
            Seat::Agent(agent) => match self.agents.get(&agent)?.duty {
                crate::seat::Duty::InCall { call } => Some((call, Role::Agent)),
                _ => None,
            },
        }
    }

    /// The seat on a side of an active call.
    pub(super) fn seat_of(&self, call: CallId, side: Role) -> Option<Seat> {
        let call = self.calls.get(&call)?;
        Some(match side {
            Role::Shopper => Seat::Shopper(call.link_id()),
            Role::Agent => Seat::Agent(call.active()?.agent),
        })
    }

    pub(super) fn send_seat(&mut self, seat: Seat, message: ServerMessage) {
        match seat {
            Seat::Shopper(link) => self.send_shopper(link, message),
            Seat::Agent(agent) => self.send_agent(agent, message),
        }
    }

    /// Tells the other side of the seat's call whether this side is there.
    pub(super) fn tell_peer(&mut self, seat: Seat, connected: bool) {
        let Some((call, side)) = self.active_call(seat) else { return };
        if let Some(peer) = self.seat_of(call, side.other()) {
            self.send_seat(peer, ServerMessage::Peer { connected });
        }
    }

    /// Where the page of a seat stands.
    fn phase(&self, seat: Seat) -> Phase {
        match seat {
            Seat::Shopper(link) => self.shopper_phase(link),
            Seat::Agent(agent) => self.agent_phase(agent),
        }
    }
}
