//! The store that desks share, and its fence.

use std::{sync::Arc, time::Duration};

use signaling_desk::store::{AgentProfile, Applied, Restored, Store, StoreError, Verb};
use signaling_server::store::{
    Postgres, Sqlite,
    postgres::{Leadership, Term},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::database;

/// What desks share.
pub(super) trait Ledger {
    /// A desk begins; those before it have nothing to say from here on.
    fn take_over(&mut self) -> i64;
    /// What the desk of this term wants stored.
    fn apply(&mut self, term: i64, verb: &Verb) -> Result<Applied, StoreError>;
    fn restore(&mut self) -> Restored;
    fn put_agent(&mut self, agent: AgentProfile);
}

/// The embedded store, with the fence that a shared one has.
pub(super) struct Model {
    runtime: Runtime,
    store: Sqlite,
    term: i64,
    _directory: TempDir,
}

impl Model {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("temp dir");
        let store = Sqlite::open(&directory.path().join("model.db")).expect("opened");
        Self { runtime: runtime(), store, term: 0, _directory: directory }
    }
}

impl Ledger for Model {
    fn take_over(&mut self) -> i64 {
        self.term += 1;
        self.term
    }

    fn apply(&mut self, term: i64, verb: &Verb) -> Result<Applied, StoreError> {
        if term != self.term {
            return Err(StoreError::Deposed);
        }
        self.runtime.block_on(self.store.apply(verb.clone()))
    }

    fn restore(&mut self) -> Restored {
        self.runtime.block_on(self.store.restore()).expect("restored")
    }

    fn put_agent(&mut self, agent: AgentProfile) {
        self.runtime.block_on(self.store.put_agent(agent)).expect("stored");
    }
}

/// PostgreSQL.
pub(super) struct Real {
    runtime: Runtime,
    store: Postgres,
    leadership: Leadership,
    term: Term,
}

impl Real {
    pub(super) fn new() -> Self {
        let runtime = runtime();
        let open = async { Postgres::open(&database::fresh().await).await.expect("opened") };
        let store = runtime.block_on(open);
        let leadership = store.leadership();
        Self { runtime, store, leadership, term: Term(0) }
    }
}

impl Ledger for Real {
    fn take_over(&mut self) -> i64 {
        // A lease that is over at once: the walk decides who takes over when.
        let taken = self.leadership.take(self.term, "walk", "nowhere", Duration::ZERO);
        self.term = self.runtime.block_on(taken).expect("asked").expect("nobody else is there");
        self.term.0
    }

    fn apply(&mut self, term: i64, verb: &Verb) -> Result<Applied, StoreError> {
        let store: Arc<dyn Store> = Arc::new(self.store.of_desk(Term(term)));
        self.runtime.block_on(store.apply(verb.clone()))
    }

    fn restore(&mut self) -> Restored {
        self.runtime.block_on(self.store.restore()).expect("restored")
    }

    fn put_agent(&mut self, agent: AgentProfile) {
        self.runtime.block_on(self.store.put_agent(agent)).expect("stored");
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
