//! The node's end of the control links: one to each signaling instance.

mod dial;
mod link;

use std::{
    collections::HashSet,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use signaling_wire::ids::{NodeEpoch, NodeId};
use tokio::{
    net::lookup_host,
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};

use super::{
    ClusterSecret,
    tls::{self, TlsError},
};
use crate::node::{Status, ToDispatch};

/// How often names are resolved again: how soon a new signaling instance gets this node.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);

/// Who this node is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) epoch: NodeEpoch,
    pub(crate) region: String,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) capacity: u32,
    pub(crate) secret: ClusterSecret,
}

/// What every link has in common.
#[derive(Clone)]
struct Shared {
    identity: Arc<Identity>,
    to_dispatch: mpsc::Sender<ToDispatch>,
    status: watch::Receiver<Status>,
    stop: watch::Receiver<bool>,
}

/// Keeps a link to every address of every signaling name.
pub(crate) struct Client {
    shared: Shared,
    config: quinn::ClientConfig,
}

impl Client {
    pub(crate) fn new(
        identity: Identity,
        to_dispatch: mpsc::Sender<ToDispatch>,
        status: watch::Receiver<Status>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, TlsError> {
        let shared = Shared { identity: Arc::new(identity), to_dispatch, status, stop };
        Ok(Self { shared, config: tls::client_config()? })
    }

    /// Runs until the node stops; every link has said farewell then.
    pub(crate) async fn run(self, names: Vec<String>) {
        let mut dialing = JoinSet::new();
        let (resolved, known) = watch::channel(HashSet::new());
        let mut stop = self.shared.stop.clone();
        loop {
            let addresses = resolve(&names).await;
            // A name server that is down takes no signaling instance away.
            if !addresses.is_empty() {
                for address in addresses.difference(&known.borrow()) {
                    match self.endpoint(*address) {
                        Ok(endpoint) => {
                            let dial = dial::Dial::new(endpoint, *address, self.shared.clone());
                            dialing.spawn(dial.run(known.clone()));
                        }
                        Err(error) => tracing::error!(%error, "cannot open a socket to dial from"),
                    }
                }
                resolved.send_replace(addresses);
            }
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => break,
                () = sleep(RESOLVE_EVERY) => {}
            }
        }
        dialing.join_all().await;
    }

    fn endpoint(&self, to: SocketAddr) -> io::Result<quinn::Endpoint> {
        let any = match to {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let mut endpoint = quinn::Endpoint::client(any)?;
        endpoint.set_default_client_config(self.config.clone());
        Ok(endpoint)
    }
}

/// All addresses of these names. Of a name with both, only the IPv4 ones: the two families of one
/// instance would register the same node twice.
async fn resolve(names: &[String]) -> HashSet<SocketAddr> {
    let mut all = HashSet::new();
    for name in names {
        match lookup_host(name).await {
            Ok(addresses) => {
                let (v4, v6): (Vec<_>, Vec<_>) = addresses.partition(SocketAddr::is_ipv4);
                all.extend(if v4.is_empty() { v6 } else { v4 });
            }
            Err(error) => tracing::warn!(%name, %error, "cannot resolve a signaling name"),
        }
    }
    all
}
