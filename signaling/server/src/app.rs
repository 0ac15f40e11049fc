//! What the request handlers share.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Instant,
};

use signaling_desk::{Millis, store::Store};
use tokio::sync::watch;

use crate::{
    bucket::Bucket,
    cluster::Standing,
    config::Config,
    control::Nodes,
    desk_task,
    http::{ApiKeys, FailureLimit},
    issuer::Issuer,
    keys,
    lead::Leads,
    metrics::Metrics,
    tokens::Tokens,
    ws::{Seconds, Sockets},
};

/// The parts of a running server.
pub struct App {
    /// The effective configuration.
    pub config: Config,
    /// Calls, agents, secrets.
    pub store: Arc<dyn Store>,
    /// Where the desk is that pairs people.
    pub lead: Leads,
    /// How this instance stands among several.
    pub(crate) standing: Option<watch::Receiver<Standing>>,
    /// The pages that are connected.
    pub sockets: Arc<Sockets>,
    /// The second connections that those may have.
    pub seconds: Arc<Seconds>,
    /// The media nodes.
    pub nodes: Arc<Nodes>,
    /// Checks tokens.
    pub tokens: Arc<Tokens>,
    /// Makes them.
    pub issuer: Arc<Issuer>,
    /// Who may use the API.
    pub api_keys: ApiKeys,
    /// Who failed too often.
    pub failures: FailureLimit,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Set when the server stops: not ready for anything new.
    pub stopping: AtomicBool,
    /// How often an unknown key id may make us look for new keys: forged ids are free.
    pub(crate) key_reloads: Mutex<Bucket>,
}

impl App {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Millis {
        desk_task::now()
    }

    /// Reads the signing keys again. False when it was done a moment ago.
    pub(crate) async fn reload_keys(&self) -> bool {
        let due = {
            let mut reloads = self.key_reloads.lock().unwrap_or_else(PoisonError::into_inner);
            reloads.take(Instant::now())
        };
        if due {
            match keys::load(&*self.store).await {
                Ok(keys) => self.tokens.replace_keys(keys),
                Err(error) => tracing::error!(%error, "the signing keys cannot be read"),
            }
        }
        due
    }
}
