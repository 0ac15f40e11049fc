//! One link to another node, and its task.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use quinn::{Connection, SendDatagramError};
use rand::Rng;
use sfu_core::{
    api::{ChannelId, Command, Hop, Port},
    relay::{
        Relayed,
        split::{Joiner, Splitter},
    },
};
use signaling_wire::ids::NodeId;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use super::{
    Relay, congestion,
    greeting::{GreetingError, UNPROVEN},
    queue::Queue,
    routes::{Route, Routes},
    share::{self, Share},
    stats::{LinkFigures, LinkStats, add},
    tls::{SEND_BUFFER, SERVER_NAME},
};
use crate::worker::Input;

/// Datagrams that workers may have under way to a link: what 200 calls send in 50 ms is a third of
/// it. The queue proper is the link's own.
const OUTGOING: usize = 8_192;
/// Bridges made and ended that a link has not taken note of.
const COMMANDS: usize = 4_096;
/// Datagrams taken in a row from either direction, so that the other gets its turn.
const BATCH: usize = 256;
/// How soon what QUIC has no room for is tried again.
const RETRY: Duration = Duration::from_millis(1);
/// A dial that takes longer has failed.
const DIAL: Duration = Duration::from_secs(5);
/// First and longest pause between dials.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A node without a call of ours that cannot be reached for so long is gone: it is dialed again when signaling
/// names it again.
const GONE: Duration = Duration::from_secs(600);

/// What workers send into.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    outgoing: mpsc::Sender<(Instant, Relayed)>,
    stats: Arc<LinkStats>,
}

impl Way {
    /// Passes a datagram on; one that finds no room is dropped and counted.
    pub(crate) fn send(&self, now: Instant, relayed: Relayed) {
        if self.outgoing.try_send((now, relayed)).is_err() {
            add(&self.stats.queue_full, 1);
        }
    }
}

/// A link as the rest of the node sees it.
#[derive(Debug, Clone)]
pub(crate) struct LinkHandle {
    node: NodeId,
    hop: Hop,
    way: Way,
    commands: mpsc::Sender<Order>,
    accepted: mpsc::Sender<Connection>,
}

#[derive(Debug)]
enum Order {
    Addresses(Vec<SocketAddr>),
    Route(ChannelId, Port),
    Unroute(ChannelId),
}

impl LinkHandle {
    /// The core's name for the link.
    pub(crate) fn hop(&self) -> Hop {
        self.hop
    }

    /// What workers send into.
    pub(crate) fn way(&self) -> Way {
        self.way.clone()
    }

    /// Under which addresses the other node is reached.
    pub(crate) fn reach(&self, addresses: Vec<SocketAddr>) {
        self.command(Order::Addresses(addresses));
    }

    /// The call of a channel is on this worker.
    pub(crate) fn route(&self, channel: ChannelId, port: Port) {
        self.command(Order::Route(channel, port));
    }

    /// A channel has ended.
    pub(crate) fn unroute(&self, channel: ChannelId) {
        self.command(Order::Unroute(channel));
    }

    fn command(&self, order: Order) {
        if let Err(error) = self.commands.try_send(order) {
            tracing::error!(node = %self.node, %error, "a relay link takes no commands");
        }
    }

    /// The other node has dialed and proven itself.
    pub(super) async fn accepted(&self, connection: Connection) {
        // Fails when the node is stopping.
        let _ = self.accepted.send(connection).await;
    }

    pub(super) fn figures(&self) -> LinkFigures {
        self.way.stats.read(self.node)
    }
}

/// The task of a link.
pub(super) struct Link {
    relay: Relay,
    node: NodeId,
    hop: Hop,
    outgoing: mpsc::Receiver<(Instant, Relayed)>,
    commands: mpsc::Receiver<Order>,
    accepted: mpsc::Receiver<Connection>,
    stats: Arc<LinkStats>,
    addresses: Vec<SocketAddr>,
    routes: Routes,
    queue: Queue,
    share: Share,
    splitter: Splitter,
    joiner: Joiner,
    /// Workers that have been passed something.
    to_wake: Vec<bool>,
}

impl Link {
    /// Starts the task of the link to `node`.
    pub(super) fn spawn(relay: &Relay, node: NodeId, hop: Hop) -> LinkHandle {
        let (outgoing, queue) = mpsc::channel(OUTGOING);
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (accepted, connections) = mpsc::channel(1);
        let stats = Arc::new(LinkStats::default());
        let link = Self {
            relay: relay.clone(),
            node,
            hop,
            outgoing: queue,
            commands: command_queue,
            accepted: connections,
            stats: Arc::clone(&stats),
            addresses: Vec::new(),
            routes: Routes::default(),
            queue: Queue::default(),
            share: Share::new(Instant::now()),
            splitter: Splitter::default(),
            joiner: Joiner::default(),
            to_wake: vec![false; relay.0.workers.len()],
        };
        tokio::spawn(link.run());
        LinkHandle { node, hop, way: Way { outgoing, stats }, commands, accepted }
    }

    async fn run(mut self) {
        let mut stop = self.relay.0.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|&stop| stop) => {}
            () = self.live() => {}
        }
    }

    async fn live(&mut self) {
        let mut next = None;
        loop {
            let connection = match next.take() {
                Some(connection) => connection,
                None => self.connect().await,
            };
            tracing::info!(node = %self.node, at = %connection.remote_address(), "relay link is up");
            self.stats.is_up.store(true, Relaxed);
            self.tell_workers(|hop| Command::Hop { hop, is_up: true });
            add(&self.stats.connections, 1);
            self.share = Share::new(Instant::now());
            next = self.carry(&connection).await;
            if self.stats.share.load(Relaxed) > 0 {
                self.limit(None);
            }
            if next.is_none() {
                self.stats.is_up.store(false, Relaxed);
                self.tell_workers(|hop| Command::Hop { hop, is_up: false });
                let calls = self.routes.len();
                tracing::warn!(node = %self.node, calls, "relay link is lost; its calls wait for the next");
            }
            connection.close(0u8.into(), b"");
        }
    }

    /// The next connection. The node with the smaller id dials, so that there is one.
    async fn connect(&mut self) -> Connection {
        let mut dialing = self.dialing();
        let mut lost = Instant::now();
        loop {
            tokio::select! {
                Some(connection) = self.accepted.recv() => return connection,
                connection = &mut dialing => return connection,
                Some(command) = self.commands.recv() => {
                    if self.take(command) || lost.elapsed() >= GONE {
                        lost = Instant::now();
                        dialing = self.dialing();
                    }
                }
                () = sleep_until((lost + GONE).into()), if lost.elapsed() < GONE => {
                    if self.routes.len() > 0 {
                        lost = Instant::now();
                    } else {
                        dialing = Box::pin(std::future::pending());
                    }
                }
                // Too late by the time that there is a connection.
                Some(_) = self.outgoing.recv() => add(&self.stats.no_connection, 1),
            }
        }
    }

    fn dialing(&self) -> Pin<Box<dyn Future<Output = Connection> + Send>> {
        if self.relay.0.node > self.node || self.addresses.is_empty() {
            return Box::pin(std::future::pending());
        }
        Box::pin(dial(self.relay.clone(), self.node, self.addresses.clone()))
    }

    /// Takes note of a bridge; whether the addresses are others.
    fn take(&mut self, order: Order) -> bool {
        match order {
            Order::Addresses(addresses) => {
                let changed = self.addresses != addresses;
                self.addresses = addresses;
                return changed;
            }
            Order::Route(channel, port) => {
                for early in self.routes.add(Instant::now(), channel, port) {
                    self.pass(port, channel, early);
                }
                self.wake();
            }
            Order::Unroute(channel) => self.routes.remove(channel),
        }
        false
    }

    /// Carries datagrams until the connection is lost, or replaced by the one that is returned.
    async fn carry(&mut self, connection: &Connection) -> Option<Connection> {
        let mut look = interval(share::LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = connection.read_datagram() => match received {
                    Ok(datagram) => self.receive(connection, datagram),
                    Err(error) => {
                        tracing::info!(node = %self.node, %error, "relay connection ended");
                        return None;
                    }
                },
                Some((since, relayed)) = self.outgoing.recv() => {
                    self.queue.push(since, relayed);
                    for _ in 0..BATCH {
                        let Ok((since, relayed)) = self.outgoing.try_recv() else { break };
                        self.queue.push(since, relayed);
                    }
                    self.send(connection);
                }
                () = sleep(RETRY), if !self.queue.is_empty() => self.send(connection),
                Some(command) = self.commands.recv() => {
                    self.take(command);
                }
                Some(next) = self.accepted.recv() => return Some(next),
                _ = look.tick() => {
                    let round_trip = connection.rtt().as_micros() as u64;
                    self.stats.round_trip_us.store(round_trip, Relaxed);
                    let held = self.note_waiting(connection);
                    let seen = congestion::seen(connection);
                    self.share.lets_out(seen.map_or(f64::MAX, |seen| seen.rate));
                    let in_use = seen.and_then(|seen| seen.in_use);
                    let limit =
                        self.share.look(Instant::now(), self.routes.len(), held, in_use);
                    if let Some(limit) = limit {
                        self.limit(limit);
                    }
                }
            }
        }
    }

    /// Has the workers hold each call's publisher to so many bit/s, or to nothing.
    fn limit(&self, bitrate: Option<u64>) {
        self.stats.share.store(bitrate.unwrap_or_default(), Relaxed);
        self.tell_workers(|hop| Command::LimitHop { hop, bitrate });
    }

    fn tell_workers(&self, command: impl Fn(Hop) -> Command) {
        for peer in self.relay.0.workers.iter() {
            if peer.mailbox.tell(Input::Command(command(self.hop))).is_err() {
                tracing::error!(node = %self.node, "a worker takes no command of a relay link");
            }
        }
    }

    /// Looks whether anything waits for the link; how many bytes QUIC holds back.
    fn note_waiting(&mut self, connection: &Connection) -> usize {
        let held = SEND_BUFFER.saturating_sub(connection.datagram_send_buffer_space());
        self.share.waiting(Instant::now(), held > 0 || !self.queue.is_empty());
        held
    }

    fn send(&mut self, connection: &Connection) {
        let now = Instant::now();
        let held = self.note_waiting(connection);
        let mut room = self.share.ahead(SEND_BUFFER).saturating_sub(held);
        while room > 0
            && let Some(data) = self.queue.pop(now)
        {
            room = room.saturating_sub(data.len());
            self.share.sent(data.len());
            match connection.send_datagram(data.clone()) {
                Ok(()) => self.sent(&data),
                Err(SendDatagramError::TooLarge) => self.send_split(connection, &data),
                Err(_) => add(&self.stats.no_connection, 1),
            }
        }
        let dropped = std::mem::take(&mut self.queue.dropped);
        if dropped > 0 {
            // Where QUIC would have taken it, it was this task that was late.
            if held > 0 {
                self.share.dropped();
            }
            add(&self.stats.waited_too_long, dropped);
        }
    }

    fn send_split(&mut self, connection: &Connection, data: &Bytes) {
        let most = connection.max_datagram_size().unwrap_or_default();
        let Some(parts) = self.splitter.split(data, most) else {
            return add(&self.stats.too_large, 1);
        };
        add(&self.stats.split, 1);
        for part in parts {
            match connection.send_datagram(part.clone()) {
                Ok(()) => self.sent(&part),
                Err(SendDatagramError::TooLarge) => add(&self.stats.too_large, 1),
                Err(_) => add(&self.stats.no_connection, 1),
            }
        }
    }

    fn sent(&self, data: &Bytes) {
        add(&self.stats.sent, 1);
        add(&self.stats.sent_bytes, data.len() as u64);
    }

    /// Hands a datagram, and what else has come, to the workers.
    fn receive(&mut self, connection: &Connection, first: Bytes) {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(datagram) = next {
            self.dispatch(datagram);
            taken += 1;
            next = match taken {
                BATCH => None,
                _ => ready(connection.read_datagram()).and_then(Result::ok),
            };
        }
        self.wake();
    }

    fn dispatch(&mut self, datagram: Bytes) {
        add(&self.stats.received, 1);
        add(&self.stats.received_bytes, datagram.len() as u64);
        match self.joiner.join(datagram) {
            Ok(Some(datagram)) => match self.routes.find(Instant::now(), &datagram) {
                Route::Worker(port, channel) => self.pass(port, channel, datagram),
                Route::Kept => {}
                Route::Unknown => add(&self.stats.unknown_channel, 1),
                Route::Malformed => add(&self.stats.malformed, 1),
            },
            Ok(None) => {}
            Err(_) => add(&self.stats.malformed, 1),
        }
    }

    fn pass(&mut self, port: Port, channel: ChannelId, datagram: Bytes) {
        let index = usize::from(port.0);
        let peer = self.relay.0.workers.get(index);
        if peer.is_some_and(|peer| peer.mailbox.pass_relayed(channel, datagram)) {
            self.to_wake[index] = true;
        } else {
            add(&self.stats.worker_full, 1);
        }
    }

    fn wake(&mut self) {
        for (peer, wake) in self.relay.0.workers.iter().zip(&mut self.to_wake) {
            if std::mem::take(wake) {
                peer.mailbox.wake();
            }
        }
    }
}

/// What a future has ready, without waiting for it.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Dials a node at its addresses, again and again.
async fn dial(relay: Relay, node: NodeId, addresses: Vec<SocketAddr>) -> Connection {
    let mut pause = FIRST_PAUSE;
    let mut complained = false;
    loop {
        for &address in &addresses {
            let dialed = timeout(DIAL, dial_once(&relay, node, address)).await;
            match dialed.unwrap_or(Err(GreetingError::Silent)) {
                Ok(connection) => return connection,
                // The same every second helps nobody.
                Err(error) if complained => tracing::debug!(%node, %address, %error, "no relay"),
                Err(error) => {
                    tracing::warn!(%node, %address, %error, "no relay link, dialing again");
                }
            }
        }
        complained = true;
        let jitter = rand::rng().random_range(0.5..1.0);
        sleep(pause.mul_f64(jitter)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn dial_once(
    relay: &Relay,
    node: NodeId,
    address: SocketAddr,
) -> Result<Connection, GreetingError> {
    let connection = relay.0.endpoint.connect(address, SERVER_NAME)?.await?;
    match relay.0.greeter.dial(&connection, node).await {
        Ok(()) => Ok(connection),
        Err(error) => {
            connection.close(UNPROVEN, b"");
            Err(error)
        }
    }
}
