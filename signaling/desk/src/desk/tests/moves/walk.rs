//! Random walks: nodes die, freeze, drain and come back; pages hear, miss and repeat; sockets go.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;

use super::*;

const NODES: u128 = 3;
const CALLS: u128 = 3;

/// The desk with nodes that may be dead, and pages that may miss what they are told.
struct Walk {
    world: World,
    rng: StdRng,
    context: String,
    /// Pages by seat number: the link or agent id.
    shoppers: BTreeMap<u128, Option<SocketId>>,
    agents: BTreeMap<u128, Option<SocketId>>,
    /// Legs that pages have open, by socket.
    open: BTreeMap<SocketId, Vec<LegId>>,
    epochs: BTreeMap<CallId, u32>,
    bridged: BTreeMap<CallId, Vec<[LegId; 2]>>,
    closed: BTreeSet<LegId>,
    seen: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        let mut shoppers = BTreeMap::new();
        let mut agents = BTreeMap::new();
        let mut open: BTreeMap<SocketId, Vec<LegId>> = BTreeMap::new();
        for id in 1..=CALLS {
            let console = world.available(agent(id, &[], &[]));
            let shopper = world.shopper(link(id));
            for socket in [console, shopper] {
                let leg = world.warm_on(socket, node(1 + id % NODES));
                open.entry(socket).or_default().push(leg);
            }
            world.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
            let offer = world.ring(console).unwrap();
            world.says(console, ClientMessage::Accept { offer: offer.offer });
            let media = MediaState { microphone: true, camera: true, screen: false };
            for socket in [console, shopper] {
                world.says(socket, ClientMessage::Media(media));
            }
            shoppers.insert(id, Some(shopper));
            agents.insert(id, Some(console));
        }
        let rng = StdRng::seed_from_u64(seed);
        let context = format!("seed {seed}");
        let (epochs, bridged, closed) = Default::default();
        Self { world, rng, context, shoppers, agents, open, epochs, bridged, closed, seen: 0 }
    }

    fn sockets(&self) -> Vec<SocketId> {
        self.shoppers.values().chain(self.agents.values()).flatten().copied().collect()
    }

    /// What a page does with what it was told; `lost` is how often it hears nothing.
    fn pages_act(&mut self, lost: f64) {
        for socket in self.sockets() {
            for message in self.world.heard(socket) {
                if self.rng.random_bool(lost) {
                    continue;
                }
                match message {
                    ServerMessage::LegMove { .. } | ServerMessage::LegLost { .. } => {
                        let on = node(self.rng.random_range(1..=NODES));
                        let leg = self.world.warm_on(socket, on);
                        self.open.entry(socket).or_default().push(leg);
                    }
                    ServerMessage::CallStarted(view) if view.epoch > 1 => {
                        let newest = self.open.get(&socket).and_then(|legs| legs.last().copied());
                        let media = self.rng.random_bool(0.9);
                        if let Some(leg) = newest {
                            switched(&mut self.world, socket, leg, media);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.check();
    }

    fn step(&mut self) {
        let sockets = self.sockets();
        let pick = (!sockets.is_empty()).then(|| self.rng.random_range(0..sockets.len()));
        match (self.rng.random_range(0..10), pick) {
            (0..=2, _) => {
                let states =
                    [NodeHealth::Well, NodeHealth::Silent, NodeHealth::Lost, NodeHealth::Draining];
                let state = states[self.rng.random_range(0..states.len())];
                let id = self.rng.random_range(1..=NODES);
                health(&mut self.world, id, state);
            }
            (3..=5, Some(pick)) => {
                let legs = self.open.get(&sockets[pick]).cloned().unwrap_or_default();
                for leg in legs {
                    let for_ms = self.rng.random_range(500..4_000);
                    silent(&mut self.world, sockets[pick], leg, for_ms);
                }
            }
            (6, Some(pick)) => {
                let leg = self.open.get(&sockets[pick]).and_then(|legs| legs.first().copied());
                if let Some(leg) = leg {
                    self.world.input(Input::LegLost { leg });
                }
            }
            (7, Some(pick)) => self.gone(sockets[pick]),
            (8, _) => self.come_back(),
            _ => self.world.pass(Duration::from_millis(700)),
        }
        self.check();
    }

    fn gone(&mut self, socket: SocketId) {
        self.world.drop_socket(socket);
        for place in self.shoppers.values_mut().chain(self.agents.values_mut()) {
            *place = place.filter(|known| *known != socket);
        }
    }

    fn come_back(&mut self) {
        for id in 1..=CALLS {
            if self.shoppers[&id].is_none() {
                let socket = self.world.shopper(link(id));
                self.fresh_leg(socket);
                self.shoppers.insert(id, Some(socket));
            }
            if self.agents[&id].is_none() {
                let socket = self.world.agent(agent(id, &[], &[]));
                self.fresh_leg(socket);
                self.agents.insert(id, Some(socket));
            }
        }
    }

    fn fresh_leg(&mut self, socket: SocketId) {
        let on = node(self.rng.random_range(1..=NODES));
        let leg = self.world.warm_on(socket, on);
        self.open.entry(socket).or_default().push(leg);
    }

    /// Reads the effects since the last look.
    fn check(&mut self) {
        for effect in &self.world.media[self.seen..] {
            match effect {
                Effect::Bridge { call, epoch, legs } => {
                    let before = self.epochs.insert(*call, *epoch);
                    assert!(before < Some(*epoch), "{}: bridged backwards", self.context);
                    for leg in legs {
                        assert!(!self.closed.contains(leg), "{}: a closed leg", self.context);
                    }
                    self.bridged.entry(*call).or_default().push(*legs);
                }
                Effect::CloseLeg { leg } => {
                    self.closed.insert(*leg);
                }
                _ => {}
            }
        }
        self.seen = self.world.media.len();
    }

    /// Everything is well again: whatever a call has left is closed, and every call ends once. Gives back how often calls were bridged again.
    fn wind_down(&mut self) -> usize {
        for id in 1..=NODES {
            health(&mut self.world, id, NodeHealth::Well);
        }
        self.come_back();
        for _ in 0..40 {
            self.pages_act(0.0);
            self.world.pass_s(2);
        }
        self.check();
        let carrying: BTreeSet<LegId> = self.world.desk.legs.keys().copied().collect();
        for (call, bridges) in &self.bridged {
            let (last, former) = bridges.split_last().unwrap();
            for leg in former.iter().flatten().filter(|leg| !last.contains(leg)) {
                assert!(!carrying.contains(leg), "{}: {call} is on two bridges", self.context);
            }
        }
        for console in self.agents.values().flatten().copied().collect::<Vec<_>>() {
            self.world.says(console, ClientMessage::HangUp);
        }
        self.world.pass_s(200);
        let mut ends: BTreeMap<CallId, usize> = BTreeMap::new();
        for verb in self.world.ends() {
            if let Verb::End { call, .. } = verb {
                *ends.entry(*call).or_default() += 1;
            }
        }
        assert_eq!(ends.len(), CALLS as usize, "{}: every call ends", self.context);
        assert!(ends.values().all(|count| *count == 1), "{}: {ends:?}", self.context);
        self.bridged.values().map(|bridges| bridges.len() - 1).sum()
    }
}

#[test]
fn no_call_is_ever_on_two_bridges_and_each_ends_once() {
    let mut moves = 0;
    for seed in 0..300 {
        let mut walk = Walk::new(seed);
        for _ in 0..60 {
            walk.step();
            walk.pages_act(0.3);
        }
        moves += walk.wind_down();
    }
    assert!(moves > 1_000, "a walk in which little happens: {moves}");
}
