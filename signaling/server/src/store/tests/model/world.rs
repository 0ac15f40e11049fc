//! The desk's surroundings, and what they check.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use signaling_desk::{
    Desk, Effect, Input, Millis, Seat, SocketId,
    io::Ticket,
    store::{Applied, Verb},
    testing::{Mood, Screen, agent, leg_after, link, place, rules},
};
use signaling_wire::{
    browser::ServerMessage,
    ids::{AgentId, CallId, LegId, LinkId},
};

use crate::store::sqlite::file::Database;

#[derive(Debug)]
struct Page {
    socket: Option<SocketId>,
    leg: Option<LegId>,
    screen: Screen,
    /// Here without a break since.
    since: Millis,
}

pub(super) struct World {
    pub(super) context: String,
    database: Database,
    desk: Desk,
    desks: u64,
    now: Millis,
    mood: Mood,
    pending: VecDeque<(Ticket, Verb)>,
    pages: BTreeMap<Seat, Page>,
    sockets: BTreeMap<SocketId, Seat>,
    next: u64,
    /// Who was bridged in a call, by the seats of the legs.
    bridged: BTreeMap<CallId, [LegId; 2]>,
    /// The newest epoch each call's node has seen; it outlives the desk.
    epochs: BTreeMap<CallId, u32>,
    legs: BTreeMap<LegId, Seat>,
    pairs: BTreeMap<CallId, [Seat; 2]>,
    /// Calls in the queue: since when, and whether they were ever claimed.
    waiting: BTreeMap<CallId, (Millis, LinkId)>,
    ended: BTreeSet<(CallId, Seat)>,
}

impl World {
    pub(super) fn new(seed: u64, agents: u128, shoppers: u128) -> Self {
        let mut database = Database::in_memory().unwrap();
        let mut pages = BTreeMap::new();
        let agents = (1..=agents).map(|id| Seat::Agent(AgentId::from_bits(id)));
        let shoppers = (1..=shoppers).map(|id| Seat::Shopper(LinkId::from_bits(id)));
        for seat in agents.chain(shoppers) {
            if let Seat::Agent(id) = seat {
                database.put_agent(&agent(id)).unwrap();
            }
            let screen = Screen::first(seat);
            pages.insert(seat, Page { socket: None, leg: None, screen, since: Millis(0) });
        }
        Self {
            context: String::new(),
            database,
            desk: Desk::new(rules(), StdRng::seed_from_u64(seed)),
            desks: seed * 1_000,
            now: Millis(1_700_000_000_000),
            mood: Mood::Prompt,
            pending: VecDeque::new(),
            pages,
            sockets: BTreeMap::new(),
            next: 0,
            bridged: BTreeMap::new(),
            epochs: BTreeMap::new(),
            legs: BTreeMap::new(),
            pairs: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ended: BTreeSet::new(),
        }
    }

    pub(super) fn step(&mut self, rng: &mut StdRng) {
        let seats: Vec<Seat> = self.pages.keys().copied().collect();
        let seat = seats[rng.random_range(0..seats.len())];
        match rng.random_range(0..200) {
            0..=109 => self.act(seat, rng),
            110..=134 => self.come(seat, rng.random()),
            135..=143 => self.go(seat),
            144..=156 => self.warm(seat),
            157..=159 => {
                if let Some(leg) = self.pages[&seat].leg {
                    self.input(Input::LegLost { leg });
                }
            }
            160..=183 => self.pass(Duration::from_millis(rng.random_range(0..6_000))),
            184..=190 => self.mood = Mood::any(rng),
            191..=197 => {
                self.answer_one(rng.random());
                self.settle();
            }
            198 => self.crash(rng.random()),
            _ => self.pass(Duration::from_secs(100)),
        }
        self.check();
    }

    /// What the person at this page does next.
    fn act(&mut self, seat: Seat, rng: &mut StdRng) {
        let Some(socket) = self.pages[&seat].socket else { return self.come(seat, true) };
        let screen = self.pages[&seat].screen;
        let message = screen.wish(seat, rng);
        self.screen(seat, screen.after_saying(&message));
        self.input(Input::Page { socket, message });
    }

    fn come(&mut self, seat: Seat, keeps_leg: bool) {
        self.next += 1;
        let socket = SocketId(self.next);
        let page = self.pages.get_mut(&seat).unwrap();
        if let Some(before) = page.socket.replace(socket) {
            self.sockets.remove(&before);
        }
        page.since = self.now;
        let leg = page.leg.filter(|_| keeps_leg);
        page.leg = leg;
        self.sockets.insert(socket, seat);
        let input = match seat {
            Seat::Shopper(jti) => {
                Input::ShopperConnected { socket, link: Box::new(link(jti)), leg }
            }
            Seat::Agent(id) => {
                let agent = self.database.agent(id).unwrap().unwrap();
                Input::AgentConnected { socket, agent, leg }
            }
        };
        self.input(input);
    }

    fn go(&mut self, seat: Seat) {
        if let Some(socket) = self.pages.get_mut(&seat).unwrap().socket.take() {
            self.sockets.remove(&socket);
            self.input(Input::Disconnected { socket });
        }
    }

    fn warm(&mut self, seat: Seat) {
        let Some(socket) = self.pages[&seat].socket else { return };
        self.next += 1;
        let leg = LegId::from_bits(self.next.into());
        self.legs.insert(leg, seat);
        self.pages.get_mut(&seat).unwrap().leg = Some(leg);
        self.input(Input::LegOpened { socket, leg, place: place() });
        self.input(Input::LegWarm { leg });
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..100_000 {
            let Some(at) = self.desk.next_timeout().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            self.desk.handle_timeout(self.now);
            self.settle();
        }
        panic!("{}: timers do not come to rest", self.context);
    }

    /// The process dies, with or without the verb that was under way.
    fn crash(&mut self, stored: bool) {
        if let Some((_, verb)) = self.pending.pop_front()
            && stored
        {
            let _ = self.database.apply(&verb).unwrap();
        }
        self.pending.clear();
        self.sockets.clear();
        self.bridged.clear();
        self.waiting.clear();
        // An end that was not stored yet has not happened for the next desk.
        self.ended.clear();
        for page in self.pages.values_mut() {
            page.socket = None;
            page.leg = None;
        }
        self.now = self.now + Duration::from_secs(2);
        self.desks += 1;
        let restored = self.database.restore().unwrap();
        for open in &restored.calls {
            if open.state == signaling_desk::store::OpenState::Waiting {
                self.waiting.insert(open.call, (self.now, open.link.jti));
            }
        }
        let rng = StdRng::seed_from_u64(self.desks);
        self.desk = Desk::restore(rules(), rng, self.now, restored);
        self.settle();
    }

    fn input(&mut self, input: Input) {
        self.desk.handle(self.now, input);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(effect) = self.desk.poll_effect() {
            match effect {
                Effect::Admit { socket, seat, phase, .. } => {
                    assert_eq!(self.sockets.get(&socket), Some(&seat), "{}", self.context);
                    self.screen(seat, Screen::of(&phase));
                }
                Effect::Send { socket, message } => self.heard(socket, message),
                Effect::Close { socket, .. } => {
                    self.sockets.remove(&socket);
                }
                Effect::Bridge { call, epoch, legs } => {
                    let before = self.epochs.insert(call, epoch);
                    assert!(before < Some(epoch), "{}: {call} bridged backwards", self.context);
                    self.bridge(call, legs);
                }
                Effect::Unbridge { call, legs, .. } => {
                    assert_eq!(self.bridged.remove(&call), Some(legs), "{}", self.context);
                }
                Effect::CloseLeg { .. } | Effect::Evade { .. } | Effect::Moved { .. } => {}
                Effect::Store { ticket, verb } => {
                    self.check_order(&verb);
                    self.pending.push_back((ticket, verb));
                    assert_eq!(self.pending.len(), 1, "{}: one verb at a time", self.context);
                    if self.mood != Mood::Slow {
                        self.answer_one(true);
                    }
                }
            }
        }
    }

    fn answer_one(&mut self, prompt: bool) {
        let mood = if prompt && self.mood == Mood::Slow { Mood::Prompt } else { self.mood };
        let Some((ticket, verb)) = self.pending.pop_front() else { return };
        let result = mood.answer(|| Ok(self.apply(&verb)));
        if result == Ok(Applied::Done) {
            self.note_stored(&verb);
        }
        self.desk.handle(self.now, Input::Stored { ticket, result });
    }

    fn apply(&mut self, verb: &Verb) -> Applied {
        // A broken uniqueness of the schema would surface here as an error.
        let applied = self.database.apply(verb);
        applied.unwrap_or_else(|error| panic!("{}: {verb:?}: {error}", self.context))
    }

    fn note_stored(&mut self, verb: &Verb) {
        match verb {
            Verb::Enqueue { call, link, .. } => {
                self.waiting.insert(*call, (self.now, link.jti));
            }
            Verb::Claim { call, .. } | Verb::End { call, .. } => {
                self.waiting.remove(call);
            }
            _ => {}
        }
    }

    /// First come, first served: all shoppers here need the same. Whom no agent was reserved for
    /// yet, and who was there the whole time, is not overtaken. A reservation that comes to nothing
    /// before the store has heard of it shows in its release.
    fn check_order(&mut self, verb: &Verb) {
        if let Verb::Release { call, .. } = verb {
            self.waiting.remove(call);
        }
        let Verb::Claim { call, at, .. } = verb else { return };
        let Some((since, _)) = self.waiting.get(call) else { return };
        for (other, (before, link)) in &self.waiting {
            let page = &self.pages[&Seat::Shopper(*link)];
            let there = page.socket.is_some() && page.since < *before;
            assert!(
                !there || before >= since || *before >= *at,
                "{}: {call} was served before {other}",
                self.context
            );
        }
    }

    fn screen(&mut self, seat: Seat, screen: Screen) {
        self.pages.get_mut(&seat).unwrap().screen = screen;
    }

    fn heard(&mut self, socket: SocketId, message: ServerMessage) {
        let Some(seat) = self.sockets.get(&socket).copied() else {
            panic!("{}: {message:?} to a socket that is gone", self.context)
        };
        if let ServerMessage::CallEnded { call, .. } = message {
            assert!(self.ended.insert((call, seat)), "{}: {call} ended twice", self.context);
        }
        let page = self.pages.get_mut(&seat).unwrap();
        page.screen = page.screen.after_hearing(&message);
        page.leg = leg_after(page.leg, &message);
    }

    fn bridge(&mut self, call: CallId, legs: [LegId; 2]) {
        let seats = legs.map(|leg| self.legs[&leg]);
        assert!(matches!(seats, [Seat::Shopper(_), Seat::Agent(_)]), "{}", self.context);
        let known = self.pairs.entry(call).or_insert(seats);
        assert_eq!(*known, seats, "{}: {call} changed its people", self.context);
        self.bridged.insert(call, legs);
        let mut all: Vec<_> = self.bridged.values().flatten().map(|leg| self.legs[leg]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 2 * self.bridged.len(), "{}: someone is in two calls", self.context);
    }

    fn check(&mut self) {
        let counters = self.desk.counters();
        assert_eq!(counters.refused, 0, "{}: the desk was wrong", self.context);
        assert_eq!(counters.lost, 0, "{}", self.context);
        assert!(counters.shoppers <= self.pages.len() && counters.active <= self.pages.len());
    }

    /// Everything works again: whoever waits is served, every call ends once, nothing stays in
    /// memory. Gives back how many calls were started.
    pub(super) fn wind_down(&mut self) -> u64 {
        self.mood = Mood::Prompt;
        self.answer_one(true);
        self.settle();
        self.pass(Duration::from_secs(10));
        let seats: Vec<Seat> = self.pages.keys().copied().collect();
        for seat in &seats {
            self.come(*seat, false);
        }
        let mut waited: BTreeSet<Seat> = seats
            .iter()
            .copied()
            .filter(|seat| self.pages[seat].screen == Screen::Queued)
            .collect();
        for _ in 0..60 {
            for seat in &seats {
                let socket = self.pages[seat].socket.unwrap();
                let screen = self.pages[seat].screen;
                if matches!(screen, Screen::InCall(_)) {
                    waited.remove(seat);
                }
                let Some(message) = screen.brief_wish(*seat) else { continue };
                self.input(Input::Page { socket, message });
            }
            self.pass(Duration::from_secs(5));
        }
        assert!(waited.is_empty(), "{}: {waited:?} waited in vain", self.context);
        for seat in seats {
            self.go(seat);
        }
        self.pass(Duration::from_secs(3_600));
        self.check();
        let left = self.desk.counters();
        assert_eq!(
            (left.waiting, left.active, left.shoppers, left.backlog),
            (0, 0, 0, 0),
            "{}",
            self.context
        );
        let (open, started, without_end): (u32, u32, u32) = self
            .database
            .connection
            .query_row(
                "SELECT count(*) FILTER (WHERE state <> 'ended'), count(started_at),
                     count(*) FILTER (WHERE started_at IS NOT NULL AND end_reason IS NULL)
                 FROM calls",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        assert_eq!((open, without_end), (0, 0), "{}", self.context);
        u64::from(started)
    }
}
