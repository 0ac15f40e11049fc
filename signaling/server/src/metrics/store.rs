//! A store that is watched. Every change of a call passes through here, so this is also where
//! calls are counted and logged: what is counted is what is recorded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use signaling_desk::{
    Millis,
    record::CallRecord,
    store::{AgentProfile, Applied, CallFilter, Restored, Store, StoreError, Verb},
};
use signaling_wire::{
    browser::TimelineEntry,
    ids::{AgentId, CallId, LinkId},
};

use super::{Metrics, label, stages::Counted};

/// Calls whose time in the queue is measured at a time: more than any shop lets wait.
const MAX_WAITING: usize = 10_000;

/// Counts and times what goes through to the store within.
pub struct MeteredStore {
    inner: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    waiting: Mutex<HashMap<CallId, Millis>>,
    counted: Mutex<Counted>,
}

impl MeteredStore {
    /// Watches `inner`.
    pub fn new(inner: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics, waiting: Mutex::default(), counted: Mutex::default() }
    }

    async fn timed<T>(
        &self,
        op: &str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        let result = work.await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(StoreError::Unavailable(_)) => "unavailable",
            Err(StoreError::Damaged(_)) => "damaged",
            Err(StoreError::Deposed) => "deposed",
        };
        let taken = started.elapsed().as_secs_f64();
        self.metrics.store.with_label_values(&[op, outcome]).observe(taken);
        result
    }

    fn count(&self, verb: &Verb) {
        match verb {
            Verb::Enqueue { call, at, .. } => {
                let mut waiting = lock(&self.waiting);
                if waiting.len() < MAX_WAITING {
                    waiting.insert(*call, *at);
                }
            }
            Verb::Accept { call, at, .. } => {
                tracing::info!(%call, "call accepted");
                self.metrics.calls_started.inc();
                self.metrics.offers.with_label_values(&["accepted"]).inc();
                if let Some(since) = lock(&self.waiting).remove(call) {
                    self.metrics.queue_wait.observe(at.since(since).as_secs_f64());
                }
            }
            Verb::Release { result, .. } => {
                self.metrics.offers.with_label_values(&[label(result)]).inc();
            }
            Verb::End { call, reason, .. } => {
                tracing::info!(%call, reason = label(reason), "call ended");
                lock(&self.waiting).remove(call);
                lock(&self.counted).ended(*call);
                self.metrics.calls_ended.with_label_values(&[label(reason)]).inc();
            }
            Verb::Timeline { call, entries } => self.observe_stages(*call, entries),
            _ => {}
        }
    }

    fn observe_stages(&self, call: CallId, entries: &[TimelineEntry]) {
        for entry in lock(&self.counted).fresh(call, entries) {
            let side = entry.side.map_or_else(|| "server".to_owned(), |side| label(&side));
            self.metrics
                .setup
                .with_label_values(&[&entry.stage, &side])
                .observe(entry.at_ms / 1_000.0);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name(verb: &Verb) -> &'static str {
    match verb {
        Verb::Enqueue { .. } => "enqueue",
        Verb::Claim { .. } => "claim",
        Verb::Release { .. } => "release",
        Verb::Accept { .. } => "accept",
        Verb::Bridged { .. } => "bridged",
        Verb::End { .. } => "end",
        Verb::Chat { .. } => "chat",
        Verb::Timeline { .. } => "timeline",
        Verb::Quality { .. } => "quality",
        Verb::WrapUp { .. } => "wrap_up",
        Verb::Satisfaction { .. } => "satisfaction",
        Verb::Wanted { .. } => "wanted",
        Verb::Alive { .. } => "alive",
    }
}

#[async_trait]
impl Store for MeteredStore {
    async fn apply(&self, verb: Verb) -> Result<Applied, StoreError> {
        let applied = self.timed(name(&verb), self.inner.apply(verb.clone())).await;
        if applied == Ok(Applied::Done) {
            self.count(&verb);
        }
        applied
    }

    async fn restore(&self) -> Result<Restored, StoreError> {
        self.timed("restore", self.inner.restore()).await
    }

    async fn call_record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        self.timed("call_record", self.inner.call_record(call)).await
    }

    async fn list_calls(&self, filter: CallFilter) -> Result<Vec<CallRecord>, StoreError> {
        self.timed("list_calls", self.inner.list_calls(filter)).await
    }

    async fn agents(&self) -> Result<Vec<AgentProfile>, StoreError> {
        self.timed("agents", self.inner.agents()).await
    }

    async fn agent(&self, id: AgentId) -> Result<Option<AgentProfile>, StoreError> {
        self.timed("agent", self.inner.agent(id)).await
    }

    async fn put_agent(&self, agent: AgentProfile) -> Result<(), StoreError> {
        self.timed("put_agent", self.inner.put_agent(agent)).await
    }

    async fn remove_agent(&self, id: AgentId) -> Result<bool, StoreError> {
        self.timed("remove_agent", self.inner.remove_agent(id)).await
    }

    async fn spend_sign_in(
        &self,
        token: LinkId,
        now: Millis,
        expires: Millis,
    ) -> Result<bool, StoreError> {
        self.timed("spend_sign_in", self.inner.spend_sign_in(token, now, expires)).await
    }

    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        self.timed("secret", self.inner.secret(name, fresh)).await
    }

    async fn replace_secret(
        &self,
        name: &str,
        known: Vec<u8>,
        fresh: Vec<u8>,
    ) -> Result<bool, StoreError> {
        self.timed("replace_secret", self.inner.replace_secret(name, known, fresh)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.timed("check", self.inner.check()).await
    }
}
