//! Workers: one plain thread each, with its own UDP port, legs and calls.
//!
//! A worker shares nothing on the packet path. What crosses threads is a value on a bounded queue:
//! [`Input`]s and forwarded datagrams in, [`WorkerEvent`]s out, [`WorkerStats`] copied out once a
//! second.
//!
//! * `socket`: the UDP socket, receiving in batches (GRO);
//! * `batch`: outgoing datagrams gathered into segmented sends (GSO);
//! * `affinity`: a core for each worker;
//! * `histogram`: how long packets and turns take;
//! * `kernel`: what the kernel dropped before a worker saw it;
//! * `tcp`: legs over TCP;
//! * `mailbox`: the queues;
//! * `turn`: the loop; `period`: how busy it is; `polls`, `alarm`: what ends its sleep; `moderation`:
//!   how long it leaves its socket alone;
//! * `supervise`: what happens when a worker panics.

mod affinity;
mod alarm;
mod batch;
mod behind;
mod histogram;
mod kernel;
mod mailbox;
mod moderation;
mod period;
mod polls;
mod socket;
mod stats;
mod supervise;
mod tcp;
#[cfg(test)]
mod tests;
mod turn;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use mio::{Token, Waker};
use sfu_core::{
    Certificate,
    api::{CallId, Epoch, Event, LegId, Measuring, Port},
};
use tokio::sync::mpsc;

pub(crate) use self::{
    histogram::{BOUNDS_MICROS, Histogram},
    kernel::receive_drops,
    mailbox::{Input, Mailbox},
    socket::{Granted, Socket},
    stats::{IoStats, StatsSlot, WorkerStats},
    tcp::{Gate, GateStats, Listener},
};
use self::{polls::Polls, tcp::Acceptor};

/// Token of the worker's socket in its poll.
const SOCKET: Token = Token(0);
/// Token of the waker in the worker's poll.
const WAKE: Token = Token(1);
/// Token of the alarm in the worker's poll.
const ALARM: Token = Token(2);
/// TCP connections have the tokens from here on.
const FIRST_CONNECTION: usize = 3;

/// Something that happened on a worker.
#[derive(Debug)]
pub(crate) struct WorkerEvent {
    /// On which one.
    pub(crate) worker: Port,
    /// When, by the worker's clock.
    pub(crate) at: Instant,
    /// What.
    pub(crate) what: Happening,
}

/// What happened on a worker.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The core says something.
    Core(Event),
    /// A leg from another worker has arrived.
    Adopted(LegId),
    /// A leg could not be given to another worker: it stays, if it exists.
    NotReleased(LegId),
    /// An `Unbridge` has been carried out; nothing more comes about that epoch.
    Unbridged(CallId, Epoch),
    /// The core panicked: every leg on this worker is gone. `restarted` says whether the worker
    /// goes on with an empty core.
    Lost {
        /// Whether it goes on.
        restarted: bool,
    },
}

/// What every worker of a node has in common.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// The certificate of the node's legs.
    pub(crate) certificate: Certificate,
    /// With what pages measure their round trip to this node.
    pub(crate) measuring: Measuring,
    /// Most legs on one worker.
    pub(crate) max_legs: usize,
    /// Longest that media waits for a worker's next look at its socket.
    pub(crate) receive_delay: Duration,
    /// Candidate addresses of the node's TCP port, if it has one.
    pub(crate) tcp_candidates: Vec<SocketAddr>,
    /// Where events go.
    pub(crate) events: mpsc::Sender<WorkerEvent>,
}

/// A worker seen from other threads: where to send it things, and through which socket its legs
/// are reached.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: Socket,
    pub(crate) mailbox: Mailbox,
    pub(crate) stats: StatsSlot,
}

/// The workers of a node, running.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) peers: Arc<[Peer]>,
    /// What became of TCP connections.
    pub(crate) gate: Arc<Gate>,
    /// Goes first: it hands connections to the workers.
    acceptor: Option<Acceptor>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Workers {
    /// Starts one worker for each socket; `candidates[i]` reach socket `i`. Connections to
    /// `listener` go to all of them.
    pub(crate) fn start(
        sockets: Vec<(Socket, Vec<SocketAddr>)>,
        listener: Option<Listener>,
        common: &Common,
    ) -> io::Result<Self> {
        let mut peers = Vec::new();
        let mut seats = Vec::new();
        for (mut socket, candidates) in sockets {
            let polls = Polls::new(&mut socket)?;
            let waker = Waker::new(polls.registry(), WAKE)?;
            let (mailbox, inbox) = mailbox::pair(waker);
            peers.push(Peer { socket, mailbox, stats: StatsSlot::default() });
            seats.push((polls, inbox, candidates));
        }
        let peers: Arc<[Peer]> = peers.into();
        let workers = peers.len();

        let threads = seats
            .into_iter()
            .enumerate()
            .map(|(index, (polls, inbox, candidates))| {
                let seat = supervise::Seat {
                    // The number of workers is a u16 by configuration.
                    port: Port(index as u16),
                    candidates,
                    common: common.clone(),
                    shell: turn::Shell::new(
                        Port(index as u16),
                        polls,
                        inbox,
                        Arc::clone(&peers),
                        common.events.clone(),
                        common.receive_delay,
                    )?,
                };
                thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
                    affinity::pin(index, workers);
                    supervise::run(seat);
                })
            })
            .collect::<io::Result<_>>()?;
        let gate = Arc::new(Gate::default());
        let acceptor = listener
            .map(|listener| Acceptor::start(listener, Arc::clone(&gate), Arc::clone(&peers)))
            .transpose()?;
        Ok(Self { peers, gate, acceptor, threads })
    }

    /// Waits for every worker to end; they must have been told [`Input::Stop`].
    pub(crate) fn join(self) {
        drop(self.acceptor);
        for thread in self.threads {
            // A panic has been logged where it was caught.
            let _ = thread.join();
        }
    }
}
