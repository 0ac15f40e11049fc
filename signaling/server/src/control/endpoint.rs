//! Accepting control links.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sfu_node::control::{ClusterSecret, tls};
use tokio::sync::Semaphore;

use super::{NodeEvents, Nodes, link};
use crate::{Failure, failure::plainly};

/// Connections that have not proven themselves yet. Nodes are few and prove themselves within a
/// round trip; anything above this is somebody knocking.
const MAX_UNPROVEN: usize = 32;

/// How long the closing of links may take.
const FAREWELL: Duration = Duration::from_millis(200);

/// The control listener.
#[derive(Debug)]
pub struct Endpoint {
    endpoint: quinn::Endpoint,
    address: SocketAddr,
}

impl Endpoint {
    /// Binds the UDP port and accepts nodes that know `secret`.
    ///
    /// # Errors
    /// A sentence when the port cannot be had.
    pub fn start(
        listen: SocketAddr,
        secret: ClusterSecret,
        nodes: Arc<Nodes>,
        events: Arc<dyn NodeEvents>,
    ) -> Result<Self, Failure> {
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
        tokio::spawn(accept(endpoint.clone(), secret, nodes, events));
        Ok(Self { endpoint, address })
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

async fn accept(
    endpoint: quinn::Endpoint,
    secret: ClusterSecret,
    nodes: Arc<Nodes>,
    events: Arc<dyn NodeEvents>,
) {
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
        let (secret, nodes, events) = (secret.clone(), Arc::clone(&nodes), Arc::clone(&events));
        tokio::spawn(async move {
            let from = incoming.remote_address();
            if let Err(error) = link::serve(incoming, permit, &secret, &nodes, &*events).await {
                tracing::warn!(%from, %error, "control link ended");
            }
        });
    }
}
