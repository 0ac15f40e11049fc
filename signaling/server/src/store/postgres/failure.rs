//! What goes wrong with a database, in words of the store and of the operator.

use signaling_desk::store::StoreError;
use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::super::column::Damaged;

/// Why the store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The setting is not an address of a database.
    #[error("store must look like postgres://user:password@host/database: {0}")]
    Address(String),
    /// The system's certificate authorities cannot be read.
    #[error("TLS to the database cannot be set up: {0}")]
    Tls(String),
    /// A newer build wrote it.
    #[error("the database has format {found}, this build knows up to {known}. Use the newer build")]
    TooNew {
        /// Its format.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// The database cannot be reached, or does not let us.
    #[error("cannot open the database: {0}")]
    Failed(#[from] Failure),
}

/// Why a request failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// No connection, or no answer in time.
    #[error("{0}")]
    Away(String),
    /// The database said so.
    #[error("{}", sentence(.0))]
    Database(#[from] tokio_postgres::Error),
    /// A value cannot be read or written.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// Another desk leads.
    #[error("another desk has taken over")]
    Deposed,
}

impl Failure {
    /// Two requests wanted the same at the same moment. Asked again, the database gives a reason.
    pub(super) fn is_race(&self) -> bool {
        match self {
            Self::Database(error) => error.code().is_some_and(|code| {
                [
                    &SqlState::UNIQUE_VIOLATION,
                    &SqlState::T_R_SERIALIZATION_FAILURE,
                    &SqlState::T_R_DEADLOCK_DETECTED,
                ]
                .contains(&code)
            }),
            _ => false,
        }
    }
}

/// What the database says, without the client's own wrapping.
fn sentence(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => said.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match &failure {
            Failure::Deposed => Self::Deposed,
            Failure::Damaged(what) => Self::Damaged(what.to_string()),
            Failure::Away(_) => Self::Unavailable(failure.to_string()),
            Failure::Database(error) => match error.code().map(|code| &code.code()[..2]) {
                // Data that does not fit, a constraint, a statement that is wrong: again is no help.
                Some("22" | "23" | "42") => Self::Damaged(failure.to_string()),
                // A value that cannot be converted on this side.
                None if !error.is_closed()
                    && error.as_db_error().is_none()
                    && is_of_value(error) =>
                {
                    Self::Damaged(failure.to_string())
                }
                _ => Self::Unavailable(failure.to_string()),
            },
        }
    }
}

/// Whether the client could not write a parameter or read a column.
fn is_of_value(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing") || text.starts_with("error deserializing")
}
