//! The state machine. This file takes inputs in and settles what follows from them; the rest is
//! by subject:
//!
//! * `pages`: sockets come and go · `shopper`, `agent`: what a page may ask for
//! * `queue`: offers, places in the queue · `calls`: from the accept to the end · `legs` ·
//!   `moves`, `draining`: calls leave a node that is lost or drains · `network`: what the sides' networks do to a call
//! * `storing`: the store's answers · `timeouts` · `restore`: carrying on after a restart · `found`:
//!   with the legs that are still there

mod agent;
mod calls;
mod draining;
mod found;
mod legs;
mod moves;
mod network;
mod pages;
mod queue;
mod restore;
mod shopper;
mod storing;
mod timeouts;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::rngs::StdRng;
use signaling_wire::{
    browser::{ServerMessage, WantedPresence},
    ids::{AgentId, CallId, LegId, LinkId, NodeId},
    problem::{Code, Problem, Stage},
};

use self::found::Unclaimed;
use crate::{
    Effect, Input, Millis, NodeHealth, Rules, Seat, SocketId,
    call::{Call, CallState, Rank},
    desk::legs::Home,
    history::History,
    outbox::Outbox,
    seat::{Agent, Shopper},
    store::Verb,
    timers::{Timer, Timers},
};

/// Pairs shoppers with agents. See the crate's documentation.
pub struct Desk {
    rules: Rules,
    rng: StdRng,
    now: Millis,
    shoppers: BTreeMap<LinkId, Shopper>,
    agents: BTreeMap<AgentId, Agent>,
    calls: BTreeMap<CallId, Call>,
    /// Calls that wait or ring, in the order they are served.
    queue: BTreeMap<Rank, CallId>,
    arrivals: u64,
    sockets: BTreeMap<SocketId, Seat>,
    legs: BTreeMap<LegId, Home>,
    /// Nodes that are not well.
    unwell: BTreeMap<NodeId, NodeHealth>,
    /// Legs closed while their node was out of reach, and when: it is told when it is back.
    fenced: BTreeMap<LegId, Millis>,
    /// Legs on nodes that no page has claimed since this desk took over.
    unclaimed: BTreeMap<LegId, Unclaimed>,
    /// What agents wanted to be before a restart.
    wanted_before: BTreeMap<AgentId, WantedPresence>,
    history: History,
    outbox: Outbox,
    timers: Timers,
    /// Seats and calls whose timers may have moved.
    touched: BTreeSet<Timer>,
    /// Someone may be paired now who could not before.
    match_due: bool,
    /// The queue or the agents have changed since the last round of places.
    places_due: bool,
    places_at: Millis,
    stopping: bool,
    counters: Counters,
    effects: VecDeque<Effect>,
}

/// What the desk has counted, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Shoppers in the queue now.
    pub waiting: usize,
    /// Calls active now.
    pub active: usize,
    /// Agents with a page open now.
    pub agents: usize,
    /// Shoppers with a seat now.
    pub shoppers: usize,
    /// Calls accepted so far.
    pub started: u64,
    /// Calls ended so far after they were accepted.
    pub ended: u64,
    /// Calls that ended before anybody accepted.
    pub abandoned: u64,
    /// Verbs that wait for the store.
    pub backlog: usize,
    /// Verbs given up: dropped from a full backlog, or nothing the store could read.
    pub lost: u64,
    /// Changes that the store refused although the desk was sure of them.
    pub refused: u64,
}

impl Desk {
    /// An empty desk.
    pub fn new(rules: Rules, rng: StdRng) -> Self {
        Self {
            rules,
            rng,
            now: Millis(0),
            shoppers: BTreeMap::new(),
            agents: BTreeMap::new(),
            calls: BTreeMap::new(),
            queue: BTreeMap::new(),
            arrivals: 0,
            sockets: BTreeMap::new(),
            legs: BTreeMap::new(),
            unwell: BTreeMap::new(),
            fenced: BTreeMap::new(),
            unclaimed: BTreeMap::new(),
            wanted_before: BTreeMap::new(),
            history: History::default(),
            outbox: Outbox::default(),
            timers: Timers::default(),
            touched: BTreeSet::new(),
            match_due: false,
            places_due: false,
            places_at: Millis(0),
            stopping: false,
            counters: Counters::default(),
            effects: VecDeque::new(),
        }
    }

    /// Takes in one input; then drain [`Desk::poll_effect`].
    pub fn handle(&mut self, now: Millis, input: Input) {
        self.at(now);
        match input {
            Input::Stored { ticket, result } => self.stored(ticket, result),
            _ if self.stopping => {}
            Input::ShopperConnected { socket, link, leg } => {
                self.shopper_connected(socket, link, leg);
            }
            Input::AgentConnected { socket, agent, leg } => {
                self.agent_connected(socket, agent, leg)
            }
            Input::Disconnected { socket } => self.disconnected(socket),
            Input::Page { socket, message } => self.page_says(socket, message),
            Input::LegOpened { socket, leg, place } => self.leg_opened(socket, leg, place),
            Input::LegPlaced { leg, place } => self.leg_placed(leg, place),
            Input::NodeHealth { node, health } => self.node_health(node, health),
            Input::LegWarm { leg } => self.leg_warm(leg),
            Input::LegLost { leg } => self.leg_lost(leg),
            Input::Found { place, legs, calls } => self.found(&place, legs, &calls),
            Input::CallEvent { call, epoch, leg, event, at_us } => {
                self.call_event(call, epoch, leg, event, at_us);
            }
            Input::LegVideo { leg, call, epoch, paused } => {
                self.leg_video(leg, call, epoch, paused)
            }
            Input::LegRoom { leg, call, epoch, up_to_kbps } => {
                self.leg_room(leg, call, epoch, up_to_kbps)
            }
            Input::LegQuality { leg, call, quality } => self.leg_quality(leg, call, &quality),
            Input::EndCall { call } => self.end_by_operator(call),
            Input::SignOut { agent } => self.sign_out(agent),
            Input::Shutdown => self.shut_down(),
        }
        self.settle();
    }

    /// To be called at (or after) [`Desk::next_timeout`].
    pub fn handle_timeout(&mut self, now: Millis) {
        self.at(now);
        while let Some(timer) = self.timers.pop(self.now) {
            self.due(timer);
            self.touched.insert(timer);
        }
        self.settle();
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Desk::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Millis> {
        self.timers.next()
    }

    /// After [`Input::Shutdown`]: nothing is left to be stored.
    pub fn is_drained(&self) -> bool {
        self.stopping && self.outbox.is_empty()
    }

    /// What the desk has counted.
    pub fn counters(&self) -> Counters {
        Counters {
            waiting: self.queue.len(),
            agents: self.agents.values().filter(|a| a.page.contact.socket().is_some()).count(),
            shoppers: self.shoppers.len(),
            backlog: self.outbox.len(),
            lost: self.outbox.lost(),
            refused: self.outbox.refused(),
            ..self.counters
        }
    }

    /// Time never goes back, even when the clock does.
    fn at(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }

    /// What follows from an input: pairs, places, what to store next, timers.
    fn settle(&mut self) {
        if self.stopping {
            self.store_next();
            self.timers.set(Timer::Outbox, self.outbox.retry_at());
            return;
        }
        if std::mem::take(&mut self.match_due) {
            self.pair();
        }
        self.show_places();
        self.store_next();
        for timer in std::mem::take(&mut self.touched) {
            let deadline = self.deadline(timer);
            self.timers.set(timer, deadline);
        }
        self.timers.set(Timer::Outbox, self.outbox.retry_at());
    }

    fn shopper(&mut self, link: LinkId) -> Option<&mut Shopper> {
        self.touched.insert(Timer::Shopper(link));
        self.shoppers.get_mut(&link)
    }

    fn agent(&mut self, agent: AgentId) -> Option<&mut Agent> {
        self.touched.insert(Timer::Agent(agent));
        self.agents.get_mut(&agent)
    }

    fn call(&mut self, call: CallId) -> Option<&mut Call> {
        self.touched.insert(Timer::Call(call));
        self.calls.get_mut(&call)
    }

    fn store(&mut self, verb: Verb) {
        self.outbox.push(verb);
    }

    fn send(&mut self, socket: Option<SocketId>, message: ServerMessage) {
        if let Some(socket) = socket {
            self.effects.push_back(Effect::Send { socket, message });
        }
    }

    fn send_shopper(&mut self, link: LinkId, message: ServerMessage) {
        let socket = self.shoppers.get(&link).and_then(|shopper| shopper.page.contact.socket());
        self.send(socket, message);
    }

    fn send_agent(&mut self, agent: AgentId, message: ServerMessage) {
        let socket = self.agents.get(&agent).and_then(|agent| agent.page.contact.socket());
        self.send(socket, message);
    }

    fn problem(&mut self, socket: SocketId, code: Code, stage: Stage) {
        let problem = Problem::new(code, stage);
        let problem = match code {
            Code::Unavailable => problem.retry_after(5),
            Code::QueueUnavailable => problem.retry_after(60),
            _ => problem,
        };
        self.send(Some(socket), ServerMessage::Problem(problem));
    }

    /// Tells pages to come back later. Offers end, so that nobody is reserved for a desk that is
    /// gone; calls stay as they are in the store, for the next desk to take over.
    fn shut_down(&mut self) {
        for (socket, _) in std::mem::take(&mut self.sockets) {
            let reason = signaling_wire::browser::ByeReason::Restarting;
            self.effects.push_back(Effect::Close { socket, reason });
        }
        let offers: Vec<_> =
            self.calls.values().filter_map(|call| Some((call.id, call.offered()?.offer))).collect();
        for (call, offer) in offers {
            let result = crate::record::OfferResult::Withdrawn;
            self.outbox.push_unsure(Verb::Release { call, offer, result, at: self.now });
        }
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for call in ids {
            if matches!(self.calls.get(&call).map(|call| &call.state), Some(CallState::Active(_))) {
                self.store_quality(call);
            }
        }
        self.store(Verb::Alive { at: self.now });
        self.timers = Timers::default();
        self.stopping = true;
    }
}
