//! Tables and migrations. A file's `user_version` says how many migrations it has had.

use rusqlite::Connection;

use super::file::{Failure, OpenError};

/// Each migration once, in order, in a transaction of its own. A released one is never changed.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE calls (
        id              TEXT PRIMARY KEY,
        state           TEXT NOT NULL CHECK (state IN ('waiting', 'ringing', 'active', 'ended')),
        link            TEXT NOT NULL,
        claims          TEXT NOT NULL,
        media           TEXT NOT NULL,
        synthetic       INTEGER NOT NULL,
        offer           TEXT,
        agent           TEXT,
        agent_name      TEXT,
        epoch           INTEGER NOT NULL DEFAULT 0,
        queued_at       INTEGER NOT NULL,
        offered_at      INTEGER,
        started_at      INTEGER,
        bridged_at      INTEGER,
        ended_at        INTEGER,
        end_reason      TEXT,
        timeline        TEXT,
        quality_shopper TEXT,
        quality_agent   TEXT,
        outcome         TEXT,
        note            TEXT,
        wrap_up_at      INTEGER,
        score           INTEGER,
        comment         TEXT,
        satisfaction_at INTEGER
    ) STRICT;
    CREATE INDEX calls_of_link ON calls (link);
    CREATE INDEX calls_by_time ON calls (queued_at DESC, id DESC);
    CREATE INDEX calls_open ON calls (queued_at) WHERE state <> 'ended';
    -- What must never happen twice is refused by the file itself.
    CREATE UNIQUE INDEX one_open_call_of_a_link ON calls (link) WHERE state <> 'ended';
    CREATE UNIQUE INDEX one_call_of_an_agent ON calls (agent) WHERE state IN ('ringing', 'active');

    CREATE TABLE offers (
        id         TEXT PRIMARY KEY,
        call       TEXT NOT NULL REFERENCES calls (id),
        agent      TEXT NOT NULL,
        agent_name TEXT NOT NULL,
        why        TEXT NOT NULL,
        offered_at INTEGER NOT NULL,
        until      INTEGER NOT NULL,
        result     TEXT,
        result_at  INTEGER
    ) STRICT;
    CREATE INDEX offers_of_call ON offers (call, offered_at);

    CREATE TABLE chat (
        call      TEXT NOT NULL REFERENCES calls (id),
        seq       INTEGER NOT NULL,
        side      TEXT NOT NULL,
        client_id INTEGER NOT NULL,
        text      TEXT NOT NULL,
        at        INTEGER NOT NULL,
        PRIMARY KEY (call, seq),
        UNIQUE (call, side, client_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE agents (
        id        TEXT PRIMARY KEY,
        name      TEXT NOT NULL,
        languages TEXT NOT NULL,
        skills    TEXT NOT NULL,
        wanted    TEXT
    ) STRICT;

    CREATE TABLE sign_ins (
        token   TEXT PRIMARY KEY,
        expires INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE secrets (
        name  TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE desk (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        alive_at INTEGER NOT NULL
    ) STRICT;
    ",
    "
    ALTER TABLE calls ADD COLUMN places TEXT;
    ",
];

/// Brings the file up to this build.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = version(connection).map_err(OpenError::Failed)?;
    if found > MIGRATIONS.len() {
        return Err(OpenError::TooNew { found, known: MIGRATIONS.len() });
    }
    for (done, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        step(connection, done + 1, migration).map_err(OpenError::Failed)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<usize, Failure> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))? as usize)
}

fn step(connection: &mut Connection, version: usize, migration: &str) -> Result<(), Failure> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(migration)?;
    transaction.pragma_update(None, "user_version", version as i64)?;
    Ok(transaction.commit()?)
}
