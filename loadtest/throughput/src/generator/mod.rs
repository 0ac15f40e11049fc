//! The loop that plays every peer, on one thread.

mod plan;
pub mod socket;
mod tally;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use quinn_udp::BATCH_SIZE;
use rand::Rng;

pub use self::tally::{Tally, histogram};
use self::{
    plan::{Plan, What},
    socket::{Addresses, Buffers, Socket},
};
use light_peer::{
    Happening, Peer,
    media::{AUDIO_PER_SECOND, FRAMES_PER_SECOND, Kind},
    repair::ASK_EVERY,
    turn,
};

/// Sockets over which peers are spread: each has a receive buffer of its own.
const SOCKETS: usize = 4;
/// From one consent check to the next, as Chromium has it.
const CONSENT: u64 = 2_500_000_000;
/// From one check to the next until one is answered.
const FIRST_CHECKS: u64 = 50_000_000;
/// From one transport feedback to the next, as Chromium has it above 1 Mbit/s.
const FEEDBACK: u64 = 50_000_000;
/// From one sender report to the next.
const REPORT: u64 = 1_000_000_000;
/// How often a handshake is looked after.
const HANDSHAKE: u64 = 50_000_000;
/// A thread that sleeps wakes up so much later (Linux's default timer slack).
const TOO_SHORT: Duration = Duration::from_micros(60);
/// Receives in one turn.
const RECEIVES_PER_TURN: usize = 8;
/// While there is something to send all the time, what has come is looked at this often, in nanoseconds. It has the
/// kernel's time stamp, and the forwarder is not woken up or kept waiting by who looks at it.
const LOOK: u64 = 500_000;
/// Nobody is woken up by what comes: on loopback it is the sender's system call that would do it, and the
/// forwarder would pay for a wake-up that no forwarder on a network pays for. So a sleep is short enough for
/// answers to checks and handshakes.
const LONGEST_SLEEP: Duration = Duration::from_millis(1);

/// How a leg's media travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burst {
    /// The packets of a frame leave in one segmented send, and may reach the forwarder merged.
    Frame,
    /// Every packet is a send of its own.
    Packet,
}

/// A peer in the loop.
struct Seat {
    peer: Peer,
    socket: usize,
    source: Ipv4Addr,
    checked: bool,
    talking: bool,
    /// It asks for what it lacks.
    asks: bool,
    /// Everything goes and comes in channel data of a TURN relay.
    channel: bool,
}

/// All peers.
pub struct Generator {
    sockets: Vec<Socket>,
    buffers: Buffers,
    addresses: Addresses,
    burst: Burst,
    packets_per_frame: usize,
    seats: Vec<Option<Seat>>,
    plan: Plan,
    epoch: (Instant, u64),
    /// When to look at what has come, at the latest.
    look: u64,
    run: Vec<u8>,
    outbox: Vec<Vec<u8>>,
    framed: Vec<u8>,
    /// Answers that peers do not understand, with the peer they came to.
    pub responses: Vec<(usize, Vec<u8>)>,
    /// Legs that became warm since the last look.
    pub warm: Vec<usize>,
    /// What is counted.
    pub tally: Tally,
    /// Time spent waiting for the next frame without sleeping.
    pub spun: Duration,
}

impl Generator {
    /// Sockets and no peer.
    pub fn new(addresses: Addresses, burst: Burst, packets_per_frame: usize) -> io::Result<Self> {
        let sockets = (0..SOCKETS)
            .map(|_| Socket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            sockets,
            buffers: Buffers::new(),
            addresses,
            burst,
            packets_per_frame,
            seats: Vec::new(),
            plan: Plan::default(),
            epoch: same_moment(),
            look: 0,
            run: Vec::with_capacity(16_384),
            outbox: Vec::new(),
            framed: Vec::new(),
            responses: Vec::new(),
            warm: Vec::new(),
            tally: Tally::new(),
            spun: Duration::ZERO,
        })
    }

    /// Nanoseconds since the Unix epoch, by the clock of the kernel's time stamps.
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    fn at(&self, instant: Instant) -> u64 {
        self.epoch.1 + (instant - self.epoch.0).as_nanos() as u64
    }

    /// The ports of our sockets.
    pub fn ports(&self) -> io::Result<Vec<u16>> {
        self.sockets.iter().map(Socket::port).collect()
    }

    /// How many peers there have been.
    pub fn peers(&self) -> usize {
        self.seats.len()
    }

    /// Adds a peer; its number is the count so far.
    pub fn add(&mut self, mut peer: Peer) -> usize {
        peer.set_packets_per_frame(self.packets_per_frame);
        let number = self.seats.len();
        let socket = number % SOCKETS;
        let source = self.addresses.of(number);
        self.seats.push(Some(Seat {
            peer,
            socket,
            source,
            checked: false,
            talking: false,
            asks: false,
            channel: false,
        }));
        number
    }

    /// One of them, unless it was removed.
    pub fn peer(&mut self, number: usize) -> Option<&mut Peer> {
        Some(&mut self.seat(number)?.peer)
    }

    fn seat(&mut self, number: usize) -> Option<&mut Seat> {
        self.seats.get_mut(number)?.as_mut()
    }

    /// Forgets a peer; its number is not used again.
    pub fn remove(&mut self, number: usize) {
        self.seats[number] = None;
    }

    /// The address that a peer's datagrams come from.
    pub fn local(&self, number: usize) -> SocketAddr {
        let port = self.sockets[number % SOCKETS].port().unwrap_or(0);
        SocketAddr::from((self.addresses.of(number), port))
    }

    /// From now on a peer's media goes and comes in channel data.
    pub fn frame_channel(&mut self, number: usize) {
        if let Some(seat) = self.seat(number) {
            seat.channel = true;
        }
    }

    /// Sends a datagram from a peer's address.
    pub fn send_raw(&mut self, number: usize, to: SocketAddr, datagram: &[u8]) {
        let socket = &self.sockets[number % SOCKETS];
        if socket.send(Some(self.addresses.of(number)), to, datagram, datagram.len()).is_err() {
            self.tally.unsent += 1;
        }
    }

    /// Starts ICE: the other side is known.
    pub fn connect(&mut self, number: usize) {
        let now = self.now();
        self.plan.add(now, number, What::Check);
        self.plan.add(now + HANDSHAKE, number, What::Handshake);
    }

    /// Starts a peer's media at a random point of its period.
    pub fn talk(&mut self, number: usize) {
        let Some(seat) = self.seat(number) else { return };
        if std::mem::replace(&mut seat.talking, true) {
            return;
        }
        let now = self.at(Instant::now());
        let mut rng = rand::rng();
        for (what, period) in [
            (What::Frame(Kind::Video), 1_000_000_000 / FRAMES_PER_SECOND),
            (What::Frame(Kind::Audio), 1_000_000_000 / AUDIO_PER_SECOND),
            (What::Feedback, FEEDBACK),
            (What::Report, REPORT),
        ] {
            self.plan.add(now + rng.random_range(0..period), number, what);
        }
    }

    /// Stops a peer's media.
    pub fn hush(&mut self, number: usize) {
        if let Some(seat) = self.seat(number) {
            seat.talking = false;
        }
    }

    /// Plays until `end`.
    pub fn run_until(&mut self, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            self.turn(end)?;
        }
        Ok(())
    }

    /// One turn: send what is due, take what has come, sleep when there is nothing, at most until
    /// `end`.
    pub fn turn(&mut self, end: Instant) -> io::Result<()> {
        let now = self.now();
        let mut acted = false;
        while let Some((due, number, what)) = self.plan.pop(now) {
            self.act(due, number, what)?;
            acted = true;
        }
        if now < self.look {
            if acted {
                return Ok(());
            }
            let soon = now + TOO_SHORT.as_nanos() as u64;
            if let Some(due) = self.plan.next().filter(|&due| due < soon) {
                self.spin(due);
                return Ok(());
            }
        }
        self.look = now + LOOK;
        if !self.receive()? {
            self.sleep(end);
        }
        Ok(())
    }

    /// Waits until `due`, which is too soon for sleeping.
    fn spin(&mut self, due: u64) {
        let began = Instant::now();
        // Without the hint that this is a loop: a hypervisor may take the core away for it.
        while self.now() < due {}
        self.spun += began.elapsed();
    }

    fn sleep(&self, end: Instant) {
        let now = Instant::now();
        let wall = self.at(now);
        let due = self.plan.next().map(|due| Duration::from_nanos(due.saturating_sub(wall)));
        let sleep = due.unwrap_or(Duration::MAX).min(end.saturating_duration_since(now));
        if sleep > TOO_SHORT {
            std::thread::sleep(sleep.min(LONGEST_SLEEP) - TOO_SHORT);
        }
    }

    fn act(&mut self, due: u64, number: usize, what: What) -> io::Result<()> {
        let wall = self.now();
        let Some(seat) = self.seats[number].as_mut() else { return Ok(()) };
        match what {
            What::Frame(kind) => {
                if !seat.talking {
                    return Ok(());
                }
                let period = match kind {
                    Kind::Audio => 1_000_000_000 / AUDIO_PER_SECOND,
                    Kind::Video => 1_000_000_000 / FRAMES_PER_SECOND,
                };
                self.plan.add(due + period, number, what);
                self.send_frame(due, number, kind);
            }
            What::Check => {
                let again = if seat.checked { CONSENT } else { FIRST_CHECKS };
                let check = seat.peer.check();
                self.plan.add(due + again, number, what);
                self.send_one(number, check);
            }
            What::Handshake => {
                if !seat.peer.is_warm() {
                    let mut outbox = std::mem::take(&mut self.outbox);
                    seat.peer.handle_timeout(Instant::now(), &mut outbox);
                    self.outbox = outbox;
                    self.flush(number);
                    self.plan.add(due + HANDSHAKE, number, what);
                }
            }
            What::Feedback => {
                if seat.talking {
                    let feedback = seat.peer.feedback();
                    self.plan.add(due + FEEDBACK, number, what);
                    self.send_one(number, feedback);
                }
            }
            What::Ask => {
                let request = seat.peer.ask(wall);
                seat.asks = seat.peer.lacks();
                if seat.asks {
                    self.plan.add(wall + ASK_EVERY, number, what);
                }
                self.tally.requested(wall, request.is_some());
                self.send_one(number, request);
            }
            What::Report => {
                if seat.talking {
                    let report = seat.peer.report(wall);
                    self.plan.add(due + REPORT, number, what);
                    self.send_one(number, report);
                }
            }
        }
        Ok(())
    }

    fn send_frame(&mut self, due: u64, number: usize, kind: Kind) {
        let now = self.now();
        self.run.clear();
        let Some(seat) = self.seats[number].as_mut() else { return };
        let Some(remote) = seat.peer.remote() else { return };
        let Some(segment) = seat.peer.frame(kind, now, &mut self.run) else { return };
        self.tally.sent(now, (self.run.len() / segment) as u64, now.saturating_sub(due));
        let socket = &self.sockets[seat.socket];
        let (run, segment) = if seat.channel {
            self.framed.clear();
            for packet in self.run.chunks(segment) {
                self.framed.extend(turn::CHANNEL);
                self.framed.extend((packet.len() as u16).to_be_bytes());
                self.framed.extend_from_slice(packet);
            }
            (&self.framed, segment + turn::CHANNEL_HEADER_LEN)
        } else {
            (&self.run, segment)
        };
        let step = match self.burst {
            Burst::Frame => run.len(),
            Burst::Packet => segment,
        };
        for part in run.chunks(step) {
            if socket.send(Some(seat.source), remote, part, segment).is_err() {
                self.tally.unsent += 1;
            }
        }
    }

    fn send_one(&mut self, number: usize, datagram: Option<Vec<u8>>) {
        self.outbox.extend(datagram);
        self.flush(number);
    }

    fn flush(&mut self, number: usize) {
        let seat = self.seats[number].as_ref();
        let Some((seat, remote)) = seat.and_then(|seat| Some((seat, seat.peer.remote()?))) else {
            return self.outbox.clear();
        };
        for mut datagram in self.outbox.drain(..) {
            let socket = &self.sockets[seat.socket];
            if seat.channel {
                let [high, low] = (datagram.len() as u16).to_be_bytes();
                let [number, more] = turn::CHANNEL;
                datagram.splice(..0, [number, more, high, low]);
            }
            if socket.send(Some(seat.source), remote, &datagram, datagram.len()).is_err() {
                self.tally.unsent += 1;
            }
        }
    }

    /// Whether anything came.
    fn receive(&mut self) -> io::Result<bool> {
        let mut any = false;
        for index in 0..SOCKETS {
            for _ in 0..RECEIVES_PER_TURN {
                let filled = match self.sockets[index].receive(&mut self.buffers) {
                    Ok(filled) => filled,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
                any = true;
                self.take(filled);
                if filled < BATCH_SIZE {
                    break;
                }
            }
        }
        Ok(any)
    }

    fn take(&mut self, filled: usize) {
        let now = Instant::now();
        let wall = self.at(now);
        let mut buffers = std::mem::replace(&mut self.buffers, Buffers::empty());
        for (meta, run) in buffers.runs(filled) {
            let number = meta.dst_ip.and_then(|ip| self.addresses.peer(ip));
            let Some(number) = number else { continue };
            let at = meta.timestamp.map_or(wall, |at| at.as_nanos() as u64);
            for datagram in run.chunks_mut(meta.stride.max(1)) {
                let Some(seat) = self.seats.get_mut(number).and_then(Option::as_mut) else { break };
                let framed = seat.channel && datagram.starts_with(&turn::CHANNEL);
                let datagram = match datagram.get_mut(turn::CHANNEL_HEADER_LEN..) {
                    Some(inner) if framed => inner,
                    _ => datagram,
                };
                let happening = seat.peer.receive(now, at, meta.addr, datagram, &mut self.outbox);
                match happening {
                    Happening::Checked => seat.checked = true,
                    Happening::Warm => self.warm.push(number),
                    Happening::Response => self.responses.push((number, datagram.to_vec())),
                    _ => {}
                }
                self.tally.received(at, happening);
                if !seat.asks && seat.peer.lacks() {
                    seat.asks = true;
                    self.plan.add(wall, number, What::Ask);
                }
                if !self.outbox.is_empty() {
                    self.flush(number);
                }
            }
        }
        self.buffers = buffers;
    }
}

/// The same moment on both clocks: the closest of a few readings, since we may be interrupted between
/// the two.
fn same_moment() -> (Instant, u64) {
    let read = || {
        let before = Instant::now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (before.elapsed(), (before, wall.as_nanos() as u64))
    };
    let (mut least, mut pair) = read();
    for _ in 0..32 {
        let (took, again) = read();
        if took < least {
            (least, pair) = (took, again);
        }
    }
    pair
}
