//! Tables and migrations. `vitrine_schema` says how many migrations the database has had.

use deadpool_postgres::Client;

use super::{Failure, OpenError, connect::Pool};

/// Held while migrating: instances that start together take turns. Any number that nobody else
/// uses; this one spells "vitrine".
const MIGRATING: i64 = 0x0076_6974_7269_6e65;

/// Each migration once, in order, in one transaction with the count. A released one is never
/// changed; it must leave what the build before it needs, which still runs during an upgrade.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE calls (
        id              TEXT COLLATE \"C\" PRIMARY KEY,
        arrived         BIGINT GENERATED ALWAYS AS IDENTITY,
        state           TEXT NOT NULL CHECK (state IN ('waiting', 'ringing', 'active', 'ended')),
        link            TEXT NOT NULL,
        claims          TEXT NOT NULL,
        media           TEXT NOT NULL,
        synthetic       BOOLEAN NOT NULL,
        offer           TEXT,
        agent           TEXT,
        agent_name      TEXT,
        epoch           BIGINT NOT NULL DEFAULT 0,
        queued_at       BIGINT NOT NULL,
        offered_at      BIGINT,
        started_at      BIGINT,
        bridged_at      BIGINT,
        ended_at        BIGINT,
        end_reason      TEXT,
        timeline        TEXT,
        places          TEXT,
        quality_shopper TEXT,
        quality_agent   TEXT,
        outcome         TEXT,
        note            TEXT,
        wrap_up_at      BIGINT,
        score           BIGINT,
        comment         TEXT,
        satisfaction_at BIGINT
    );
    CREATE INDEX calls_of_link ON calls (link);
    CREATE INDEX calls_by_time ON calls (queued_at DESC, id DESC);
    CREATE INDEX calls_open ON calls (queued_at) WHERE state <> 'ended';
    -- What must never happen twice is refused by the database itself.
    CREATE UNIQUE INDEX one_open_call_of_a_link ON calls (link) WHERE state <> 'ended';
    CREATE UNIQUE INDEX one_call_of_an_agent ON calls (agent) WHERE state IN ('ringing', 'active');

    CREATE TABLE offers (
        id         TEXT PRIMARY KEY,
        arrived    BIGINT GENERATED ALWAYS AS IDENTITY,
        call       TEXT COLLATE \"C\" NOT NULL REFERENCES calls (id),
        agent      TEXT NOT NULL,
        agent_name TEXT NOT NULL,
        why        TEXT NOT NULL,
        offered_at BIGINT NOT NULL,
        until      BIGINT NOT NULL,
        result     TEXT,
        result_at  BIGINT
    );
    CREATE INDEX offers_of_call ON offers (call, offered_at);

    CREATE TABLE chat (
        call      TEXT COLLATE \"C\" NOT NULL REFERENCES calls (id),
        seq       BIGINT NOT NULL,
        side      TEXT NOT NULL,
        client_id BIGINT NOT NULL,
        text      TEXT NOT NULL,
        at        BIGINT NOT NULL,
        PRIMARY KEY (call, seq),
        UNIQUE (call, side, client_id)
    );

    CREATE TABLE agents (
        id        TEXT COLLATE \"C\" PRIMARY KEY,
        name      TEXT COLLATE \"C\" NOT NULL,
        languages TEXT NOT NULL,
        skills    TEXT NOT NULL,
        wanted    TEXT
    );

    CREATE TABLE sign_ins (
        token   TEXT PRIMARY KEY,
        expires BIGINT NOT NULL
    );

    CREATE TABLE secrets (
        name  TEXT PRIMARY KEY,
        value BYTEA NOT NULL
    );

    CREATE TABLE desk (
        one      BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
        alive_at BIGINT NOT NULL
    );

    -- Which instance's desk decides. The term counts the desks that ever led.
    CREATE TABLE leadership (
        one     BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
        term    BIGINT NOT NULL,
        holder  TEXT NOT NULL,
        address TEXT NOT NULL,
        until   TIMESTAMPTZ NOT NULL
    );
    INSERT INTO leadership (term, holder, address, until) VALUES (0, '', '', '-infinity');
    "];

/// Brings the database up to this build.
pub(super) async fn migrate(pool: &Pool) -> Result<(), OpenError> {
    // A big database may take long over a migration: no time limit here.
    let mut client = pool.client().await?;
    let transaction = client.transaction().await.map_err(Failure::from)?;
    let known = MIGRATIONS.len() as i64;
    let found = step(&transaction).await?;
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    transaction.commit().await.map_err(Failure::from)?;
    Ok(())
}

/// Runs the migrations that are missing, within the transaction; gives the count found.
async fn step(transaction: &deadpool_postgres::Transaction<'_>) -> Result<i64, Failure> {
    transaction
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = 0;
             SELECT pg_advisory_xact_lock({MIGRATING});
             CREATE TABLE IF NOT EXISTS vitrine_schema (
                 one     BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
                 version BIGINT NOT NULL
             );
             INSERT INTO vitrine_schema (version) VALUES (0) ON CONFLICT DO NOTHING;"
        ))
        .await?;
    let found: i64 = transaction.query_one("SELECT version FROM vitrine_schema", &[]).await?.get(0);
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        transaction.batch_execute(migration).await?;
    }
    let known = MIGRATIONS.len() as i64;
    if found < known {
        transaction.execute("UPDATE vitrine_schema SET version = $1", &[&known]).await?;
    }
    Ok(found)
}

/// Proves that the database takes writes: a standby, and a full or read-only one, do not.
pub(super) async fn check(client: &Client) -> Result<(), Failure> {
    let select =
        client.prepare_cached("UPDATE vitrine_schema SET version = version WHERE FALSE").await?;
    client.execute(&select, &[]).await?;
    Ok(())
}
