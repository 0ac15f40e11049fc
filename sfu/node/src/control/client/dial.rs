//! Dialing one signaling instance, again and again.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use rand::Rng;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Shared,
    link::{Link, LinkError},
};

/// First pause after a lost link: signaling that restarts is back within a second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause: how late a node may notice that signaling is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the close of a link may take to leave.
const FLUSH: Duration = Duration::from_millis(200);

/// Keeps one link up.
pub(super) struct Dial {
    endpoint: quinn::Endpoint,
    address: SocketAddr,
    shared: Shared,
}

impl Dial {
    pub(super) fn new(endpoint: quinn::Endpoint, address: SocketAddr, shared: Shared) -> Self {
        Self { endpoint, address, shared }
    }

    /// Runs until the node stops, or until the address is down and no name stands for it any more.
    pub(super) async fn run(self, known: watch::Receiver<HashSet<SocketAddr>>) {
        let mut pause = FIRST_PAUSE;
        let mut complained = false;
        let mut stop = self.shared.stop.clone();
        loop {
            let registered = tokio::select! {
                _ = stop.wait_for(|&stop| stop) => break,
                link = Link::open(&self.endpoint, self.address, &self.shared) => link,
            };
            let error = match registered {
                Ok(link) => {
                    (pause, complained) = (FIRST_PAUSE, false);
                    tracing::info!(signaling = %self.address, "registered");
                    link.run().await
                }
                Err(error) => Err(error),
            };
            if *stop.borrow() {
                break;
            }
            self.complain(error.err(), &mut complained);
            if !known.borrow().contains(&self.address) {
                tracing::info!(signaling = %self.address, "no name stands for it any more");
                break;
            }
            // Nodes that lost the same signaling must not all come back in the same instant.
            let jitter = rand::rng().random_range(0.5..1.0);
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => break,
                () = sleep(pause.mul_f64(jitter)) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        // The close is on its way; an address that never answered is not waited for.
        let _ = timeout(FLUSH, self.endpoint.wait_idle()).await;
    }

    /// Logs the first failure of a row as a warning; the same every two seconds helps nobody.
    fn complain(&self, error: Option<LinkError>, complained: &mut bool) {
        let why = error.map_or_else(|| "signaling closed it".to_owned(), |error| error.to_string());
        if std::mem::replace(complained, true) {
            tracing::debug!(signaling = %self.address, why, "no control link");
        } else {
            tracing::warn!(
                signaling = %self.address, why,
                "no control link: calls go on, dialing again"
            );
        }
    }
}
