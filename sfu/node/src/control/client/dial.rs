//! Dialing one signaling instance, again and again.

use std::{collections::HashSet, time::Duration};

use rand::Rng;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Families, Shared, Target,
    link::{Link, LinkError},
};
use crate::node::LinkId;

/// First pause after a lost link: signaling that restarts is back within a second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause: how late a node may notice that signaling is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the close of a link may take to leave.
const FLUSH: Duration = Duration::from_millis(200);

/// Keeps one link up.
pub(super) struct Dial {
    endpoints: Families<quinn::Endpoint>,
    target: Target,
    shared: Shared,
}

impl Dial {
    pub(super) fn new(
        endpoints: Families<quinn::Endpoint>,
        target: Target,
        shared: Shared,
    ) -> Self {
        Self { endpoints, target, shared }
    }

    /// Runs until the node stops, or until the instance is down and no name stands for it any more.
    pub(super) async fn run(self, known: watch::Receiver<HashSet<LinkId>>) {
        let mut pause = FIRST_PAUSE;
        let mut complained = false;
        let mut stop = self.shared.stop.clone();
        let (id, board) = (self.target.id(), self.shared.board.clone());
        board.dialing(id, None);
        loop {
            let registered = tokio::select! {
                _ = stop.wait_for(|&stop| stop) => break,
                link = self.open() => link,
            };
            let error = match registered {
                Ok(link) => {
                    (pause, complained) = (FIRST_PAUSE, false);
                    tracing::info!(signaling = %link.connection().remote_address(), "registered");
                    board.registered(id, link.connection());
                    let ended = link.run().await;
                    self.shared.lost.notify_one();
                    ended
                }
                Err(error) => Err(error),
            };
            if *stop.borrow() {
                break;
            }
            board.dialing(id, error.as_ref().err().map(LinkError::to_string));
            self.complain(error.err(), &mut complained);
            if !known.borrow().contains(&id) {
                tracing::info!(signaling = %id, "no name stands for it any more");
                board.forget(id);
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
        let _ = timeout(FLUSH, async {
            for endpoint in self.endpoints.iter() {
                endpoint.wait_idle().await;
            }
        })
        .await;
    }

    /// Tries its addresses one after the other; the first one's error says the most.
    async fn open(&self) -> Result<Link, LinkError> {
        let mut failed = None;
        for address in self.target.addresses() {
            let Some(endpoint) = self.endpoints.of(address) else { continue };
            match Link::open(endpoint, address, self.target.id(), &self.shared).await {
                Ok(link) => return Ok(link),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        // A target has at least one address, and an endpoint for it.
        Err(failed.unwrap_or(LinkError::Stopping))
    }

    /// Logs the first failure of a row as a warning; the same every two seconds helps nobody.
    fn complain(&self, error: Option<LinkError>, complained: &mut bool) {
        let why = error.map_or_else(|| "signaling closed it".to_owned(), |error| error.to_string());
        if std::mem::replace(complained, true) {
            tracing::debug!(signaling = %self.target.id(), why, "no control link");
        } else {
            tracing::warn!(
                signaling = %self.target.id(), why,
                "no control link: calls go on, dialing again"
            );
        }
    }
}
