//! The listening end: only who proves to be of the cluster gets further.

use std::{sync::Arc, time::Duration};

use quinn::{Connection, Incoming};
use signaling_wire::ids::NodeId;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Relay,
    greeting::{GreetingError, UNPROVEN},
};

/// From the first packet to the proof; a node needs three round trips.
const PROVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that have not proven themselves, at a time: more than the nodes of a cluster that
/// come back together. Each may hold a receive buffer.
const MAX_UNPROVEN: usize = 16;

/// Accepts connections until the node stops.
pub(super) async fn run(relay: Relay) {
    let unproven = Arc::new(Semaphore::new(MAX_UNPROVEN));
    let mut stop = relay.0.stop.clone();
    loop {
        let incoming = tokio::select! {
            _ = stop.wait_for(|&stop| stop) => break,
            incoming = relay.0.endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { break };
        let Ok(permit) = Arc::clone(&unproven).try_acquire_owned() else {
            relay.0.stats.refuse();
            incoming.refuse();
            continue;
        };
        let relay = relay.clone();
        tokio::spawn(async move {
            let greeted = timeout(PROVE_TIMEOUT, greet(&relay, incoming)).await;
            drop(permit);
            match greeted.unwrap_or(Err(GreetingError::Silent)) {
                Ok((node, connection)) => relay.link(node).accepted(connection).await,
                Err(error) => {
                    relay.0.stats.refuse();
                    tracing::debug!(%error, "a relay connection is refused");
                }
            }
        });
    }
    relay.0.endpoint.close(0u8.into(), b"the node is stopping");
}

async fn greet(relay: &Relay, incoming: Incoming) -> Result<(NodeId, Connection), GreetingError> {
    let connection = incoming.await?;
    match relay.0.greeter.accept(&connection).await {
        Ok(node) => Ok((node, connection)),
        Err(error) => {
            connection.close(UNPROVEN, b"");
            Err(error)
        }
    }
}
