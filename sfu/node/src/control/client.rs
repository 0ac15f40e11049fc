//! The node's end of the control links: one to each signaling instance.

mod board;
mod dial;
mod link;
mod targets;

use std::{collections::HashSet, io, net::SocketAddr, sync::Arc, time::Duration};

use signaling_wire::{
    control::Measure,
    ids::{NodeEpoch, NodeId},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

pub(crate) use self::board::{Board, Seen, Standing};
use self::targets::{Families, Target};

use super::{
    ClusterSecret,
    tls::{self, TlsError},
};
use crate::node::{Status, ToDispatch};

/// How often names are resolved again: how soon a new signaling instance gets this node.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);

/// How often at most: instances that are lost together are looked for once.
const RESOLVE_APART: Duration = Duration::from_millis(500);

/// Who this node is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) epoch: NodeEpoch,
    pub(crate) region: String,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) relay: Vec<SocketAddr>,
    pub(crate) capacity: u32,
    pub(crate) secret: ClusterSecret,
    /// With what pages measure their round trip to this node.
    pub(crate) measure: Measure,
}

/// What every link has in common.
#[derive(Clone)]
struct Shared {
    identity: Arc<Identity>,
    to_dispatch: mpsc::Sender<ToDispatch>,
    status: watch::Receiver<Status>,
    stop: watch::Receiver<bool>,
    /// A link was lost: its name may stand for another address by now.
    lost: Arc<Notify>,
    board: Board,
}

/// Keeps a link to every signaling instance.
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
        board: Board,
    ) -> Result<Self, TlsError> {
        let identity = Arc::new(identity);
        let shared = Shared { identity, to_dispatch, status, stop, lost: Arc::default(), board };
        Ok(Self { shared, config: tls::client_config()? })
    }

    /// Runs until the node stops; every link has said farewell then.
    pub(crate) async fn run(self, names: Vec<String>) {
        let mut dialing = JoinSet::new();
        let (resolved, known) = watch::channel(HashSet::new());
        let mut stop = self.shared.stop.clone();
        loop {
            let targets = targets::resolve(&names).await;
            // A name server that is down takes no signaling instance away.
            if !targets.is_empty() {
                for target in &targets {
                    if known.borrow().contains(&target.id()) {
                        continue;
                    }
                    match self.endpoints(target) {
                        Ok(endpoints) => {
                            let dial =
                                dial::Dial::new(endpoints, target.clone(), self.shared.clone());
                            dialing.spawn(dial.run(known.clone()));
                        }
                        Err(error) => tracing::error!(%error, "cannot open a socket to dial from"),
                    }
                }
                resolved.send_replace(targets.iter().map(Target::id).collect());
            }
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => break,
                () = self.due() => {}
            }
        }
        dialing.join_all().await;
    }

    /// Waits until names have to be resolved again.
    async fn due(&self) {
        sleep(RESOLVE_APART).await;
        // Whether a link was lost or the time is over.
        let _ = timeout(RESOLVE_EVERY - RESOLVE_APART, self.shared.lost.notified()).await;
    }

    fn endpoints(&self, to: &Target) -> io::Result<Families<quinn::Endpoint>> {
        to.families(|any| {
            let mut endpoint = quinn::Endpoint::client(any)?;
            endpoint.set_default_client_config(self.config.clone());
            Ok(endpoint)
        })
    }
}
