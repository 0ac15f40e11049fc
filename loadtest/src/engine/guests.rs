//! The agents of a run: made when they are needed, used again, and removed in the end.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{StreamExt, stream};

use crate::drive::api::{Api, ApiError, SyntheticAgent};

/// The agents.
#[derive(Debug)]
pub(super) struct Agents {
    api: Api,
    /// Makes names that no other run has.
    run: u64,
    made: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<SyntheticAgent>,
    /// Agents that must not be used again.
    spent: Vec<SyntheticAgent>,
}

/// Agents that are removed at the same time.
const REMOVED_AT_ONCE: usize = 8;

impl Agents {
    /// Makes the first one.
    pub(super) async fn begin(api: Api, seed: u64) -> Result<Self, ApiError> {
        let agents = Self {
            api,
            run: rand::random::<u64>() ^ seed,
            made: AtomicU64::new(0),
            state: Mutex::default(),
        };
        let first = agents.make().await?;
        agents.give_back(first, true);
        Ok(agents)
    }

    /// An agent for one call.
    pub(super) async fn take(&self) -> Result<SyntheticAgent, ApiError> {
        let idle = self.state().idle.pop();
        match idle {
            Some(agent) => Ok(agent),
            None => self.make().await,
        }
    }

    /// The call is over. An agent whose call went wrong may still be in it, as far as the
    /// deployment knows, and is not used again.
    pub(super) fn give_back(&self, agent: SyntheticAgent, good: bool) {
        let mut state = self.state();
        if good { &mut state.idle } else { &mut state.spent }.push(agent);
    }

    async fn make(&self) -> Result<SyntheticAgent, ApiError> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.api.synthetic_agent(&format!("{:016x}-{number}", self.run)).await
    }

    /// Removes all that are not in use. Whom the deployment does not let go is told in the log: the
    /// run's result does not depend on it.
    pub(super) async fn dismiss(&self) {
        let State { idle, spent } = std::mem::take(&mut *self.state());
        stream::iter(idle.into_iter().chain(spent))
            .for_each_concurrent(REMOVED_AT_ONCE, |agent| async move {
                if let Err(error) = self.api.remove_agent(agent.id).await {
                    tracing::warn!(agent = %agent.id, %error, "a synthetic agent is left behind");
                }
            })
            .await;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Valid after any panic: the lists are only ever pushed to and popped from.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
