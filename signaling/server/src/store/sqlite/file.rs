//! The open database file.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, Row};
use signaling_desk::store::StoreError;
use thiserror::Error;

use super::{
    super::column::{Columns, Damaged},
    schema,
};

/// How long a write waits for another program (a backup, an operator's shell) to let go.
const BUSY: Duration = Duration::from_secs(2);

/// Statements kept prepared: all there are.
const STATEMENTS: usize = 64;

/// Why the store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The directory cannot be made or written.
    #[error("cannot write in {path}: {source}. Choose another data directory or change its rights")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error(
        "{path} is in use by another signaling process. Stop it, or choose another data directory"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// A newer build wrote it.
    #[error("the database has format {found}, this build knows up to {known}. Use the newer build")]
    TooNew {
        /// Its format.
        found: usize,
        /// The newest known.
        known: usize,
    },
    /// SQLite cannot work with it.
    #[error("cannot open the database: {0}")]
    Failed(#[source] Failure),
    /// The store's thread did not start.
    #[error("cannot start the store's thread: {0}")]
    Thread(#[source] io::Error),
}

/// Why a request failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// SQLite said so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A value cannot be read or written.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match &failure {
            Failure::Damaged(what) => Self::Damaged(what.to_string()),
            Failure::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Self::Damaged(error.to_string())
                }
                Some(_) => Self::Unavailable(error.to_string()),
                None => Self::Damaged(error.to_string()),
            },
        }
    }
}

/// The open database file.
#[derive(Debug)]
pub(in crate::store) struct Database {
    pub(in crate::store) connection: Connection,
    /// Held as long as the file is open: two desks on one file would pair twice.
    _lock: Option<File>,
}

impl Database {
    /// Opens or creates the file at `path`, and its directory.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, OpenError> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let cannot_write = |source| OpenError::Directory {
            path: directory.unwrap_or(Path::new(".")).to_owned(),
            source,
        };
        if let Some(directory) = directory {
            fs::create_dir_all(directory).map_err(cannot_write)?;
        }
        let lock = File::create(path.with_extension("lock")).map_err(cannot_write)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(cannot_write(source)),
        }
        // It holds the secrets that sign tokens; SQLite gives its other files the same rights.
        owner_only(path).map_err(cannot_write)?;
        let connection = Connection::open(path).map_err(|error| OpenError::Failed(error.into()))?;
        Self::prepare(connection, Some(lock))
    }

    /// Opens or creates the file at `path`, whoever else has it open.
    pub(super) fn open_beside(path: &Path) -> Result<Self, OpenError> {
        let connection = Connection::open(path).map_err(|error| OpenError::Failed(error.into()))?;
        Self::prepare(connection, None)
    }

    /// A database that is gone when it is dropped.
    #[cfg(test)]
    pub(in crate::store) fn in_memory() -> Result<Self, OpenError> {
        let connection =
            Connection::open_in_memory().map_err(|error| OpenError::Failed(error.into()))?;
        Self::prepare(connection, None)
    }

    fn prepare(mut connection: Connection, lock: Option<File>) -> Result<Self, OpenError> {
        configure(&connection).map_err(|error| OpenError::Failed(error.into()))?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection, _lock: lock })
    }

    /// Proves that the file can be written: takes the write lock and lets it go.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK;")?)
    }
}

/// Makes the file, readable by nobody else, unless there is one.
fn owner_only(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

impl Columns for Row<'_> {
    type Failure = Failure;

    fn maybe_text(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.get(name)?)
    }

    fn maybe_integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        Ok(self.get(name)?)
    }
}
