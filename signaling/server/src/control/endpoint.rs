//! Accepting control links.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use quinn::{Connection, crypto::rustls::HandshakeData};
use sfu_node::control::{ClusterSecret, tls};
use signaling_wire::control::ALPN_INSTANCE;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{NodeEvents, Nodes, link};
use crate::{Failure, cluster::Peers, failure::plainly};

/// Connections that have not proven themselves yet. Nodes are few and prove themselves within a
/// round trip; anything above this is somebody knocking.
const MAX_UNPROVEN: usize = 32;

/// How long QUIC's handshake may take, in which the other end proves nothing yet.
const SHAKE_HANDS: Duration = Duration::from_secs(5);

/// How long the closing of links may take.
const FAREWELL: Duration = Duration::from_millis(200);

/// The control listener.
#[derive(Debug)]
pub struct Endpoint {
    endpoint: quinn::Endpoint,
    address: SocketAddr,
}

impl Endpoint {
    /// Takes the UDP port; nobody is answered yet.
    ///
    /// # Errors
    /// A sentence when the port cannot be had.
    pub fn bind(listen: SocketAddr) -> Result<Self, Failure> {
        let config = tls::server_config()
            .map_err(|error| Failure::Machine(format!("the control listener: {error}")))?;
        let taken = |error: std::io::Error| {
            Failure::Machine(format!(
                "the control listener cannot use UDP {listen}: {} (--control-listen)",
                plainly(&error)
            ))
        };
        let endpoint = quinn::Endpoint::server(config, listen).map_err(taken)?;
        let address = endpoint.local_addr().map_err(taken)?;
        Ok(Self { endpoint, address })
    }

    /// Accepts nodes that know the cluster secret, and instances that follow this one.
    pub(crate) fn serve(&self, callers: Callers) {
        tokio::spawn(accept(self.endpoint.clone(), callers));
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every link; nodes keep forwarding and dial again.
    pub async fn close(&self) {
        self.endpoint.close(0u8.into(), b"signaling stops");
        // The farewell has left by then; QUIC's own end of a connection takes seconds.
        let _ = tokio::time::timeout(FAREWELL, self.endpoint.wait_idle()).await;
    }
}

/// Who may call, and who is told.
#[derive(Clone)]
pub(crate) struct Callers {
    pub(crate) secret: ClusterSecret,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) events: Arc<dyn NodeEvents>,
    /// None where there is only one instance.
    pub(crate) peers: Option<Peers>,
}

async fn accept(endpoint: quinn::Endpoint, callers: Callers) {
    let unproven = Arc::new(Semaphore::new(MAX_UNPROVEN));
    while let Some(incoming) = endpoint.accept().await {
        // One Retry makes the sender show that its address is its own before we keep state.
        if !incoming.remote_address_validated() {
            // It fails only for a connection that is validated, which this one is not.
            let _ = incoming.retry();
            continue;
        }
        let Ok(permit) = Arc::clone(&unproven).try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let callers = callers.clone();
        tokio::spawn(async move {
            let from = incoming.remote_address();
            match timeout(SHAKE_HANDS, incoming).await {
                Ok(Ok(connection)) => callers.answer(connection, permit).await,
                Ok(Err(error)) => tracing::debug!(%from, %error, "no connection"),
                Err(_) => tracing::debug!(%from, "no connection in time"),
            }
        });
    }
}

impl Callers {
    async fn answer(&self, connection: Connection, permit: OwnedSemaphorePermit) {
        let from = connection.remote_address();
        match &self.peers {
            Some(peers) if speaks(&connection, ALPN_INSTANCE) => {
                if let Err(error) = peers.serve(connection, permit).await {
                    tracing::warn!(%from, %error, "the link of an instance that follows ended");
                }
            }
            None if speaks(&connection, ALPN_INSTANCE) => {
                connection.close(0u8.into(), b"there is only one instance");
            }
            _ => {
                let Self { secret, nodes, events, .. } = self;
                let served = link::serve(connection, permit, secret, nodes, &**events).await;
                if let Err(error) = served {
                    tracing::warn!(%from, %error, "control link ended");
                }
            }
        }
    }
}

/// Whether the connection was made for this protocol.
fn speaks(connection: &Connection, protocol: &[u8]) -> bool {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.is_some_and(|data| data.protocol.as_deref() == Some(protocol))
}
