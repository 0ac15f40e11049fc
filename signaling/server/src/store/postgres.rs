//! The shared store: a PostgreSQL database that several signaling instances work on.
//!
//! Every verb is one statement, so that nothing is ever half done and no lock waits for a client.
//! A statement names the term of the desk it comes from, and changes nothing when another desk has
//! taken over since (see [`Leadership`]).
//!
//! * `connect`: the address, the pool and what may take how long; `tls`: whom the database has to be
//! * `schema`: tables and migrations
//! * `verbs`: the desk's changes; `records`: what is read back; `directory`: agents, one-time
//!   tokens, secrets; `leadership`: which instance's desk decides

mod connect;
mod directory;
mod failure;
mod leadership;
mod records;
mod schema;
mod tls;
mod verbs;

use std::fmt;

use async_trait::async_trait;
use signaling_desk::{
    Millis,
    record::CallRecord,
    store::{AgentProfile, Applied, CallFilter, Restored, Store, StoreError, Verb},
};
use signaling_wire::ids::{AgentId, CallId, LinkId};

use self::{connect::Pool, failure::Failure};
pub use self::{
    failure::OpenError,
    leadership::{Leader, Leadership, Term},
};
use crate::config::Secret;

/// The PostgreSQL store. Clones share one pool of connections.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
    /// Whose desk the verbs are of; none for tools, which change nothing that a desk decides.
    term: Option<Term>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("term", &self.term).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects and brings the tables up to this build.
    ///
    /// # Errors
    /// [`OpenError`] says what an operator can do about it.
    pub async fn open(url: &Secret) -> Result<Self, OpenError> {
        let pool = Pool::new(url)?;
        schema::migrate(&pool).await?;
        Ok(Self { pool, term: None })
    }

    /// The store of the desk that leads in this term: its verbs are refused with
    /// [`StoreError::Deposed`] from the moment on that another desk leads.
    #[must_use]
    pub fn of_desk(&self, term: Term) -> Self {
        Self { pool: self.pool.clone(), term: Some(term) }
    }

    /// Who leads.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        Leadership::new(self.pool.clone())
    }

    /// Closes the connections. Later requests find no store.
    pub fn close(&self) {
        self.pool.close();
    }
}

#[async_trait]
impl Store for Postgres {
    async fn apply(&self, verb: Verb) -> Result<Applied, StoreError> {
        Ok(verbs::apply(&self.pool, self.term, &verb).await?)
    }

    async fn restore(&self) -> Result<Restored, StoreError> {
        Ok(self.pool.ask(records::restore).await?)
    }

    async fn call_record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        Ok(self.pool.ask(async |client| records::call_record(client, call).await).await?)
    }

    async fn list_calls(&self, filter: CallFilter) -> Result<Vec<CallRecord>, StoreError> {
        Ok(self.pool.ask(async |client| records::list_calls(client, filter).await).await?)
    }

    async fn agents(&self) -> Result<Vec<AgentProfile>, StoreError> {
        Ok(self.pool.ask(directory::agents).await?)
    }

    async fn agent(&self, id: AgentId) -> Result<Option<AgentProfile>, StoreError> {
        Ok(self.pool.ask(async |client| directory::agent(client, id).await).await?)
    }

    async fn put_agent(&self, agent: AgentProfile) -> Result<(), StoreError> {
        Ok(self.pool.ask(async |client| directory::put_agent(client, &agent).await).await?)
    }

    async fn remove_agent(&self, id: AgentId) -> Result<bool, StoreError> {
        Ok(self.pool.ask(async |client| directory::remove_agent(client, id).await).await?)
    }

    async fn spend_sign_in(
        &self,
        token: LinkId,
        now: Millis,
        expires: Millis,
    ) -> Result<bool, StoreError> {
        let spend = async |client: &_| directory::spend_sign_in(client, token, now, expires).await;
        Ok(self.pool.ask(spend).await?)
    }

    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(self.pool.ask(async |client| directory::secret(client, name, &fresh).await).await?)
    }

    async fn replace_secret(
        &self,
        name: &str,
        known: Vec<u8>,
        fresh: Vec<u8>,
    ) -> Result<bool, StoreError> {
        let replace =
            async |client: &_| directory::replace_secret(client, name, &known, &fresh).await;
        Ok(self.pool.ask(replace).await?)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(self.pool.ask(schema::check).await?)
    }
}
