//! What is read back: records for the API, open calls for a desk that starts.

use rusqlite::{OptionalExtension, Row, params};
use signaling_desk::{
    Millis,
    quality::QualitySummary,
    record::{
        CallRecord, RecordAgent, RecordOffer, RecordPlace, RecordQuality, RecordSatisfaction,
        RecordState, RecordWrapUp,
    },
    store::{CallFilter, OpenCall, OpenState, Restored},
};
use signaling_wire::{
    browser::{ChatLine, Role, Score, TimelineEntry},
    claims::LinkClaims,
    ids::CallId,
    limits::MAX_CHAT_REPLAY,
    text::Text,
};

use super::{
    column::{Columns, from_json, from_time, from_word, parse},
    sqlite::{Database, Failure},
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
    pub(super) fn restore(&mut self) -> Result<Restored, Failure> {
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

fn record(row: &Row<'_>) -> Result<CallRecord, Failure> {
    let claims: LinkClaims = from_json(&row.text("claims")?)?;
    let queued_at = row.at("queued_at")?;
    let started_at = row.maybe_at("started_at")?;
    let ended_at = row.maybe_at("ended_at")?;
    let span = |from, to: Option<Millis>| {
        to.map(|to| u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX))
    };
    Ok(CallRecord {
        id: parse(&row.text("id")?)?,
        state: from_word::<RecordState>(&row.text("state")?)?,
        link: claims.jti,
        queue: claims.queue,
        priority: claims.priority,
        skills: claims.skills,
        media: from_word(&row.text("media")?)?,
        synthetic: claims.synthetic,
        context: claims.context,
        agent: match started_at {
            Some(_) => agent(row)?,
            None => None,
        },
        queued_at,
        offered_at: row.maybe_at("offered_at")?,
        started_at,
        bridged_at: row.maybe_at("bridged_at")?,
        ended_at,
        wait_ms: span(queued_at, started_at.or(ended_at)),
        duration_ms: started_at.and_then(|started| span(started, ended_at)),
        end_reason: row.maybe_text("end_reason")?.map(|word| from_word(&word)).transpose()?,
        epoch: row.number("epoch")?,
        offers: Vec::new(),
        timeline: timeline(row)?,
        places: places(row)?,
        quality: quality(row)?,
        chat_count: 0,
        wrap_up: wrap_up(row)?,
        satisfaction: satisfaction(row)?,
    })
}

fn agent(row: &Row<'_>) -> Result<Option<RecordAgent>, Failure> {
    Ok(match (row.maybe_text("agent")?, row.maybe_text("agent_name")?) {
        (Some(id), Some(name)) => Some(RecordAgent { id: parse(&id)?, name: text(&name)? }),
        _ => None,
    })
}

fn timeline(row: &Row<'_>) -> Result<Vec<TimelineEntry>, Failure> {
    row.maybe_text("timeline")?.map_or(Ok(Vec::new()), |json| from_json(&json))
}

fn places(row: &Row<'_>) -> Result<Vec<RecordPlace>, Failure> {
    let places = row.maybe_text("places")?;
    places.map_or(Ok(Vec::new()), |json| Ok(RecordPlace::of_both(from_json(&json)?)))
}

fn quality(row: &Row<'_>) -> Result<Vec<RecordQuality>, Failure> {
    let mut quality = Vec::new();
    for (side, column) in [(Role::Shopper, "quality_shopper"), (Role::Agent, "quality_agent")] {
        if let Some(json) = row.maybe_text(column)? {
            quality.push(RecordQuality { side, summary: from_json::<QualitySummary>(&json)? });
        }
    }
    Ok(quality)
}

fn wrap_up(row: &Row<'_>) -> Result<Option<RecordWrapUp>, Failure> {
    let Some(outcome) = row.maybe_text("outcome")? else { return Ok(None) };
    Ok(Some(RecordWrapUp {
        outcome: from_word(&outcome)?,
        note: text(&row.maybe_text("note")?.unwrap_or_default())?,
        at: row.at("wrap_up_at")?,
    }))
}

fn satisfaction(row: &Row<'_>) -> Result<Option<RecordSatisfaction>, Failure> {
    let Some(at) = row.maybe_at("satisfaction_at")? else { return Ok(None) };
    Ok(Some(RecordSatisfaction {
        score: Score::try_from(row.number::<u8>("score")?)
            .map_err(|error| Failure::Damaged(error.to_string()))?,
        comment: row.maybe_text("comment")?.map(|comment| text(&comment)).transpose()?,
        at,
    }))
}

fn offer(row: &Row<'_>) -> Result<RecordOffer, Failure> {
    Ok(RecordOffer {
        id: parse(&row.text("id")?)?,
        agent: RecordAgent {
            id: parse(&row.text("agent")?)?,
            name: text(&row.text("agent_name")?)?,
        },
        offered_at: row.at("offered_at")?,
        why: row.text("why")?,
        result: row.maybe_text("result")?.map(|word| from_word(&word)).transpose()?,
        result_at: row.maybe_at("result_at")?,
    })
}

fn open_call(row: &Row<'_>) -> Result<OpenCall, Failure> {
    let state = match from_word::<RecordState>(&row.text("state")?)? {
        RecordState::Ringing => {
            OpenState::Ringing { offer: parse(&row.maybe_text("offer")?.unwrap_or_default())? }
        }
        RecordState::Active => match (agent(row)?, row.maybe_at("started_at")?) {
            (Some(agent), Some(started_at)) => {
                OpenState::Active { agent: agent.id, name: agent.name, started_at }
            }
            _ => return Err(Failure::Damaged("an active call without an agent".to_owned())),
        },
        RecordState::Waiting | RecordState::Ended => OpenState::Waiting,
    };
    Ok(OpenCall {
        call: parse(&row.text("id")?)?,
        link: Box::new(from_json(&row.text("claims")?)?),
        media: from_word(&row.text("media")?)?,
        queued_at: row.at("queued_at")?,
        state,
        epoch: row.number("epoch")?,
        chat: Vec::new(),
        timeline: timeline(row)?,
    })
}

fn line(row: &Row<'_>) -> Result<ChatLine, Failure> {
    Ok(ChatLine {
        seq: row.number("seq")?,
        from: from_word(&row.text("side")?)?,
        client_id: row.number("client_id")?,
        text: text(&row.text("text")?)?,
        at_ms: row.at("at")?.0,
    })
}

fn text<const MAX: usize>(raw: &str) -> Result<Text<MAX>, Failure> {
    Text::parse(raw).map_err(|error| Failure::Damaged(error.to_string()))
}
