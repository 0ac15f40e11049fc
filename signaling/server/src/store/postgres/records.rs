//! What is read back: records for the API, open calls for a desk that starts.

use std::collections::HashMap;

use deadpool_postgres::Client;
use signaling_desk::{
    record::CallRecord,
    store::{CallFilter, OpenCall, Restored},
};
use signaling_wire::{ids::CallId, limits::MAX_CHAT_REPLAY};
use tokio_postgres::Row;

use super::{
    super::{
        column::{Columns, from_time, from_word, parse},
        rows::{line, offer, open_call, record},
    },
    Failure,
};

/// Most records in one page of a list.
const MAX_PAGE: u32 = 200;

/// The record of one call.
pub(super) async fn call_record(
    client: &Client,
    call: CallId,
) -> Result<Option<CallRecord>, Failure> {
    let query = client.prepare_cached("SELECT * FROM calls WHERE id = $1").await?;
    let rows = client.query(&query, &[&call.to_string()]).await?;
    Ok(complete(client, &rows).await?.pop())
}

/// Records of calls, newest first.
pub(super) async fn list_calls(
    client: &Client,
    filter: CallFilter,
) -> Result<Vec<CallRecord>, Failure> {
    let sql = "SELECT * FROM calls
               WHERE ($1::text IS NULL OR NOT EXISTS (SELECT 1 FROM calls WHERE id = $1)
                      OR (queued_at, id) < (SELECT queued_at, id FROM calls WHERE id = $1))
                 AND (NOT $2::boolean OR state <> 'ended')
               ORDER BY queued_at DESC, id DESC LIMIT $3";
    let query = client.prepare_cached(sql).await?;
    let before = filter.before.map(|call| call.to_string());
    let limit = i64::from(filter.limit.min(MAX_PAGE));
    let rows = client.query(&query, &[&before, &filter.open, &limit]).await?;
    complete(client, &rows).await
}

/// Records of these rows, with what other tables know.
async fn complete(client: &Client, rows: &[Row]) -> Result<Vec<CallRecord>, Failure> {
    let ids: Vec<String> = rows.iter().map(|row| row.text("id")).collect::<Result<_, _>>()?;
    let sql = "SELECT * FROM offers WHERE call = ANY($1) ORDER BY offered_at, arrived";
    let query = client.prepare_cached(sql).await?;
    let mut offers: HashMap<String, Vec<_>> = HashMap::new();
    for row in client.query(&query, &[&ids]).await? {
        offers.entry(row.text("call")?).or_default().push(offer(&row)?);
    }
    let sql = "SELECT call, count(*) AS lines FROM chat WHERE call = ANY($1) GROUP BY call";
    let query = client.prepare_cached(sql).await?;
    let mut lines: HashMap<String, u32> = HashMap::new();
    for row in client.query(&query, &[&ids]).await? {
        lines.insert(row.text("call")?, row.number("lines")?);
    }
    rows.iter()
        .zip(&ids)
        .map(|(row, id)| {
            let mut record = record(row)?;
            record.offers = offers.remove(id).unwrap_or_default();
            record.chat_count = lines.get(id).copied().unwrap_or_default();
            Ok(record)
        })
        .collect()
}

/// What a desk needs to carry on.
pub(super) async fn restore(client: &Client) -> Result<Restored, Failure> {
    let sql = "SELECT * FROM calls WHERE state <> 'ended' ORDER BY queued_at, arrived";
    let rows = client.query(sql, &[]).await?;
    let mut calls: Vec<OpenCall> = rows.iter().map(open_call).collect::<Result<_, _>>()?;
    let sql = "SELECT * FROM (
                   SELECT chat.*, row_number() OVER (PARTITION BY call ORDER BY seq DESC) AS age
                   FROM chat JOIN calls ON calls.id = chat.call WHERE calls.state <> 'ended'
               ) AS latest WHERE age <= $1 ORDER BY call, seq";
    let mut chat: HashMap<String, Vec<_>> = HashMap::new();
    for row in client.query(sql, &[&(MAX_CHAT_REPLAY as i64)]).await? {
        chat.entry(row.text("call")?).or_default().push(line(&row)?);
    }
    for call in &mut calls {
        call.chat = chat.remove(&call.call.to_string()).unwrap_or_default();
    }
    let sql = "SELECT id, wanted FROM agents WHERE wanted IS NOT NULL ORDER BY id";
    let wanted = client.query(sql, &[]).await?;
    let alive_at = client.query_opt("SELECT alive_at FROM desk", &[]).await?;
    Ok(Restored {
        calls,
        wanted: wanted
            .iter()
            .map(|row| Ok((parse(&row.text("id")?)?, from_word(&row.text("wanted")?)?)))
            .collect::<Result<_, Failure>>()?,
        alive_at: alive_at
            .map(|row| Ok::<_, Failure>(from_time(row.number("alive_at")?)))
            .transpose()?,
    })
}

impl Columns for Row {
    type Failure = Failure;

    fn maybe_text(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.try_get(name)?)
    }

    fn maybe_integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        Ok(self.try_get(name)?)
    }
}
