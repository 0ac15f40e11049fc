//! The store that the configuration names, and the secrets that go with it: beside an SQLite file
//! they are files, in PostgreSQL they are rows, so that all instances have the same.

use std::sync::Arc;

use signaling_desk::store::{Store, StoreError};
use signaling_wire::ids::NodeId;

use crate::{
    Config, Failure,
    config::Secret,
    data_dir::{DataDir, random},
    store::{Postgres, Sqlite},
};

/// 256 bits, as in [`DataDir`].
const SECRET_BYTES: usize = 32;
/// How the API key begins, so that one that leaked is recognised.
const API_KEY_PREFIX: &str = "vk_";
/// Names of the secrets in PostgreSQL.
const API_KEY: &str = "api-key";
const CLUSTER_SECRET: &str = "cluster-secret";
/// And in SQLite.
const NODE_ID: &str = "embedded-node";

/// The open store.
#[derive(Debug, Clone)]
pub enum Storage {
    /// An SQLite file in the data directory, for this process alone.
    Embedded(Sqlite, DataDir),
    /// A PostgreSQL database that instances share.
    Shared(Postgres),
}

impl Storage {
    /// Opens the store for a server.
    ///
    /// # Errors
    /// A sentence when it cannot be opened.
    pub async fn open(config: &Config, data: &DataDir) -> Result<Self, Failure> {
        let machine = |error: &dyn std::error::Error| Failure::Machine(error.to_string());
        match &config.store {
            Some(url) => {
                Ok(Self::Shared(Postgres::open(url).await.map_err(|error| machine(&error))?))
            }
            None => {
                let sqlite = Sqlite::open(&data.database()).map_err(|error| machine(&error))?;
                Ok(Self::Embedded(sqlite, data.clone()))
            }
        }
    }

    /// Opens the store next to a server that may have it open.
    ///
    /// # Errors
    /// As [`Storage::open`].
    pub async fn open_beside(config: &Config, data: &DataDir) -> Result<Self, Failure> {
        if config.store.is_some() {
            return Self::open(config, data).await;
        }
        let sqlite = Sqlite::open_beside(&data.database())
            .map_err(|error| Failure::Machine(error.to_string()))?;
        Ok(Self::Embedded(sqlite, data.clone()))
    }

    /// The store. Its verbs are of no desk in particular.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(sqlite, _) => Arc::new(sqlite.clone()),
            Self::Shared(postgres) => Arc::new(postgres.clone()),
        }
    }

    /// The API key, made on first use.
    ///
    /// # Errors
    /// A sentence when it cannot be read or made.
    pub async fn api_key(&self) -> Result<Secret, Failure> {
        match self {
            Self::Embedded(_, data) => data.api_key(),
            Self::Shared(store) => secret(store, API_KEY, API_KEY_PREFIX).await,
        }
    }

    /// Throws the API key away and makes a new one.
    ///
    /// # Errors
    /// As [`Storage::api_key`].
    pub async fn new_api_key(&self) -> Result<Secret, Failure> {
        match self {
            Self::Embedded(_, data) => data.new_api_key(),
            Self::Shared(store) => {
                let known = self.api_key().await?;
                let key = fresh(API_KEY_PREFIX);
                let known = known.expose().as_bytes().to_vec();
                let replaced = store.replace_secret(API_KEY, known, key.as_bytes().to_vec()).await;
                if replaced.map_err(failure)? {
                    Ok(Secret::new(key))
                } else {
                    // Somebody replaced it at the same moment: theirs is as new.
                    self.api_key().await
                }
            }
        }
    }

    /// What nodes and instances prove knowledge of, made on first use.
    ///
    /// # Errors
    /// As [`Storage::api_key`].
    pub async fn cluster_secret(&self) -> Result<Secret, Failure> {
        match self {
            Self::Embedded(_, data) => data.cluster_secret(),
            Self::Shared(store) => secret(store, CLUSTER_SECRET, "").await,
        }
    }

    /// The id of the node in this process, which stays the same over restarts. Instances that
    /// share a store have a node each.
    ///
    /// # Errors
    /// A sentence when it cannot be read or made.
    pub async fn node_id(&self, data: &DataDir) -> Result<NodeId, Failure> {
        let id = match self {
            Self::Embedded(sqlite, _) => {
                sqlite.secret(NODE_ID, random::<16>().to_vec()).await.map_err(failure)?
            }
            Self::Shared(_) => data.node_id()?,
        };
        let id: [u8; 16] = id
            .try_into()
            .map_err(|_| Failure::Machine("the stored node id is damaged".to_owned()))?;
        Ok(NodeId::from_bits(u128::from_be_bytes(id)))
    }

    /// Does what has been asked so far and closes it.
    pub async fn close(&self) {
        match self {
            Self::Embedded(sqlite, _) => sqlite.close().await,
            Self::Shared(postgres) => postgres.close(),
        }
    }
}

async fn secret(store: &Postgres, name: &str, prefix: &str) -> Result<Secret, Failure> {
    let bytes = store.secret(name, fresh(prefix).into_bytes()).await.map_err(failure)?;
    let text = String::from_utf8(bytes);
    text.map(Secret::new).map_err(|_| Failure::Machine(format!("the stored {name} is damaged")))
}

fn fresh(prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(random::<SECRET_BYTES>()))
}

pub(crate) fn failure(error: StoreError) -> Failure {
    Failure::Machine(error.to_string())
}
