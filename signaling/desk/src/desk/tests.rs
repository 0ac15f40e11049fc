//! Behaviour of the desk, seen from its inputs and effects.

mod agents;
mod calls;
mod moves;
mod network;
mod queue;
mod restart;
mod storing;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng};
use signaling_wire::{
    browser::{
        ByeReason, CallView, ClientMessage, MediaChoice, Offer, Phase, QueuePlace, ServerMessage,
        WantedPresence,
    },
    claims::{Context, LinkClaims},
    ids::{AgentId, CallId, LegId, LinkId, NodeId},
    problem::Code,
};

use super::Desk;
use crate::{
    Effect, Input, Millis, Rules, SocketId,
    io::Ticket,
    placement::LegPlace,
    store::{AgentProfile, Applied, Refusal, Restored, StoreError, Verb},
    testing::{self, name, place},
};

/// How the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreIs {
    Fine,
    Away,
    Refusing(Refusal),
    /// Verbs wait in [`World::asked`] until the test answers.
    Slow,
}

/// A desk with its surroundings: a clock, a store that agrees, pages that listen.
struct World {
    desk: Desk,
    now: Millis,
    store: StoreIs,
    asked: VecDeque<(Ticket, Verb)>,
    stored: Vec<Verb>,
    inbox: BTreeMap<SocketId, Vec<ServerMessage>>,
    welcomed: BTreeMap<SocketId, (Phase, bool)>,
    closed: BTreeMap<SocketId, ByeReason>,
    /// Everything for the nodes, in order.
    media: Vec<Effect>,
    sockets: u64,
    legs: u128,
}

fn link(id: u128) -> LinkClaims {
    LinkClaims {
        max_uses: 1,
        context: Context { name: Some(name("Mali")), ..Context::default() },
        ..testing::link(LinkId::from_bits(id))
    }
}

fn speaking(id: u128, language: &str) -> LinkClaims {
    let mut link = link(id);
    link.context.language = Some(name(language));
    link
}

fn agent(id: u128, languages: &[&str], skills: &[&str]) -> AgentProfile {
    AgentProfile {
        id: AgentId::from_bits(id),
        name: name(&format!("Agent {id}")),
        languages: languages.iter().copied().map(name).collect(),
        skills: skills.iter().copied().map(name).collect(),
    }
}

impl World {
    fn new() -> Self {
        Self::with(Desk::new(Rules::default(), StdRng::seed_from_u64(7)))
    }

    fn restored(restored: Restored, now: Millis) -> Self {
        let rng = StdRng::seed_from_u64(8);
        let mut world = Self::with(Desk::restore(Rules::default(), rng, now, restored));
        world.now = now;
        world.settle();
        world
    }

    fn with(desk: Desk) -> Self {
        Self {
            desk,
            now: Millis(1_700_000_000_000),
            store: StoreIs::Fine,
            asked: VecDeque::new(),
            stored: Vec::new(),
            inbox: BTreeMap::new(),
            welcomed: BTreeMap::new(),
            closed: BTreeMap::new(),
            media: Vec::new(),
            sockets: 0,
            legs: 0,
        }
    }

    fn input(&mut self, input: Input) {
        self.desk.handle(self.now, input);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(effect) = self.desk.poll_effect() {
            match effect {
                Effect::Admit { socket, phase, leg_alive, .. } => {
                    self.welcomed.insert(socket, (phase, leg_alive));
                }
                Effect::Send { socket, message } => {
                    self.inbox.entry(socket).or_default().push(message);
                }
                Effect::Close { socket, reason } => {
                    self.closed.insert(socket, reason);
                }
                Effect::Store { ticket, verb } => {
                    assert!(self.asked.is_empty(), "one verb at a time");
                    self.asked.push_back((ticket, verb));
                    self.answer();
                }
                media => self.media.push(media),
            }
        }
    }

    fn answer(&mut self) {
        let result = match self.store {
            StoreIs::Slow => return,
            StoreIs::Fine => Ok(Applied::Done),
            StoreIs::Refusing(refusal) => Ok(Applied::Refused(refusal)),
            StoreIs::Away => Err(StoreError::Unavailable("away".to_owned())),
        };
        self.answer_with(result);
    }

    fn answer_with(&mut self, result: Result<Applied, StoreError>) {
        let (ticket, verb) = self.asked.pop_front().unwrap();
        if result == Ok(Applied::Done) {
            self.stored.push(verb);
        }
        self.desk.handle(self.now, Input::Stored { ticket, result });
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(at) = self.desk.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.desk.handle_timeout(self.now);
            self.settle();
            steps += 1;
            assert!(steps < 10_000, "timers do not come to rest");
        }
        self.now = end;
    }

    fn pass_s(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    fn socket(&mut self) -> SocketId {
        self.sockets += 1;
        SocketId(self.sockets)
    }

    fn shopper(&mut self, link: LinkClaims) -> SocketId {
        self.shopper_with_leg(link, None)
    }

    fn shopper_with_leg(&mut self, link: LinkClaims, leg: Option<LegId>) -> SocketId {
        let socket = self.socket();
        self.input(Input::ShopperConnected { socket, link: Box::new(link), leg });
        socket
    }

    fn agent(&mut self, agent: AgentProfile) -> SocketId {
        self.agent_with_leg(agent, None)
    }

    fn agent_with_leg(&mut self, agent: AgentProfile, leg: Option<LegId>) -> SocketId {
        let socket = self.socket();
        self.input(Input::AgentConnected { socket, agent, leg });
        socket
    }

    fn available(&mut self, profile: AgentProfile) -> SocketId {
        let socket = self.agent(profile);
        self.says(socket, ClientMessage::Presence { state: WantedPresence::Available });
        socket
    }

    fn joined(&mut self, link: LinkClaims) -> SocketId {
        let socket = self.shopper(link);
        self.says(socket, ClientMessage::Join { media: MediaChoice::Video });
        socket
    }

    fn says(&mut self, socket: SocketId, message: ClientMessage) {
        self.input(Input::Page { socket, message });
    }

    fn drop_socket(&mut self, socket: SocketId) {
        self.input(Input::Disconnected { socket });
    }

    /// Opens and warms a leg on the socket's seat.
    fn warm(&mut self, socket: SocketId) -> LegId {
        self.warm_on(socket, NodeId::from_bits(1))
    }

    /// The same on this node.
    fn warm_on(&mut self, socket: SocketId, node: NodeId) -> LegId {
        self.legs += 1;
        let leg = LegId::from_bits(self.legs);
        self.input(Input::LegOpened { socket, leg, place: LegPlace { node, ..place() } });
        self.input(Input::LegWarm { leg });
        leg
    }

    /// What the socket heard since it was last asked.
    fn heard(&mut self, socket: SocketId) -> Vec<ServerMessage> {
        self.inbox.remove(&socket).unwrap_or_default()
    }

    fn ring(&mut self, socket: SocketId) -> Option<Offer> {
        self.heard(socket).into_iter().find_map(|message| match message {
            ServerMessage::Offer(offer) => Some(*offer),
            _ => None,
        })
    }

    fn place(&mut self, socket: SocketId) -> Option<QueuePlace> {
        self.heard(socket).into_iter().rev().find_map(|message| match message {
            ServerMessage::Queue(place) => Some(place),
            _ => None,
        })
    }

    fn started(&mut self, socket: SocketId) -> Option<CallView> {
        self.heard(socket).into_iter().rev().find_map(|message| match message {
            ServerMessage::CallStarted(view) => Some(view),
            _ => None,
        })
    }

    fn problem(&mut self, socket: SocketId) -> Option<Code> {
        self.heard(socket).into_iter().find_map(|message| match message {
            ServerMessage::Problem(problem) => Some(problem.code),
            _ => None,
        })
    }

    /// A running call with warm legs on both sides.
    fn call(&mut self) -> Talk {
        let agent_socket = self.available(agent(1, &[], &[]));
        self.warm(agent_socket);
        let shopper = self.shopper(link(1));
        self.warm(shopper);
        self.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
        let offer = self.ring(agent_socket).unwrap();
        self.says(agent_socket, ClientMessage::Accept { offer: offer.offer });
        self.heard(shopper);
        self.heard(agent_socket);
        Talk { call: offer.call, shopper, agent: agent_socket }
    }

    fn ends(&self) -> Vec<&Verb> {
        self.stored.iter().filter(|verb| matches!(verb, Verb::End { .. })).collect()
    }
}

/// A running call.
struct Talk {
    call: CallId,
    shopper: SocketId,
    agent: SocketId,
}
