//! Links to other nodes: calls whose two legs are on different nodes.
//!
//! ```text
//!  worker ── Way ──► link task ◄══ QUIC datagrams ══► link task ── mailbox ──► worker
//!                    (one for each other node)
//! ```
//!
//! What the datagrams say is the core's business ([`sfu_core::relay`]). Here they are queued (audio
//! first, nothing older than 50 ms), sent, received and handed to the worker of their call. A link
//! is dialed when signaling introduces the nodes to each other, at the latest when a call needs it, by the
//! node with the smaller id, and kept; when it is lost it is dialed again, and the calls on it go on.
//!
//! * `tls`: the QUIC configuration; `congestion`: how much may be under way;
//! * `greeting`: the mutual proof;
//! * `accept`: the listening end; `link`: one link, and its task;
//! * `queue`: what waits to be sent; `share`: what each call may send over a narrow link;
//! * `routes`: which worker a channel is on;
//! * `stats`: what a link counts.

mod accept;
mod congestion;
mod greeting;
mod link;
mod queue;
mod routes;
mod share;
mod stats;
mod tls;

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quinn_udp::{UdpSockRef, UdpSocketState};
use sfu_core::api::Hop;
use signaling_wire::{
    control::{MAX_PEERS, Peer as OtherNode, PeerRtt},
    ids::NodeId,
};
use tokio::sync::watch;

use self::{greeting::Greeter, link::Link, stats::RelayStats};
pub(crate) use self::{
    link::{LinkHandle, Way},
    stats::LinkFigures,
};
use crate::{
    control::{ClusterSecret, tls::TlsError},
    worker::Peer,
};

/// Asked for in each direction, as for the media sockets.
const BUFFER_BYTES: usize = 4 << 20;

/// The links of a node.
#[derive(Debug, Clone)]
pub(crate) struct Relay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: NodeId,
    endpoint: quinn::Endpoint,
    greeter: Greeter,
    workers: Arc<[Peer]>,
    stop: watch::Receiver<bool>,
    stats: RelayStats,
    /// Only touched when a call is bridged or a link comes up.
    links: Mutex<HashMap<NodeId, LinkHandle>>,
}

impl Relay {
    /// Binds the relay port and listens. Must be called within a Tokio runtime.
    pub(crate) fn start(
        node: NodeId,
        bind: SocketAddr,
        secret: ClusterSecret,
        workers: Arc<[Peer]>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, RelayError> {
        let socket = socket(bind).map_err(|source| RelayError::Bind { address: bind, source })?;
        let mut endpoint = quinn::Endpoint::new(
            quinn::EndpointConfig::default(),
            Some(tls::server_config()?),
            socket,
            Arc::new(quinn::TokioRuntime),
        )
        .map_err(|source| RelayError::Bind { address: bind, source })?;
        endpoint.set_default_client_config(tls::client_config()?);
        let relay = Self(Arc::new(Inner {
            node,
            endpoint,
            greeter: Greeter::new(node, secret),
            workers,
            stop,
            stats: RelayStats::default(),
            links: Mutex::new(HashMap::new()),
        }));
        tokio::spawn(accept::run(relay.clone()));
        Ok(relay)
    }

    /// The port it is bound to.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.0.endpoint.local_addr()?.port())
    }

    /// The link to a node; it is made if there is none.
    pub(crate) fn link(&self, node: NodeId) -> LinkHandle {
        let mut links = self.links();
        // A cluster has far fewer nodes than a u16 holds, and all of them know its secret.
        let hop = Hop(links.len() as u16);
        links.entry(node).or_insert_with(|| Link::spawn(self, node, hop)).clone()
    }

    /// Makes links to nodes that calls may be carried to.
    pub(crate) fn meet(&self, nodes: Vec<OtherNode>) {
        for OtherNode { node, addresses } in nodes.into_iter().take(MAX_PEERS) {
            if node != self.0.node && !addresses.is_empty() {
                self.link(node).reach(addresses);
            }
        }
    }

    /// What the links count.
    pub(crate) fn figures(&self) -> (Vec<LinkFigures>, u64) {
        let links = self.links().values().map(LinkHandle::figures).collect();
        (links, self.0.stats.refused())
    }

    /// How far other nodes are, as far as is known.
    pub(crate) fn round_trips(&self) -> impl Iterator<Item = PeerRtt> {
        let (links, _) = self.figures();
        links.into_iter().filter_map(|link| {
            let rtt_ms = link.round_trip?.as_secs_f32() * 1_000.0;
            Some(PeerRtt { node: link.node, rtt_ms })
        })
    }

    fn links(&self) -> MutexGuard<'_, HashMap<NodeId, LinkHandle>> {
        // Insertion is one step: no panic can leave the table half-changed.
        self.0.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn socket(bind: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(bind)?;
    let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
    // What the kernel refuses shows in the media sockets' figures.
    let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), BUFFER_BYTES);
    let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), BUFFER_BYTES);
    Ok(socket)
}

/// The relay cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The port is not to be had.
    #[error("cannot bind UDP {address}: {source}")]
    Bind {
        /// Which one.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// TLS or QUIC refuse their configuration.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
