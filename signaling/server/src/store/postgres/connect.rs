//! Connections: where to, under which limits.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{Client, Manager, ManagerConfig, Object, PoolError, RecyclingMethod};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Failure, OpenError, tls::Tls};
use crate::config::Secret;

/// Connections of one instance: one for the desk's verbs, one for its lease, the rest for the API
/// and for hellos, which take well under a millisecond each. Ten instances stay below PostgreSQL's
/// default of 100.
const MAX_CONNECTIONS: usize = 8;

/// How long a new connection may take. Databases stand near; TLS and a password take milliseconds.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a request may take, the wait for a connection included. They take milliseconds; a
/// database that needs longer is of no use to somebody who waits for a call.
const REQUEST: Duration = Duration::from_secs(3);

/// How long the database works on one statement before it gives up: below [`REQUEST`], so that it
/// does not do what nobody waits for.
const STATEMENT_MS: u32 = 2_500;

/// The connections of this process.
#[derive(Clone)]
pub(super) struct Pool(deadpool_postgres::Pool);

impl Pool {
    /// A pool for this address. Connects when first asked.
    pub(super) fn new(url: &Secret) -> Result<Self, OpenError> {
        let (address, tls) = Tls::take_from(url.expose())?;
        let mut config = Config::from_str(&address).map_err(|error| {
            let why =
                std::error::Error::source(&error).map_or(error.to_string(), |e| e.to_string());
            OpenError::Address(why)
        })?;
        tls.apply(&mut config);
        config.connect_timeout(CONNECT).tcp_user_timeout(REQUEST).keepalives_idle(REQUEST);
        if config.get_application_name().is_none() {
            config.application_name("vitrine-signaling");
        }
        if config.get_options().is_none() {
            config.options(format!("-c statement_timeout={STATEMENT_MS}"));
        }
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match tls.client()? {
            None => Manager::from_config(config, NoTls, how),
            Some(client) => Manager::from_config(config, MakeRustlsConnect::new(client), how),
        };
        let pool = deadpool_postgres::Pool::builder(manager).max_size(MAX_CONNECTIONS).build();
        // It fails only for timeouts without a runtime, and there are none here.
        pool.map(Self).map_err(|error| OpenError::Address(error.to_string()))
    }

    /// Asks the database something, within [`REQUEST`].
    pub(super) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let away = |why: &str| Failure::Away(format!("the database {why}"));
        let deadline = tokio::time::Instant::now() + REQUEST;
        let client = match tokio::time::timeout_at(deadline, self.0.get()).await {
            Ok(Ok(client)) => client,
            Ok(Err(PoolError::Backend(error))) => return Err(Failure::Database(error)),
            Ok(Err(error)) => return Err(Failure::Away(error.to_string())),
            Err(_) => return Err(away("does not take connections")),
        };
        match tokio::time::timeout_at(deadline, question(&client)).await {
            Ok(answer) => answer,
            Err(_) => {
                // It still waits for an answer, and nobody else should wait behind it.
                drop(Object::take(client));
                Err(away("does not answer"))
            }
        }
    }

    /// Hands a connection out for as long as its holder wants.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        match timeout(REQUEST, self.0.get()).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(PoolError::Backend(error))) => Err(Failure::Database(error)),
            Ok(Err(error)) => Err(Failure::Away(error.to_string())),
            Err(_) => Err(Failure::Away("the database does not take connections".to_owned())),
        }
    }

    pub(super) fn close(&self) {
        self.0.close();
    }
}
