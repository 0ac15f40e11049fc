//! Desks, pages, and what is checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use signaling_desk::{
    Desk, Effect, Input, Millis, Seat, SocketId,
    io::Ticket,
    store::{Applied, StoreError, Verb},
    testing::{Mood, Screen, agent, leg_after, link, place, rules},
};
use signaling_wire::{
    browser::{Phase, ServerMessage},
    ids::{AgentId, CallId, LegId, LinkId, OfferId},
};

use super::{
    ledger::Ledger,
    node::{Node, Order},
};

struct Page {
    /// The desk it is connected to, by its term, and its socket there.
    at: Option<(i64, SocketId)>,
    leg: Option<LegId>,
    screen: Screen,
}

/// A desk that believes that it leads.
struct Chair {
    desk: Desk,
    pending: Option<(Ticket, Verb)>,
    mood: Mood,
    /// What the node was told and may have missed, as the shell keeps it.
    told: BTreeMap<CallId, Order>,
}

/// The world.
pub(super) struct World<L> {
    pub(super) context: String,
    pub(super) started: u32,
    pub(super) takeovers: u32,
    ledger: L,
    rng: StdRng,
    /// Messages get lost.
    lossy: bool,
    now: Millis,
    next: u64,
    /// By term; the newest one leads.
    chairs: BTreeMap<i64, Chair>,
    node: Node,
    /// The control link is down: what the node is told is lost.
    node_cut: bool,
    pages: BTreeMap<Seat, Page>,
    /// Who was ever bridged in a call, and whose acceptance was ever stored.
    pairs: BTreeMap<CallId, [Seat; 2]>,
    accepted: BTreeMap<CallId, OfferId>,
}

impl<L: Ledger> World<L> {
    pub(super) fn new(mut ledger: L, agents: u128, shoppers: u128, rng: StdRng) -> Self {
        let mut pages = BTreeMap::new();
        let agents = (1..=agents).map(|id| Seat::Agent(AgentId::from_bits(id)));
        let shoppers = (1..=shoppers).map(|id| Seat::Shopper(LinkId::from_bits(id)));
        for seat in agents.chain(shoppers) {
            if let Seat::Agent(id) = seat {
                ledger.put_agent(agent(id));
            }
            pages.insert(seat, Page { at: None, leg: None, screen: Screen::first(seat) });
        }
        let mut world = Self {
            context: "at the start".to_owned(),
            started: 0,
            takeovers: 0,
            ledger,
            rng,
            lossy: true,
            now: Millis(1_700_000_000_000),
            next: 0,
            chairs: BTreeMap::new(),
            node: Node::default(),
            node_cut: false,
            pages,
            pairs: BTreeMap::new(),
            accepted: BTreeMap::new(),
        };
        world.take_over();
        world
    }

    fn leader(&self) -> i64 {
        *self.chairs.last_key_value().expect("somebody leads").0
    }

    pub(super) fn step(&mut self) {
        let seats: Vec<Seat> = self.pages.keys().copied().collect();
        let seat = seats[self.rng.random_range(0..seats.len())];
        match self.rng.random_range(0..200) {
            0..=104 => self.act(seat),
            105..=129 => self.come(seat),
            130..=137 => self.lose_socket(seat),
            138..=151 => self.warm(seat),
            152..=171 => {
                let time = self.rng.random_range(0..5_000);
                self.pass(Duration::from_millis(time));
            }
            172..=178 => {
                let mood = Mood::any(&mut self.rng);
                let term = self.anyone();
                self.chair(term).mood = mood;
            }
            179..=186 => {
                let term = self.anyone();
                self.answer(term, true);
                self.settle(term);
            }
            187..=190 => self.node_cut = true,
            191..=193 => self.mend(),
            194..=196 => {
                // Killed, with or without what it was storing. Its pages notice.
                let term = self.leader();
                if self.rng.random() {
                    self.answer(term, true);
                }
                self.end_chair(term);
                self.take_over();
            }
            197 | 198 => {
                // Cut off, or frozen: it goes on believing that it leads.
                self.chair(self.leader()).mood = Mood::Away;
                self.take_over();
            }
            _ => {
                let term = self.anyone();
                if term != self.leader() {
                    // The database is in sight again, and says what has happened.
                    self.chair(term).mood = Mood::Prompt;
                    self.pass(Duration::from_secs(10));
                }
            }
        }
        self.check();
    }

    /// Any desk that believes that it leads.
    fn anyone(&mut self) -> i64 {
        let terms: Vec<i64> = self.chairs.keys().copied().collect();
        terms[self.rng.random_range(0..terms.len())]
    }

    fn chair(&mut self, term: i64) -> &mut Chair {
        self.chairs.get_mut(&term).expect("it is there")
    }

    /// A desk begins, with what the database and the node know.
    fn take_over(&mut self) {
        let term = self.ledger.take_over();
        self.takeovers += 1;
        self.now = self.now + Duration::from_secs(2);
        let rng = StdRng::seed_from_u64(self.rng.random());
        let desk = Desk::restore(rules(), rng, self.now, self.ledger.restore());
        let chair = Chair { desk, pending: None, mood: Mood::Prompt, told: BTreeMap::new() };
        self.chairs.insert(term, chair);
        self.settle(term);
        if !self.node_cut {
            self.hear_node();
        }
    }

    /// The desk that leads says so to the node, which says what it carries.
    fn hear_node(&mut self) {
        let term = self.leader();
        self.node.term = term;
        let (legs, calls) = self.node.carries();
        let warm = legs.clone();
        for call in &calls {
            let order = Order::Bridge(call.call, call.epoch, call.legs());
            self.chair(term).told.entry(call.call).or_insert(order);
        }
        self.input(term, Input::Found { place: place(), legs, calls });
        for leg in warm {
            self.input(term, Input::LegWarm { leg });
        }
    }

    /// The control link is up again: what the node may have missed is said once more.
    fn mend(&mut self) {
        if !std::mem::take(&mut self.node_cut) {
            return;
        }
        self.hear_node();
        let term = self.leader();
        let orders: Vec<Order> = self.chair(term).told.values().copied().collect();
        for order in orders {
            self.order(term, order);
        }
    }

    fn order(&mut self, term: i64, order: Order) {
        match order {
            Order::Bridge(call, ..) | Order::Unbridge(call, _) => {
                self.chair(term).told.insert(call, order);
            }
            Order::Close(_) => {}
        }
        if self.node_cut {
            return;
        }
        for leg in self.node.obey(term, order) {
            self.input(term, Input::LegLost { leg });
        }
        if term == self.node.term
            && let Order::Bridge(call, ..) = order
            && let Some(pair) = self.node.pairs().get(&call)
        {
            assert!(matches!(pair, [Seat::Shopper(_), Seat::Agent(_)]), "{}", self.context);
            let known = self.pairs.entry(call).or_insert(*pair);
            assert_eq!(known, pair, "{}: {call} changed its people", self.context);
        }
    }

    /// The process is gone: its pages lose their sockets.
    fn end_chair(&mut self, term: i64) {
        self.chairs.remove(&term);
        for page in self.pages.values_mut() {
            page.at = page.at.filter(|(at, _)| *at != term);
        }
    }

    fn come(&mut self, seat: Seat) {
        // Most find the instance that leads; some are still sent to one that believes it does.
        let term = if self.rng.random_bool(0.85) { self.leader() } else { self.anyone() };
        self.come_to(seat, term);
    }

    fn come_to(&mut self, seat: Seat, term: i64) {
        self.lose_socket(seat);
        self.next += 1;
        let socket = SocketId(self.next);
        let keeps = self.rng.random_bool(0.7);
        let page = self.pages.get_mut(&seat).expect("a page");
        page.at = Some((term, socket));
        page.leg = page.leg.filter(|_| keeps);
        let leg = page.leg;
        let input = match seat {
            Seat::Shopper(jti) => {
                Input::ShopperConnected { socket, link: Box::new(link(jti)), leg }
            }
            Seat::Agent(id) => Input::AgentConnected { socket, agent: agent(id), leg },
        };
        self.input(term, input);
    }

    fn lose_socket(&mut self, seat: Seat) {
        let page = self.pages.get_mut(&seat).expect("a page");
        if let Some((term, socket)) = page.at.take()
            && self.chairs.contains_key(&term)
        {
            self.input(term, Input::Disconnected { socket });
        }
    }

    /// A leg is opened by the desk that the node obeys, or not at all.
    fn warm(&mut self, seat: Seat) {
        let Some((term, socket)) = self.pages[&seat].at else { return };
        if term != self.node.term || self.node_cut {
            return;
        }
        self.next += 1;
        let leg = LegId::from_bits(self.next.into());
        self.node.legs.insert(leg, seat);
        self.pages.get_mut(&seat).expect("a page").leg = Some(leg);
        self.input(term, Input::LegOpened { socket, leg, place: place() });
        self.input(term, Input::LegWarm { leg });
    }

    /// What the person at this page does next.
    fn act(&mut self, seat: Seat) {
        let Some((term, socket)) = self.pages[&seat].at else { return self.come(seat) };
        let screen = self.pages[&seat].screen;
        let message = screen.wish(seat, &mut self.rng);
        self.screen(seat, screen.after_saying(&message));
        self.input(term, Input::Page { socket, message });
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..100_000 {
            let due = self.chairs.iter().filter_map(|(term, chair)| {
                Some((chair.desk.next_timeout()?, *term)).filter(|(at, _)| *at <= end)
            });
            let Some((at, term)) = due.min() else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            let now = self.now;
            self.chair(term).desk.handle_timeout(now);
            self.settle(term);
        }
        panic!("{}: timers do not come to rest", self.context);
    }

    fn input(&mut self, term: i64, input: Input) {
        let now = self.now;
        if let Some(chair) = self.chairs.get_mut(&term) {
            chair.desk.handle(now, input);
            self.settle(term);
        }
    }

    fn settle(&mut self, term: i64) {
        loop {
            let Some(chair) = self.chairs.get_mut(&term) else { return };
            let Some(effect) = chair.desk.poll_effect() else { return };
            match effect {
                Effect::Admit { socket, phase, .. } => self.admitted(term, socket, phase),
                Effect::Send { socket, message } => self.heard(term, socket, &message),
                Effect::Close { socket, .. } => {
                    for page in self.pages.values_mut() {
                        page.at = page.at.filter(|at| *at != (term, socket));
                    }
                }
                Effect::Bridge { call, epoch, legs } => {
                    self.order(term, Order::Bridge(call, epoch, legs));
                }
                Effect::Unbridge { call, epoch, .. } => {
                    self.order(term, Order::Unbridge(call, epoch));
                }
                Effect::CloseLeg { leg } => self.order(term, Order::Close(leg)),
                Effect::Store { ticket, verb } => {
                    assert!(chair.pending.is_none(), "{}: one verb at a time", self.context);
                    chair.pending = Some((ticket, verb));
                    if chair.mood != Mood::Slow {
                        self.answer(term, false);
                    }
                }
                _ => {}
            }
        }
    }

    /// The database answers this desk; `now` also when it is slow.
    fn answer(&mut self, term: i64, now: bool) {
        let at = self.now;
        let chair = self.chair(term);
        let mood = if now && chair.mood == Mood::Slow { Mood::Prompt } else { chair.mood };
        let Some((ticket, verb)) = chair.pending.take() else { return };
        let result = mood.answer(|| self.apply(term, &verb));
        if result == Err(StoreError::Deposed) {
            assert_ne!(term, self.leader(), "{}: the desk that leads was refused", self.context);
            return self.end_chair(term);
        }
        self.chair(term).desk.handle(at, Input::Stored { ticket, result });
    }

    fn apply(&mut self, term: i64, verb: &Verb) -> Result<Applied, StoreError> {
        let applied = self.ledger.apply(term, verb);
        // A broken uniqueness of the schema would surface as damage.
        let damaged = matches!(applied, Err(StoreError::Damaged(_) | StoreError::Unavailable(_)));
        assert!(!damaged, "{}: {verb:?}: {applied:?}", self.context);
        if let (Ok(Applied::Done), Verb::Accept { call, offer, .. }) = (&applied, verb) {
            let first = *self.accepted.entry(*call).or_insert(*offer);
            assert_eq!(first, *offer, "{}: {call} was accepted twice", self.context);
        }
        applied
    }

    fn seat_at(&self, term: i64, socket: SocketId) -> Option<Seat> {
        let found = self.pages.iter().find(|(_, page)| page.at == Some((term, socket)));
        found.map(|(seat, _)| *seat)
    }

    fn admitted(&mut self, term: i64, socket: SocketId, phase: Phase) {
        let Some(seat) = self.seat_at(term, socket) else { return };
        self.screen(seat, Screen::of(&phase));
    }

    fn heard(&mut self, term: i64, socket: SocketId, message: &ServerMessage) {
        let Some(seat) = self.seat_at(term, socket) else { return };
        if self.lossy && self.rng.random_bool(0.01) {
            // The line breaks, and what was on it is lost. The desk hears of it later, if ever.
            self.pages.get_mut(&seat).expect("a page").at = None;
            return;
        }
        let page = self.pages.get_mut(&seat).expect("a page");
        page.screen = page.screen.after_hearing(message);
        page.leg = leg_after(page.leg, message);
    }

    fn screen(&mut self, seat: Seat, screen: Screen) {
        self.pages.get_mut(&seat).expect("a page").screen = screen;
    }

    fn check(&mut self) {
        let leader = self.leader();
        let counters = self.chair(leader).desk.counters();
        assert_eq!(counters.refused, 0, "{}: the desk was wrong", self.context);
        assert_eq!(counters.lost, 0, "{}", self.context);
        // While the node is out of reach it may not have heard of an end.
        if !self.node_cut && self.node.term == leader {
            let mut seats = BTreeSet::new();
            for (call, pair) in self.node.pairs() {
                for seat in pair {
                    let alone = seats.insert(seat);
                    assert!(alone, "{}: {seat:?} is in {call} and another", self.context);
                }
            }
        }
        // What the desk that leads shows: one shopper and one agent in a call.
        let mut shown: BTreeSet<(CallId, bool)> = BTreeSet::new();
        for (seat, page) in &self.pages {
            if let (Some((term, _)), Screen::InCall(call)) = (page.at, page.screen)
                && term == leader
            {
                let alone = shown.insert((call, matches!(seat, Seat::Agent(_))));
                assert!(alone, "{}: two of one side in {call}", self.context);
            }
        }
    }

    /// Everything works again: one desk, which whoever waits comes back to and is served by.
    pub(super) fn wind_down(&mut self) {
        self.lossy = false;
        let leader = self.leader();
        let former: Vec<i64> = self.chairs.keys().copied().filter(|term| *term != leader).collect();
        former.into_iter().for_each(|term| self.end_chair(term));
        self.chair(leader).mood = Mood::Prompt;
        self.answer(leader, true);
        self.settle(leader);
        self.mend();
        self.pass(Duration::from_secs(10));
        let seats: Vec<Seat> = self.pages.keys().copied().collect();
        let mut waited: BTreeSet<Seat> = BTreeSet::new();
        for seat in &seats {
            let before = self.pages[seat].screen;
            while self.pages[seat].at.is_none_or(|(term, _)| term != leader) {
                self.come_to(*seat, leader);
            }
            let now = self.pages[seat].screen;
            if now == Screen::Queued {
                waited.insert(*seat);
            }
            // Who knew that they were in the queue, or in a call that was stored, is not thrown
            // out of it: at most it went on without them.
            let forgotten = before == Screen::Queued && now == Screen::Lobby;
            let known = self.ledger.restore();
            let open = known.calls.iter().any(|call| Seat::Shopper(call.link.jti) == *seat);
            assert!(!(forgotten && open), "{}: {seat:?} was forgotten", self.context);
        }
        for _ in 0..80 {
            for seat in &seats {
                if self.pages[seat].at.is_none_or(|(term, _)| term != leader) {
                    self.come_to(*seat, leader);
                }
                let Some((term, socket)) = self.pages[seat].at else { continue };
                let screen = self.pages[seat].screen;
                if matches!(screen, Screen::InCall(_)) {
                    waited.remove(seat);
                }
                let Some(message) = screen.brief_wish(*seat) else { continue };
                self.input(term, Input::Page { socket, message });
            }
            self.pass(Duration::from_secs(5));
            self.check();
        }
        assert!(waited.is_empty(), "{}: {waited:?} waited in vain", self.context);
        for seat in seats {
            self.lose_socket(seat);
        }
        self.pass(Duration::from_secs(3_600));
        self.check();
        let left = self.chair(leader).desk.counters();
        let left = (left.waiting, left.active, left.shoppers, left.backlog);
        assert_eq!(left, (0, 0, 0, 0), "{}", self.context);
        assert_eq!(self.ledger.restore().calls, [], "{}", self.context);
        assert_eq!(self.node.pairs(), BTreeMap::new(), "{}: still bridged", self.context);
        self.started = u32::try_from(self.accepted.len()).expect("few");
    }
}
