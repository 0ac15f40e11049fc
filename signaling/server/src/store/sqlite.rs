//! The embedded store: one SQLite file, written by one thread.
//!
//! WAL keeps readers (an operator's `sqlite3`, a backup) out of the writer's way. With
//! `synchronous = NORMAL` a commit survives the death of the process; a loss of power may take the
//! last moments with it, in exchange for not waiting for the disk at every step of a call.
//!
//! * `file`: opening the file, its lock, and the pragmas
//! * `schema`: tables and migrations, counted by `user_version`
//! * `verbs`: the desk's changes; `records`: what is read back; `directory`: agents, one-time
//!   tokens, secrets

mod directory;
pub(super) mod file;
mod records;
mod schema;
mod verbs;

use std::{ops::ControlFlow, path::Path, thread};

use async_trait::async_trait;
use signaling_desk::{
    Millis,
    record::CallRecord,
    store::{AgentProfile, Applied, CallFilter, Restored, Store, StoreError, Verb},
};
use signaling_wire::ids::{AgentId, CallId, LinkId};
use tokio::sync::{mpsc, oneshot};

pub use file::OpenError;
use file::{Database, Failure};

/// Requests that may wait for the thread. The desk has one at a time; the rest is the API.
const REQUESTS: usize = 256;

/// Work for the thread. A break ends it; who asked for that is told when the file is closed.
type Request = Box<dyn FnOnce(&mut Database) -> ControlFlow<oneshot::Sender<()>> + Send>;

/// The SQLite store. The thread ends, and the file is closed, when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Sqlite {
    requests: mpsc::Sender<Request>,
}

impl Sqlite {
    /// Opens (or creates) the database and starts its thread.
    ///
    /// # Errors
    /// [`OpenError`] says what an operator can do about it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::start(Database::open(path)?)
    }

    /// Opens the database next to a signaling process that may have it open: for the command line,
    /// which makes links and agents. It must not run a desk.
    ///
    /// # Errors
    /// As [`Sqlite::open`], but never [`OpenError::InUse`].
    pub fn open_beside(path: &Path) -> Result<Self, OpenError> {
        Self::start(Database::open_beside(path)?)
    }

    pub(super) fn start(mut database: Database) -> Result<Self, OpenError> {
        let (requests, mut receiver) = mpsc::channel::<Request>(REQUESTS);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Some(request) = receiver.blocking_recv() {
                    if let ControlFlow::Break(closed) = request(&mut database) {
                        drop(database);
                        // Whoever asked may not wait for it.
                        let _ = closed.send(());
                        return;
                    }
                }
            })
            .map_err(OpenError::Thread)?;
        Ok(Self { requests })
    }

    /// Does what has been asked so far and closes the file. Later requests find no store.
    pub async fn close(&self) {
        let (closed, on_close) = oneshot::channel();
        if self.requests.send(Box::new(|_| ControlFlow::Break(closed))).await.is_ok() {
            // It fails only when the thread is gone, and the file closed with it.
            let _ = on_close.await;
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("the store's thread has stopped".to_owned());
        let (answer, receiver) = oneshot::channel();
        let request: Request = Box::new(move |database| {
            // A caller that no longer waits does not undo what was asked for.
            let _ = answer.send(question(database).map_err(StoreError::from));
            ControlFlow::Continue(())
        });
        self.requests.send(request).await.map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn apply(&self, verb: Verb) -> Result<Applied, StoreError> {
        self.ask(move |database| database.apply(&verb)).await
    }

    async fn restore(&self) -> Result<Restored, StoreError> {
        self.ask(|database| database.restore()).await
    }

    async fn call_record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        self.ask(move |database| database.call_record(call)).await
    }

    async fn list_calls(&self, filter: CallFilter) -> Result<Vec<CallRecord>, StoreError> {
        self.ask(move |database| database.list_calls(filter)).await
    }

    async fn agents(&self) -> Result<Vec<AgentProfile>, StoreError> {
        self.ask(|database| database.agents()).await
    }

    async fn agent(&self, id: AgentId) -> Result<Option<AgentProfile>, StoreError> {
        self.ask(move |database| database.agent(id)).await
    }

    async fn put_agent(&self, agent: AgentProfile) -> Result<(), StoreError> {
        self.ask(move |database| database.put_agent(&agent)).await
    }

    async fn remove_agent(&self, id: AgentId) -> Result<bool, StoreError> {
        self.ask(move |database| database.remove_agent(id)).await
    }

    async fn spend_sign_in(
        &self,
        token: LinkId,
        now: Millis,
        expires: Millis,
    ) -> Result<bool, StoreError> {
        self.ask(move |database| database.spend_sign_in(token, now, expires)).await
    }

    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let name = name.to_owned();
        self.ask(move |database| database.secret(&name, fresh)).await
    }

    async fn replace_secret(
        &self,
        name: &str,
        known: Vec<u8>,
        fresh: Vec<u8>,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.ask(move |database| database.replace_secret(&name, &known, &fresh)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.ask(|database| database.check()).await
    }
}
