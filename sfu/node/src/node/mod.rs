//! A node: its workers, the task that dispatches between them and the control links.
//!
//! ```text
//!  signaling ◄─ control link ─► dispatch (one task) ◄─ queues ─► workers (threads)
//!               control::client    registry
//! ```
//!
//! [`Node::start`] is all that the binary and an embedding process need.

mod addresses;
mod dispatch;
mod drain;
mod monitor;
mod registry;
mod translate;
mod ways;

use std::{io, net::SocketAddr, thread, time::Duration};

use sfu_core::{Certificate, api::Measuring};
use signaling_wire::{control::Measure, ids::NodeEpoch};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

pub(crate) use self::{
    dispatch::{Hello, Status, ToDispatch},
    registry::LinkId,
};
pub use self::{
    drain::{Drain, Ended},
    monitor::{Monitor, Readiness},
};
use crate::{
    config::NodeConfig,
    control::{client, tls::TlsError},
    relay::{Relay, RelayError},
    worker::{Common, Listener, Socket, Workers},
};

/// Worker events that may wait for the dispatcher. When it is full the workers keep their events
/// back, so this only bounds memory.
const EVENTS: usize = 4_096;

/// Messages from links that may wait for the dispatcher; a link that finds it full reads no
/// further until there is room.
const COMMANDS: usize = 256;

/// How long a stopping node waits for its last messages to reach signaling.
const FAREWELL: Duration = Duration::from_secs(2);

/// A node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A UDP port is not to be had.
    #[error("cannot bind UDP {address}: {source}")]
    Bind {
        /// Which one.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The TCP port is not to be had.
    #[error("cannot bind TCP {address}: {source}")]
    BindTcp {
        /// Which one.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The ports of all workers do not fit below 65536.
    #[error("{workers} workers from UDP port {base} on need ports above 65535")]
    Ports {
        /// The first port.
        base: u16,
        /// How many.
        workers: u16,
    },
    /// This host has no address that a page could reach.
    #[error("no address to offer to pages: set `advertise`")]
    NoAddress,
    /// The control link cannot be set up.
    #[error("cannot set up the control link: {0}")]
    Tls(#[from] TlsError),
    /// The relay cannot be set up.
    #[error("cannot set up the relay: {0}")]
    Relay(#[from] RelayError),
    /// A metric's name is wrong or given twice.
    #[error("metrics cannot be built: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The system refuses something else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A running node. Dropping it stops it without waiting; [`Node::stop`] waits.
#[derive(Debug)]
pub struct Node {
    monitor: Monitor,
    drain: Drain,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    dispatch: JoinHandle<Workers>,
    client: JoinHandle<()>,
}

impl Node {
    /// Starts a node: binds its ports, starts its workers and dials signaling. Must be called
    /// within a Tokio runtime.
    pub fn start(config: NodeConfig) -> Result<Self, StartError> {
        let (sockets, tcp) = bind(&config)?;
        let addresses: Vec<SocketAddr> =
            sockets.iter().flat_map(|(_, candidates)| candidates.iter().copied()).collect();
        let (events, event_queue) = mpsc::channel(EVENTS);
        let measuring = Measuring::random(&mut rand::rng());
        let common = Common {
            certificate: Certificate::generate(),
            measuring: measuring.clone(),
            max_legs: config.max_legs_per_worker,
            receive_delay: config.receive_delay.get(),
            tcp_candidates: tcp.candidates.clone(),
            events,
        };
        let capacity = sockets.len() * config.max_legs_per_worker / 2;
        let workers = Workers::start(sockets, tcp.listener, &common)?;

        let (stop, stopped) = watch::channel(false);
        let (to_dispatch, commands) = mpsc::channel(COMMANDS);
        let (status, status_seen) = watch::channel(dispatch::Status::starting());
        let ways = ways::Ways::new()?;
        let board = client::Board::default();
        let relay = Relay::start(
            config.node,
            SocketAddr::new(config.bind, config.relay_port),
            config.secret.clone(),
            workers.peers.clone(),
            stopped.clone(),
        )?;
        let reached = addresses::advertised(config.bind, &config.advertise)?;
        let relay_addresses = addresses::relay(&reached, relay.port()?);
        let monitor =
            Monitor::new(&workers, status_seen.clone(), ways.clone(), board.clone(), relay.clone());
        let drain = Drain::new(to_dispatch.clone(), status_seen.clone());
        let dispatch = dispatch::Dispatch::new(workers, event_queue, commands, status, ways, relay);
        let identity = client::Identity {
            node: config.node,
            epoch: NodeEpoch::random(&mut rand::rng()),
            region: config.region,
            addresses: addresses.clone(),
            relay: relay_addresses,
            capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
            secret: config.secret,
            measure: Measure { ufrag: measuring.ufrag, pwd: measuring.pwd },
        };
        let stop_seen = stopped.clone();
        let client = client::Client::new(identity, to_dispatch, status_seen, stop_seen, board)?;
        let over_tcp = tcp.candidates;
        tracing::info!(node = %config.node, ?addresses, ?over_tcp, "the node listens");
        Ok(Self {
            monitor,
            drain,
            addresses,
            stop,
            dispatch: tokio::spawn(dispatch.run(stopped)),
            client: tokio::spawn(client.run(config.signaling)),
        })
    }

    /// What to look at: readiness and metrics.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Empties it before it stops.
    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// The candidate addresses, of all workers.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Closes every leg, says farewell to signaling and ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        match self.dispatch.await {
            Ok(workers) => {
                // The workers have been told to stop; the threads end within a turn.
                let _ = tokio::task::spawn_blocking(move || workers.join()).await;
            }
            Err(error) => tracing::error!(%error, "the dispatcher failed"),
        }
        if timeout(FAREWELL, self.client).await.is_err() {
            tracing::warn!("signaling did not take the farewell in time");
        }
    }
}

/// The workers' sockets, with the candidates that reach them.
type Sockets = Vec<(Socket, Vec<SocketAddr>)>;

/// The node's TCP port, if it has one.
#[derive(Default)]
struct Tcp {
    listener: Option<Listener>,
    candidates: Vec<SocketAddr>,
}

fn bind(config: &NodeConfig) -> Result<(Sockets, Tcp), StartError> {
    let workers = match config.workers {
        Some(workers) => workers.get(),
        None => thread::available_parallelism()
            .map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(u16::MAX)),
    };
    let addresses = addresses::advertised(config.bind, &config.advertise)?;
    if addresses.is_empty() {
        return Err(StartError::NoAddress);
    }
    let base = config.base_port;
    let sockets = (0..workers)
        .map(|index| {
            let port = match base {
                0 => 0,
                _ => base.checked_add(index).ok_or(StartError::Ports { base, workers })?,
            };
            let address = SocketAddr::new(config.bind, port);
            let socket =
                Socket::bind(address).map_err(|source| StartError::Bind { address, source })?;
            let candidates = addresses::candidates(&addresses, index, socket.local().port());
            Ok((socket, candidates))
        })
        .collect::<Result<_, StartError>>()?;
    let Some(port) = config.tcp_port else { return Ok((sockets, Tcp::default())) };
    let address = SocketAddr::new(config.bind, port);
    let listener =
        Listener::bind(address).map_err(|source| StartError::BindTcp { address, source })?;
    let port = listener.local().port();
    let candidates = addresses::tcp_candidates(&addresses, port, config.base_port);
    Ok((sockets, Tcp { listener: Some(listener), candidates }))
}
