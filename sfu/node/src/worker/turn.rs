//! A worker's loop.
//!
//! One turn: sleep until there is something to do, read the clock, do what is due, take a few
//! inputs, take forwarded datagrams, receive a few batches, send, hand out events. Every share is
//! bounded, so that a flood of one kind cannot keep the others waiting.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use quinn_udp::{BATCH_SIZE, RecvMeta};
use sfu_core::{
    Core,
    api::{Command, Datagram, Disposition, LegId, Port, Received, Via},
};
use tokio::sync::mpsc;

mod tcp;

use super::{
    ALARM, Happening, IoStats, Peer, WorkerEvent, WorkerStats,
    alarm::{Alarm, TOLERANCE},
    batch::Batch,
    behind::Behind,
    mailbox::{Forwarded, Inbox, Input},
    moderation::Moderation,
    period::Period,
    polls::Polls,
    socket::{ReceiveBuffers, waited, wall},
    tcp::Connections,
};
use crate::relay::Way;

/// Inputs taken in one turn. Opening a leg parses and writes SDP, a good fraction of a millisecond:
/// more of them at once would delay media noticeably.
const INPUTS_PER_TURN: usize = 4;

/// Forwarded datagrams taken in one turn.
const FORWARDED_PER_TURN: usize = 256;

/// Datagrams from other nodes taken in one turn.
const RELAYED_PER_TURN: usize = 512;

/// Batches received in one turn, of up to 32 system buffers each.
const RECEIVES_PER_TURN: usize = 4;

/// Received datagrams after which the core is drained within a batch: often enough that its queues
/// stay short, seldom enough that packets for one page make long runs for the batch.
const DRAIN_EVERY: usize = 256;

/// How soon to try again when nobody takes the events.
const RETRY_EVENTS: Duration = Duration::from_millis(10);

/// Everything of a worker but its core.
pub(super) struct Shell {
    port: Port,
    polls: Polls,
    alarm: Alarm,
    moderation: Moderation,
    behind: Behind,
    inbox: Inbox,
    peers: Arc<[Peer]>,
    events: mpsc::Sender<WorkerEvent>,
    /// Events that the queue had no room for. The core is not asked for more until they are gone,
    /// so nothing is lost and this does not grow.
    unsent: VecDeque<WorkerEvent>,
    buffers: ReceiveBuffers,
    batch: Batch,
    tcp: Connections,
    /// The ways to other nodes, by hop.
    ways: Vec<Option<Way>>,
    /// Which workers have been passed datagrams in this turn.
    to_wake: Vec<bool>,
    pub(super) stats: IoStats,
    period: Period,
}

/// What goes on after a turn.
enum Next {
    /// Sleep until something happens.
    Sleep,
    /// There is more to do right away.
    More,
    /// The worker was told to stop.
    Stop,
}

impl Shell {
    pub(super) fn new(
        port: Port,
        polls: Polls,
        inbox: Inbox,
        peers: Arc<[Peer]>,
        events: mpsc::Sender<WorkerEvent>,
        receive_delay: Duration,
    ) -> io::Result<Self> {
        let to_wake = vec![false; peers.len()];
        Ok(Self {
            port,
            alarm: Alarm::new(polls.registry())?,
            moderation: Moderation::new(Instant::now(), receive_delay),
            behind: Behind::default(),
            polls,
            inbox,
            peers,
            events,
            unsent: VecDeque::new(),
            buffers: ReceiveBuffers::new(),
            batch: Batch::new(),
            tcp: Connections::default(),
            ways: Vec::new(),
            to_wake,
            stats: IoStats::default(),
            period: Period::new(Instant::now()),
        })
    }

    /// Runs `core` until [`Input::Stop`].
    pub(super) fn run(&mut self, core: &mut Core) -> io::Result<()> {
        // The poll tells of changes only (edge-triggered): start as if there was something.
        let (mut readable, mut next) = (true, Next::More);
        let mut now = Instant::now();
        loop {
            let asleep = Instant::now();
            self.stats.turns.record(asleep - now);
            match next {
                Next::More => readable |= self.polls.wait(Some(Duration::ZERO))?,
                Next::Sleep => readable |= self.sleep(core, asleep)?,
                Next::Stop => return Ok(()),
            }
            now = Instant::now();
            self.period.slept(now - asleep);
            for event in self.polls.told() {
                match event.token() {
                    ALARM => self.alarm.rang(),
                    _ => self.tcp.note(event),
                }
            }
            next = self.turn(core, now, &mut readable);
            if self.period.is_over(now) {
                let busy = self.period.restart(now);
                let stats = WorkerStats { at: Some(now), busy, io: self.stats, core: core.stats() };
                self.peers[usize::from(self.port.0)].stats.publish(stats);
            }
        }
    }

    /// Tells that every leg is lost, waiting for room if it must.
    pub(super) fn report_lost(&mut self, what: Happening) {
        self.unsent.clear();
        // Their legs are lost.
        self.tcp.clear();
        let event = WorkerEvent { worker: self.port, at: Instant::now(), what };
        // Fails only when the node has ended, and then nobody cares.
        let _ = self.events.blocking_send(event);
    }

    /// Sleeps from `now` until there is something to do; whether the socket is to be looked at.
    fn sleep(&mut self, core: &Core, now: Instant) -> io::Result<bool> {
        let due = self.due(core, now);
        // Connecting takes a few round trips, each of which would wait.
        match self.moderation.rest(now).filter(|_| !core.is_connecting()) {
            Some(until) => {
                // The alarm may not be set: what falls due is as late as with it.
                self.polls.rest(until.min(due + TOLERANCE) - now)?;
                // Whatever has woken it: it is awake.
                Ok(true)
            }
            None => {
                let timeout = self.alarm.set(now, due)?;
                self.polls.wait(timeout)
            }
        }
    }

    /// When there is something to do, whatever comes.
    fn due(&self, core: &Core, now: Instant) -> Instant {
        let retry = (!self.unsent.is_empty()).then(|| now + RETRY_EVENTS);
        let period = now + self.period.remaining(now);
        [core.next_timeout(), retry].into_iter().flatten().fold(period, Instant::min)
    }

    fn turn(&mut self, core: &mut Core, now: Instant, readable: &mut bool) -> Next {
        if core.next_timeout().is_some_and(|at| at <= now) {
            core.handle_timeout(now);
            self.drain(core, now);
        }
        if !self.unsent.is_empty() {
            self.drain(core, now);
        }
        let next = self.take_inputs(core, now);
        let more_forwarded = self.take_forwarded(core, now) | self.take_relayed(core, now);
        *readable = *readable && self.receive(core, now);
        let more_connections = self.serve_connections(core, now);
        self.batch.flush(&self.peers, &mut self.stats);
        self.wake_peers();
        match next {
            Next::Sleep if more_forwarded || more_connections || *readable => Next::More,
            next => next,
        }
    }

    fn take_inputs(&mut self, core: &mut Core, now: Instant) -> Next {
        for _ in 0..INPUTS_PER_TURN {
            let Ok(input) = self.inbox.inputs.try_recv() else { return Next::Sleep };
            match input {
                Input::Command(command) => self.command(core, now, command),
                Input::Release { leg, to } => self.release(core, now, leg, to),
                Input::Adopt { leg, released, connections } => {
                    core.handle_command(now, Command::Adopt(released));
                    for connection in connections {
                        self.take_connection(core, now, connection);
                    }
                    self.drain(core, now);
                    self.emit(now, Happening::Adopted(leg));
                }
                Input::Connection(connection) => self.take_connection(core, now, *connection),
                Input::Way { hop, way } => {
                    let index = usize::from(hop.0);
                    if self.ways.len() <= index {
                        self.ways.resize(index + 1, None);
                    }
                    self.ways[index] = Some(way);
                }
                Input::Stop => return Next::Stop,
            }
        }
        Next::More
    }

    fn command(&mut self, core: &mut Core, now: Instant, command: Command) {
        let unbridge = match &command {
            Command::Unbridge { call, epoch } => Some((*call, *epoch)),
            _ => None,
        };
        core.handle_command(now, command);
        self.drain(core, now);
        if let Some((call, epoch)) = unbridge {
            self.emit(now, Happening::Unbridged(call, epoch));
        }
    }

    fn release(&mut self, core: &mut Core, now: Instant, leg: LegId, to: Port) {
        let Some(released) = core.release(now, leg, to) else {
            self.drain(core, now);
            self.emit(now, Happening::NotReleased(leg));
            return;
        };
        // What the leg had to send before goes first.
        self.drain(core, now);
        let registry = self.polls.registry();
        let connections =
            released.connections().filter_map(|id| self.tcp.remove(registry, id)).collect();
        let input = Input::Adopt { leg, released, connections };
        let refused = match self.peers.get(usize::from(to.0)) {
            Some(peer) => peer.mailbox.tell(input).err(),
            None => Some(input),
        };
        if let Some(Input::Adopt { leg, released, connections }) = refused {
            tracing::error!(worker = to.0, "a worker takes nothing: the leg stays where it is");
            core.handle_command(now, Command::Adopt(released));
            for connection in connections {
                self.take_connection(core, now, connection);
            }
            self.emit(now, Happening::NotReleased(leg));
        }
        self.drain(core, now);
    }

    /// Takes datagrams of legs that have moved here; whether there may be more.
    fn take_forwarded(&mut self, core: &mut Core, now: Instant) -> bool {
        for _ in 0..FORWARDED_PER_TURN {
            let Ok(Forwarded { datagram, hops }) = self.inbox.datagrams.try_recv() else {
                return false;
            };
            let Datagram { port, from, data } = datagram;
            let mut data = data.try_into_mut().unwrap_or_else(|data| BytesMut::from(&data[..]));
            if let Disposition::Forward(to) = core.handle_datagram(now, port, from, &mut data) {
                let datagram = Datagram { port, from, data: data.freeze() };
                pass(&self.peers, &mut self.to_wake, &mut self.stats, to, datagram, hops);
            }
            self.drain(core, now);
        }
        true
    }

    /// Takes datagrams from other nodes; whether there may be more.
    fn take_relayed(&mut self, core: &mut Core, now: Instant) -> bool {
        for taken in 0..RELAYED_PER_TURN {
            let Ok((channel, data)) = self.inbox.relayed.try_recv() else {
                if taken > 0 {
                    self.drain(core, now);
                }
                return false;
            };
            core.handle_relayed(now, channel, &data);
        }
        self.drain(core, now);
        true
    }

    /// Receives, in a turn that began at `woken`; whether there may be more.
    fn receive(&mut self, core: &mut Core, woken: Instant) -> bool {
        for _ in 0..RECEIVES_PER_TURN {
            let socket = &self.peers[usize::from(self.port.0)].socket;
            let filled = match socket.receive(&mut self.buffers) {
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.moderation.looked(woken, 0);
                    core.set_behind(self.behind.looked(woken, false));
                    return false;
                }
                Err(error) => {
                    self.stats.receive_errors += 1;
                    tracing::trace!(%error, "cannot receive");
                    return true;
                }
            };
            self.moderation.looked(woken, filled);
            let (now, wall) = (Instant::now(), wall());
            core.set_behind(self.behind.looked(now, filled == BATCH_SIZE));
            self.stats.receives += 1;
            core.glance(self.port, self.buffers.media(filled).map(received));
            let mut taken = 0;
            for mut run in self.buffers.runs(filled) {
                let (from, waited) = (run.from, waited(wall, run.came));
                for data in run.datagrams() {
                    self.stats.datagrams_received += 1;
                    self.stats.bytes_received += data.len() as u64;
                    let disposition = core.handle_waiting(now, waited, self.port, from, data);
                    if let Disposition::Forward(to) = disposition {
                        let data = Bytes::copy_from_slice(data);
                        let datagram = Datagram { port: self.port, from, data };
                        pass(&self.peers, &mut self.to_wake, &mut self.stats, to, datagram, 0);
                    }
                    taken += 1;
                    if taken % DRAIN_EVERY == 0 {
                        send(
                            core,
                            now,
                            &mut self.batch,
                            &mut self.tcp,
                            &self.peers,
                            &mut self.stats,
                        );
                    }
                }
            }
            self.drain(core, now);
            self.batch.flush(&self.peers, &mut self.stats);
            self.note_forwarding(filled);
            // What comes from now on the poll tells of.
            if filled < BATCH_SIZE {
                return false;
            }
        }
        true
    }

    /// Notes how long the media of a batch took from the kernel to the kernel.
    fn note_forwarding(&mut self, filled: usize) {
        let now = wall();
        for arrival in self.buffers.media(filled).filter_map(|meta| meta.timestamp) {
            self.stats.forwarding.record(now.saturating_sub(arrival));
        }
    }

    /// Gathers what the core wants sent.
    fn send(&mut self, core: &mut Core, now: Instant) {
        send(core, now, &mut self.batch, &mut self.tcp, &self.peers, &mut self.stats);
    }

    fn drain(&mut self, core: &mut Core, now: Instant) {
        self.send(core, now);
        self.flush_connections(core, now);
        while let Some(relayed) = core.poll_relayed() {
            // The core names only hops that it was given.
            if let Some(Some(way)) = self.ways.get(usize::from(relayed.hop.0)) {
                way.send(now, relayed);
            }
        }
        while self.hand_out() {
            let Some(event) = core.poll_event() else { return };
            self.unsent.push_back(WorkerEvent {
                worker: self.port,
                at: now,
                what: Happening::Core(event),
            });
        }
    }

    fn emit(&mut self, at: Instant, what: Happening) {
        self.unsent.push_back(WorkerEvent { worker: self.port, at, what });
        self.hand_out();
    }

    /// Hands out waiting events; whether none is left.
    fn hand_out(&mut self) -> bool {
        while let Some(event) = self.unsent.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.unsent.push_front(event);
                return false;
            }
        }
        true
    }

    fn wake_peers(&mut self) {
        for (peer, wake) in self.peers.iter().zip(&mut self.to_wake) {
            if std::mem::take(wake) {
                peer.mailbox.wake();
            }
        }
    }
}

/// A received buffer, for the core.
fn received(meta: &RecvMeta) -> Received {
    Received { from: meta.addr, datagram: meta.stride, bytes: meta.len }
}

/// See [`Shell::send`]; apart from it for where received datagrams are still lent out.
fn send(
    core: &mut Core,
    now: Instant,
    batch: &mut Batch,
    tcp: &mut Connections,
    peers: &[Peer],
    stats: &mut IoStats,
) {
    while let Some(room) = batch.room()
        && let Some((path, len)) = core.transmit_into(room)
    {
        match path.via {
            Via::Udp(port) => batch.push((port, path.remote), len, peers, stats),
            Via::Tcp(connection) => {
                let change = tcp.push(connection, &room[..len], &mut stats.tcp);
                tcp::tell(core, now, change, &mut stats.tcp);
            }
        }
    }
}

/// Passes a datagram on to the worker that its leg moved to.
fn pass(
    peers: &[Peer],
    to_wake: &mut [bool],
    stats: &mut IoStats,
    to: Port,
    datagram: Datagram,
    hops: usize,
) {
    let index = usize::from(to.0);
    // A leg's trail visits each worker at most once; anything longer is a circle.
    let passed = hops < peers.len()
        && peers
            .get(index)
            .is_some_and(|peer| peer.mailbox.pass(Forwarded { datagram, hops: hops + 1 }));
    if passed {
        stats.forwarded += 1;
        to_wake[index] = true;
    } else {
        stats.forward_dropped += 1;
    }
}
