//! What is read back: records for the API, open calls for a desk that starts.

use rusqlite::{OptionalExtension, params};
use signaling_desk::{
    record::CallRecord,
    store::{CallFilter, OpenCall, Restored},
};
use signaling_wire::{browser::ChatLine, ids::CallId, limits::MAX_CHAT_REPLAY};

use super::{
    super::column::{from_time, from_word, parse},
    super::rows::{line, offer, open_call, record},
    file::{Database, Failure},
};

/// Most records in one page of a list.
const MAX_PAGE: u32 = 200;

impl Database {
    /// The record of one call.
    pub(super) fn call_record(&mut self, call: CallId) -> Result<Option<CallRecord>, Failure> {
        let record = self
            .connection
            .prepare_cached("SELECT * FROM calls WHERE id = ?1")?
            .query_row([call.to_string()], |row| Ok(record(row)))
            .optional()?;
        match record {
            Some(record) => Ok(Some(self.complete(record?)?)),
            None => Ok(None),
        }
    }

    /// Records of calls, newest first.
    pub(super) fn list_calls(&mut self, filter: CallFilter) -> Result<Vec<CallRecord>, Failure> {
        let before = match filter.before {
            None => None,
            Some(call) => self
                .connection
                .prepare_cached("SELECT queued_at FROM calls WHERE id = ?1")?
                .query_row([call.to_string()], |row| row.get::<_, i64>(0))
                .optional()?
                .map(|at| (at, call.to_string())),
        };
        let (at, id) = before.unwrap_or((i64::MAX, String::new()));
        let records: Vec<_> = self
            .connection
            .prepare_cached(
                "SELECT * FROM calls
                 WHERE (queued_at, id) < (?1, ?2) AND (NOT ?3 OR state <> 'ended')
                 ORDER BY queued_at DESC, id DESC LIMIT ?4",
            )?
            .query_map(params![at, id, filter.open, filter.limit.min(MAX_PAGE)], |row| {
                Ok(record(row))
            })?
            .collect::<Result<_, _>>()?;
        records.into_iter().map(|record| self.complete(record?)).collect()
    }

    /// Adds what other tables know.
    fn complete(&self, mut record: CallRecord) -> Result<CallRecord, Failure> {
        let id = record.id.to_string();
        let offers: Vec<_> = self
            .connection
            .prepare_cached("SELECT * FROM offers WHERE call = ?1 ORDER BY offered_at, rowid")?
            .query_map([&id], |row| Ok(offer(row)))?
            .collect::<Result<_, _>>()?;
        record.offers = offers.into_iter().collect::<Result<_, _>>()?;
        record.chat_count = self
            .connection
            .prepare_cached("SELECT count(*) FROM chat WHERE call = ?1")?
            .query_row([&id], |row| row.get(0))?;
        Ok(record)
    }

    /// What a desk needs to carry on.
    pub(in crate::store) fn restore(&mut self) -> Result<Restored, Failure> {
        let calls: Vec<_> = self
            .connection
            .prepare("SELECT * FROM calls WHERE state <> 'ended' ORDER BY queued_at, rowid")?
            .query_map([], |row| Ok(open_call(row)))?
            .collect::<Result<_, _>>()?;
        let mut calls: Vec<OpenCall> = calls.into_iter().collect::<Result<_, _>>()?;
        for call in &mut calls {
            call.chat = self.chat(call.call)?;
        }
        let wanted: Vec<(String, String)> = self
            .connection
            .prepare("SELECT id, wanted FROM agents WHERE wanted IS NOT NULL")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let alive_at: Option<i64> = self
            .connection
            .query_row("SELECT alive_at FROM desk", [], |row| row.get(0))
            .optional()?;
        Ok(Restored {
            calls,
            wanted: wanted
                .iter()
                .map(|(id, wanted)| Ok((parse(id)?, from_word(wanted)?)))
                .collect::<Result<_, Failure>>()?,
            alive_at: alive_at.map(from_time),
        })
    }

    /// The latest chat of a call, oldest first.
    fn chat(&self, call: CallId) -> Result<Vec<ChatLine>, Failure> {
        let lines: Vec<_> = self
            .connection
            .prepare_cached("SELECT * FROM chat WHERE call = ?1 ORDER BY seq DESC LIMIT ?2")?
            .query_map(params![call.to_string(), MAX_CHAT_REPLAY as i64], |row| Ok(line(row)))?
            .collect::<Result<_, _>>()?;
        lines.into_iter().rev().collect()
    }
}
