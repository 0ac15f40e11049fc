//! A node's cores and their peers under virtual time, on a network that loses nothing.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    Certificate, Core, CoreStats,
    api::{
        CallId, Command, Config, ConnectionId, Disposition, Epoch, Event, LegId, Measuring, Path,
        Port, Via,
    },
    relay, tcp,
    testing::{Peer, Versions},
};

/// How finely time passes.
const STEP: Duration = Duration::from_millis(5);

pub(super) struct World {
    /// By port.
    pub(super) cores: Vec<Core>,
    pub(super) now: Instant,
    pub(super) peers: Vec<Peer>,
    pub(super) events: Vec<Event>,
    /// Which worker has a connection.
    pub(super) connections: HashMap<ConnectionId, Port>,
    /// Whether the n-th datagram between cores arrives; a hop is the number of a core.
    pub(super) relays: Box<dyn Fn(u64) -> bool>,
    relayed: u64,
}

/// What pages measure with.
pub(super) fn measuring() -> Measuring {
    let (ufrag, pwd) = ("AAAmeasure0".to_owned(), "a-password-of-24-letters".to_owned());
    Measuring { ufrag, pwd }
}

impl World {
    /// A node with one worker.
    pub(super) fn new() -> Self {
        Self::with_workers(1)
    }

    pub(super) fn with_workers(workers: u16) -> Self {
        let now = Instant::now();
        let certificate = Certificate::generate();
        let core = |port: u16| {
            let config = Config {
                port: Port(port),
                candidates: vec![SocketAddr::from(([192, 0, 2, 1], 50_000 + port))],
                tcp_candidates: vec![SocketAddr::from(([192, 0, 2, 1], 443))],
                max_legs: 4,
                seed: [port as u8 + 1; 32],
                certificate: certificate.clone(),
                measuring: Some(measuring()),
            };
            Core::new(config, now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000))
        };
        Self {
            cores: (0..workers).map(core).collect(),
            now,
            peers: Vec::new(),
            events: Vec::new(),
            connections: HashMap::new(),
            relays: Box::new(|_| true),
            relayed: 0,
        }
    }

    /// Two warm legs in one call.
    pub(super) fn call() -> Self {
        let mut world = Self::new();
        world.connect(Versions::Both);
        world.connect(Versions::Both);
        world.bridge(1);
        world
    }

    /// Opens a leg for a new peer at worker 0, without letting it connect.
    pub(super) fn open(&mut self, versions: Versions) -> usize {
        self.open_at(0, versions)
    }

    pub(super) fn open_at(&mut self, worker: u16, versions: Versions) -> usize {
        let number = self.peers.len();
        let mut peer = Peer::new(number as u8 + 1, versions, self.now);
        peer.port = Port(worker);
        self.command_to(worker, Command::OpenLeg { leg: leg(number), offer: peer.offer() });
        let Some(Event::Answer { sdp, .. }) = self.events.pop() else {
            panic!("no answer");
        };
        peer.take_answer(&sdp);
        self.peers.push(peer);
        number
    }

    /// A peer without a leg.
    pub(super) fn invite(&mut self, number: usize, versions: Versions) {
        assert_eq!(number, self.peers.len());
        self.peers.push(Peer::new(number as u8 + 1, versions, self.now));
    }

    /// Opens a leg and completes its handshake.
    pub(super) fn connect(&mut self, versions: Versions) -> usize {
        self.connect_at(0, versions)
    }

    pub(super) fn connect_at(&mut self, worker: u16, versions: Versions) -> usize {
        let number = self.open_at(worker, versions);
        self.check(number);
        self.run(Duration::from_millis(500));
        assert!(self.peers[number].is_warm(), "{:?}", self.cores[usize::from(worker)].stats());
        number
    }

    /// A nominating check.
    pub(super) fn check(&mut self, peer: usize) {
        let check = self.peers[peer].check(true);
        self.send(peer, &check);
    }

    pub(super) fn bridge(&mut self, epoch: u32) {
        self.command(Command::Bridge { call: CALL, epoch: Epoch(epoch), legs: [leg(0), leg(1)] });
    }

    pub(super) fn command(&mut self, command: Command) {
        self.command_to(0, command);
    }

    pub(super) fn command_to(&mut self, worker: u16, command: Command) {
        self.cores[usize::from(worker)].handle_command(self.now, command);
        self.deliver();
    }

    /// A datagram from a peer's address to the node.
    pub(super) fn send(&mut self, peer: usize, data: &[u8]) {
        let path = self.peers[peer].path();
        self.receive(path, data);
        self.deliver();
    }

    pub(super) fn send_from(&mut self, port: Port, from: SocketAddr, data: &[u8]) {
        self.receive(Path::udp(port, from), data);
        self.deliver();
    }

    /// As the node's workers do it: a datagram, or its connection, may have to be passed on.
    fn receive(&mut self, path: Path, data: &[u8]) {
        let mut worker = match path.via {
            Via::Udp(port) => port,
            Via::Tcp(connection) => *self
                .connections
                .entry(connection)
                .or_insert_with(|| tcp::first_worker(data).expect("a check comes first")),
        };
        for _ in 0..self.cores.len() {
            let core = &mut self.cores[usize::from(worker.0)];
            let disposition = match path.via {
                Via::Udp(port) => {
                    core.handle_datagram(self.now, port, path.remote, &mut data.to_vec())
                }
                Via::Tcp(connection) => {
                    core.handle_frame(self.now, connection, path.remote, &mut data.to_vec())
                }
            };
            match disposition {
                Disposition::Done => return,
                Disposition::Forward(to) => worker = to,
            }
            if let Some(connection) = path.connection() {
                self.connections.insert(connection, worker);
            }
        }
        panic!("a datagram went in circles");
    }

    /// Carries everything to where it belongs until nothing moves any more.
    fn deliver(&mut self) {
        while (0..self.cores.len()).any(|worker| self.deliver_from(worker)) {}
    }

    fn deliver_from(&mut self, worker: usize) -> bool {
        let mut moved = false;
        if self.cores[worker].next_timeout().is_some_and(|due| due <= self.now) {
            self.cores[worker].handle_timeout(self.now);
            moved = true;
        }
        while let Some(transmit) = self.cores[worker].poll_transmit() {
            moved = true;
            let (path, data) = (transmit.path, transmit.data.to_vec());
            let peer = self.peers.iter_mut().find(|peer| peer.path() == path);
            let peer = peer.expect("datagrams go to peers only");
            for reply in peer.handle(self.now, &data) {
                self.receive(path, &reply);
            }
        }
        while let Some(relayed) = self.cores[worker].poll_relayed() {
            moved = true;
            self.relayed += 1;
            if (self.relays)(self.relayed) {
                let channel = relay::channel_of(&relayed.data).expect("a datagram of a channel");
                let core = &mut self.cores[usize::from(relayed.hop.0)];
                core.handle_relayed(self.now, channel, &relayed.data);
            }
        }
        while let Some(event) = self.cores[worker].poll_event() {
            moved = true;
            self.events.push(event);
        }
        moved
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            for core in &mut self.cores {
                if core.next_timeout().is_some_and(|due| due <= self.now) {
                    core.handle_timeout(self.now);
                }
            }
            self.deliver();
        }
    }

    /// Lets time pass for the core alone, as if every peer had gone.
    pub(super) fn run_silently(&mut self, time: Duration) {
        let end = self.now + time;
        for core in &mut self.cores {
            while let Some(due) = core.next_timeout().filter(|&due| due <= end) {
                core.handle_timeout(due.max(self.now));
                while core.poll_transmit().is_some() {}
                while core.poll_relayed().is_some() {}
                while let Some(event) = core.poll_event() {
                    self.events.push(event);
                }
            }
        }
        self.now = end;
    }

    /// Counters of worker 0.
    pub(super) fn stats(&self) -> CoreStats {
        self.cores[0].stats()
    }

    /// Takes the events so far.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

pub(super) const CALL: CallId = CallId(9);

pub(super) fn leg(number: usize) -> LegId {
    LegId(number as u128)
}
