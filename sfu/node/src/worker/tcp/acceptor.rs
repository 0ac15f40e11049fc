//! The thread that takes new connections.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Registry, Token, Waker,
    net::{TcpListener, TcpStream},
};
use sfu_core::{
    api::ConnectionId,
    tcp::{self, HEADER_LEN},
};

use super::{
    Connection, Gate,
    connection::prepare,
    gate::{Permit, Refusal},
};
use crate::worker::{Input, Peer};

/// How long a connection may take to its first datagram: a few round trips of the slowest link,
/// with a loss.
pub(super) const FIRST_WITHIN: Duration = Duration::from_secs(5);
/// Bytes taken of a connection before it is handed over. A browser's check has some 150.
const FIRST_BYTES: usize = 1_024;
/// Connections that may be without their first datagram. When there are more, the oldest goes: an
/// honest page needs a round trip, and who sends nothing has had its time.
const MAX_PENDING: usize = 512;
/// Of them, from one address: an office behind one NAT that opens in the morning.
pub(super) const MAX_PENDING_OF_ADDRESS: usize = 64;
/// New connections taken between looks at those that are there.
const ACCEPTS_AT_ONCE: usize = 64;
/// After an accept that failed (no file descriptors, say) it is tried again so soon.
const RETRY: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(0);
const WAKE: Token = Token(1);
/// Connections have the tokens from here on.
const FIRST: usize = 2;

/// A bound TCP port.
#[derive(Debug)]
pub(crate) struct Listener {
    inner: TcpListener,
    local: SocketAddr,
}

impl Listener {
    /// Binds a port.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let inner = TcpListener::bind(address)?;
        let local = inner.local_addr()?;
        Ok(Self { inner, local })
    }

    /// Where it listens.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }
}

/// The running thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Acceptor {
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<thread::JoinHandle<()>>,
}

impl Acceptor {
    /// Starts it. Connections go to `workers`.
    pub(crate) fn start(
        listener: Listener,
        gate: Arc<Gate>,
        workers: Arc<[Peer]>,
    ) -> io::Result<Self> {
        let reception = Reception::new(listener, gate, workers)?;
        let waker = Waker::new(reception.registry(), WAKE)?;
        let stop = Arc::clone(&reception.stop);
        let thread = thread::Builder::new().name("ice-tcp".to_owned()).spawn(move || {
            if let Err(error) = reception.run() {
                tracing::error!(%error, "no more connections are taken");
            }
        })?;
        Ok(Self { stop, waker, thread: Some(thread) })
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A panic has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// A connection whose first datagram has not come yet.
struct Pending {
    stream: TcpStream,
    remote: SocketAddr,
    read: Vec<u8>,
    due: Instant,
    permit: Permit,
}

/// Where new connections wait.
pub(super) struct Reception {
    poll: Poll,
    listener: TcpListener,
    gate: Arc<Gate>,
    workers: Arc<[Peer]>,
    stop: Arc<AtomicBool>,
    /// By number, hence oldest first.
    pending: BTreeMap<u64, Pending>,
    next: u64,
}

impl Reception {
    pub(super) fn new(
        listener: Listener,
        gate: Arc<Gate>,
        workers: Arc<[Peer]>,
    ) -> io::Result<Self> {
        let (poll, mut listener) = (Poll::new()?, listener.inner);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (stop, pending) = (Arc::default(), BTreeMap::new());
        Ok(Self { poll, listener, gate, workers, stop, pending, next: 1 })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(128);
        let mut more = false;
        loop {
            let due = self.pending.values().next().map(|pending| pending.due);
            let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
            let wait = if more { Some(wait.map_or(RETRY, |wait| wait.min(RETRY))) } else { wait };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let now = Instant::now();
            for event in &events {
                match event.token() {
                    LISTENER => more = true,
                    WAKE => {}
                    Token(token) => self.read((token - FIRST) as u64),
                }
            }
            self.expire(now);
            more = more && self.accept(now);
        }
    }

    /// Takes new connections; whether there may be more.
    pub(super) fn accept(&mut self, now: Instant) -> bool {
        for _ in 0..ACCEPTS_AT_ONCE {
            match self.listener.accept() {
                Ok((stream, remote)) => self.admit(now, stream, remote),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    self.gate.note_error();
                    tracing::debug!(%error, "a connection cannot be accepted");
                    return true;
                }
            }
        }
        true
    }

    fn admit(&mut self, now: Instant, mut stream: TcpStream, remote: SocketAddr) {
        let Some(permit) = self.gate.admit() else { return };
        if self.of_address(remote.ip()) >= MAX_PENDING_OF_ADDRESS {
            self.gate.note(Refusal::CrowdedOut);
            return;
        }
        if self.pending.len() >= MAX_PENDING {
            self.pending.pop_first();
            self.gate.note(Refusal::CrowdedOut);
        }
        let number = self.next;
        self.next += 1;
        let token = Token(FIRST + number as usize);
        let registered = prepare(&stream)
            .and_then(|()| self.registry().register(&mut stream, token, Interest::READABLE));
        if let Err(error) = registered {
            self.gate.note_error();
            tracing::debug!(%error, "a connection cannot be set up");
            return;
        }
        let due = now + FIRST_WITHIN;
        self.pending.insert(number, Pending { stream, remote, read: Vec::new(), due, permit });
    }

    fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    fn of_address(&self, address: IpAddr) -> usize {
        self.pending.values().filter(|pending| pending.remote.ip() == address).count()
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(oldest) = self.pending.first_entry().filter(|oldest| oldest.get().due <= now)
        {
            oldest.remove();
            self.gate.note(Refusal::Slow);
        }
    }

    /// Reads from a connection, and hands it over once its first datagram is there.
    fn read(&mut self, number: u64) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        match first_datagram(pending) {
            Ok(None) => {}
            Ok(Some(first)) => {
                let worker = tcp::first_worker(&first)
                    .and_then(|worker| self.workers.get(usize::from(worker.0)));
                match (worker.map(|worker| &worker.mailbox), self.pending.remove(&number)) {
                    (Some(mailbox), Some(pending)) => {
                        let Pending { mut stream, remote, read, permit, .. } = pending;
                        // Refused only for what is not registered.
                        let _ = self.poll.registry().deregister(&mut stream);
                        let id = ConnectionId(number);
                        let connection = Connection::new(id, remote, stream, read, permit);
                        match mailbox.tell(Input::Connection(Box::new(connection))) {
                            Ok(()) => self.gate.note_handed_over(),
                            Err(_) => self.gate.note_error(),
                        }
                    }
                    _ => self.gate.note(Refusal::Strange),
                }
            }
            Err(refusal) => {
                self.pending.remove(&number);
                self.gate.note(refusal);
            }
        }
    }
}

/// The first datagram of a connection, once it is there.
fn first_datagram(pending: &mut Pending) -> Result<Option<Vec<u8>>, Refusal> {
    let mut buffer = [0; FIRST_BYTES];
    loop {
        let room = FIRST_BYTES - pending.read.len();
        match pending.stream.read(&mut buffer[..room]) {
            // It has ended, or it says more than anybody needs to for a start.
            Ok(0) => return Err(Refusal::Strange),
            Ok(len) => pending.read.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Refusal::Strange),
        }
        let Some((length, rest)) = pending.read.split_first_chunk::<HEADER_LEN>() else { continue };
        if let Some(first) = rest.get(..usize::from(u16::from_be_bytes(*length))) {
            return Ok(Some(first.to_vec()));
        }
    }
}
