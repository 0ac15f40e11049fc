//! The desk's changes. Each is one transaction that starts with its condition.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use signaling_desk::{
    Millis,
    record::OfferResult,
    store::{Applied, MAX_CALLS_PER_LINK, Refusal, Verb},
};
use signaling_wire::{
    browser::{ChatLine, MediaChoice, Role},
    claims::LinkClaims,
    ids::CallId,
};

use super::{
    column::{json, time, word},
    sqlite::{Database, Failure},
};

type Answer = Result<Applied, Failure>;

const CONFLICT: Applied = Applied::Refused(Refusal::Conflict);

impl Database {
    /// Stores one change.
    pub(super) fn apply(&mut self, verb: &Verb) -> Answer {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied = apply(&transaction, verb)?;
        match applied {
            Applied::Done => transaction.commit()?,
            Applied::Refused(_) => transaction.rollback()?,
        }
        Ok(applied)
    }
}

fn apply(tx: &Transaction<'_>, verb: &Verb) -> Answer {
    match verb {
        Verb::Enqueue { call, link, media, at } => enqueue(tx, *call, link, *media, *at),
        Verb::Claim { call, offer, agent, name, why, at, until } => {
            let (call_id, offer_id, agent_id) =
                (call.to_string(), offer.to_string(), agent.to_string());
            let open: Option<Option<String>> = tx
                .query_row(
                    "SELECT offer FROM calls WHERE id = ?1 AND state = 'ringing'",
                    [&call_id],
                    |row| row.get(0),
                )
                .optional()?;
            if open.flatten().as_deref() == Some(offer_id.as_str()) {
                return Ok(Applied::Done);
            }
            let busy: bool = tx.query_row(
                "SELECT EXISTS (SELECT 1 FROM calls WHERE agent = ?1 AND state IN ('ringing', 'active'))",
                [&agent_id],
                |row| row.get(0),
            )?;
            if busy {
                return Ok(CONFLICT);
            }
            let changed = tx.execute(
                "UPDATE calls SET state = 'ringing', offer = ?2, agent = ?3, agent_name = ?4,
                     offered_at = COALESCE(offered_at, ?5)
                 WHERE id = ?1 AND state = 'waiting'",
                params![call_id, offer_id, agent_id, name.as_str(), time(*at)],
            )?;
            if changed == 0 {
                return refused(tx, *call);
            }
            tx.execute(
                "INSERT INTO offers (id, call, agent, agent_name, why, offered_at, until)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![offer_id, call_id, agent_id, name.as_str(), why, time(*at), time(*until)],
            )?;
            Ok(Applied::Done)
        }
        Verb::Release { call, offer, result, at } => {
            let changed = tx.execute(
                "UPDATE calls SET state = 'waiting', offer = NULL, agent = NULL, agent_name = NULL
                 WHERE id = ?1 AND state = 'ringing' AND offer = ?2",
                params![call.to_string(), offer.to_string()],
            )?;
            if changed == 0 {
                return done_if(
                    tx,
                    *call,
                    "SELECT EXISTS (SELECT 1 FROM offers WHERE call = ?1 AND id = ?2 AND result = ?3)",
                    params![call.to_string(), offer.to_string(), word(result)?],
                );
            }
            answer_offer(tx, &offer.to_string(), *result, *at)
        }
        Verb::Accept { call, offer, at } => {
            let changed = tx.execute(
                "UPDATE calls SET state = 'active', started_at = ?3
                 WHERE id = ?1 AND state = 'ringing' AND offer = ?2",
                params![call.to_string(), offer.to_string(), time(*at)],
            )?;
            if changed == 0 {
                return done_if(
                    tx,
                    *call,
                    "SELECT EXISTS (SELECT 1 FROM offers WHERE call = ?1 AND id = ?2 AND result = 'accepted')",
                    params![call.to_string(), offer.to_string()],
                );
            }
            answer_offer(tx, &offer.to_string(), OfferResult::Accepted, *at)
        }
        Verb::Bridged { call, epoch, at } => {
            let changed = tx.execute(
                "UPDATE calls SET epoch = ?2, bridged_at = COALESCE(bridged_at, ?3)
                 WHERE id = ?1 AND state = 'active' AND epoch < ?2",
                params![call.to_string(), epoch, time(*at)],
            )?;
            let same = "SELECT EXISTS (SELECT 1 FROM calls WHERE id = ?1 AND epoch = ?2)";
            changed_or(tx, changed, *call, same, params![call.to_string(), epoch])
        }
        Verb::End { call, epoch, reason, at } => {
            let id = call.to_string();
            tx.execute(
                "UPDATE offers SET result = 'withdrawn', result_at = ?2
                 WHERE call = ?1 AND result IS NULL",
                params![id, time(*at)],
            )?;
            let changed = tx.execute(
                "UPDATE calls SET state = 'ended', ended_at = ?3, end_reason = ?4,
                     agent = IIF(started_at IS NULL, NULL, agent),
                     agent_name = IIF(started_at IS NULL, NULL, agent_name)
                 WHERE id = ?1 AND state <> 'ended' AND epoch <= ?2",
                params![id, epoch, time(*at), word(reason)?],
            )?;
            let same = "SELECT EXISTS (SELECT 1 FROM calls
                        WHERE id = ?1 AND state = 'ended' AND ended_at = ?2 AND end_reason = ?3)";
            changed_or(tx, changed, *call, same, params![id, time(*at), word(reason)?])
        }
        Verb::Chat { call, line } => chat(tx, *call, line),
        Verb::Timeline { call, entries } => {
            let changed = tx.execute(
                "UPDATE calls SET timeline = ?2 WHERE id = ?1",
                params![call.to_string(), json(entries)?],
            )?;
            changed_or_refused(tx, changed, *call)
        }
        Verb::Quality { call, side, summary } => {
            let sql = match side {
                Role::Shopper => "UPDATE calls SET quality_shopper = ?2 WHERE id = ?1",
                Role::Agent => "UPDATE calls SET quality_agent = ?2 WHERE id = ?1",
            };
            let changed = tx.execute(sql, params![call.to_string(), json(summary)?])?;
            changed_or_refused(tx, changed, *call)
        }
        Verb::WrapUp { call, agent, outcome, note, at } => {
            let changed = tx.execute(
                "UPDATE calls SET outcome = ?3, note = ?4, wrap_up_at = ?5
                 WHERE id = ?1 AND agent = ?2 AND state = 'ended'",
                params![
                    call.to_string(),
                    agent.to_string(),
                    word(outcome)?,
                    note.as_str(),
                    time(*at)
                ],
            )?;
            changed_or_refused(tx, changed, *call)
        }
        Verb::Satisfaction { call, link, score, comment, at } => {
            let (id, score) = (call.to_string(), u8::from(*score));
            let changed = tx.execute(
                "UPDATE calls SET score = ?3, comment = ?4, satisfaction_at = ?5
                 WHERE id = ?1 AND link = ?2 AND state = 'ended' AND started_at IS NOT NULL
                     AND score IS NULL",
                params![
                    id,
                    link.to_string(),
                    score,
                    comment.as_ref().map(|c| c.as_str()),
                    time(*at)
                ],
            )?;
            let same =
                "SELECT EXISTS (SELECT 1 FROM calls WHERE id = ?1 AND link = ?2 AND score = ?3)";
            changed_or(tx, changed, *call, same, params![id, link.to_string(), score])
        }
        Verb::Wanted { agent, state } => {
            let changed = tx.execute(
                "UPDATE agents SET wanted = ?2 WHERE id = ?1",
                params![agent.to_string(), word(state)?],
            )?;
            Ok(if changed == 0 { Applied::Refused(Refusal::NotFound) } else { Applied::Done })
        }
        Verb::Alive { at } => {
            tx.execute(
                "INSERT INTO desk (one, alive_at) VALUES (1, ?1)
                 ON CONFLICT (one) DO UPDATE SET alive_at = excluded.alive_at",
                [time(*at)],
            )?;
            Ok(Applied::Done)
        }
    }
}

fn enqueue(
    tx: &Transaction<'_>,
    call: CallId,
    link: &LinkClaims,
    media: MediaChoice,
    at: Millis,
) -> Answer {
    let (id, link_id) = (call.to_string(), link.jti.to_string());
    let known: bool =
        tx.query_row("SELECT EXISTS (SELECT 1 FROM calls WHERE id = ?1)", [&id], |row| row.get(0))?;
    if known {
        return Ok(Applied::Done);
    }
    let (all, open, started): (u32, u32, u32) = tx.query_row(
        "SELECT count(*), count(*) FILTER (WHERE state <> 'ended'), count(started_at)
         FROM calls WHERE link = ?1",
        [&link_id],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if open > 0 {
        return Ok(CONFLICT);
    }
    if started >= link.max_uses || all >= MAX_CALLS_PER_LINK {
        return Ok(Applied::Refused(Refusal::LinkUsedUp));
    }
    tx.execute(
        "INSERT INTO calls (id, state, link, claims, media, synthetic, queued_at)
         VALUES (?1, 'waiting', ?2, ?3, ?4, ?5, ?6)",
        params![id, link_id, json(link)?, word(&media)?, link.synthetic, time(at)],
    )?;
    Ok(Applied::Done)
}

fn chat(tx: &Transaction<'_>, call: CallId, line: &ChatLine) -> Answer {
    let id = call.to_string();
    let side = word(&line.from)?;
    let known: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM chat WHERE call = ?1 AND side = ?2 AND client_id = ?3)",
        params![id, side, line.client_id],
        |row| row.get(0),
    )?;
    if known {
        return Ok(Applied::Done);
    }
    let changed = tx.execute(
        "INSERT INTO chat (call, seq, side, client_id, text, at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6
         WHERE EXISTS (SELECT 1 FROM calls WHERE id = ?1)
           AND NOT EXISTS (SELECT 1 FROM chat WHERE call = ?1 AND seq = ?2)",
        params![id, line.seq, side, line.client_id, line.text.as_str(), time(Millis(line.at_ms))],
    )?;
    changed_or_refused(tx, changed, call)
}

fn answer_offer(tx: &Transaction<'_>, offer: &str, result: OfferResult, at: Millis) -> Answer {
    tx.execute(
        "UPDATE offers SET result = ?2, result_at = ?3 WHERE id = ?1",
        params![offer, word(&result)?, time(at)],
    )?;
    Ok(Applied::Done)
}

/// Done when something changed, or when `same` finds that an earlier try did it.
fn changed_or(
    tx: &Transaction<'_>,
    changed: usize,
    call: CallId,
    same: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Answer {
    if changed > 0 { Ok(Applied::Done) } else { done_if(tx, call, same, values) }
}

fn done_if(
    tx: &Transaction<'_>,
    call: CallId,
    same: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Answer {
    let same: bool = tx.query_row(same, values, |row| row.get(0))?;
    if same { Ok(Applied::Done) } else { refused(tx, call) }
}

fn changed_or_refused(tx: &Transaction<'_>, changed: usize, call: CallId) -> Answer {
    if changed > 0 { Ok(Applied::Done) } else { refused(tx, call) }
}

/// Why a verb changed nothing.
fn refused(tx: &Transaction<'_>, call: CallId) -> Answer {
    let known: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM calls WHERE id = ?1)",
        [call.to_string()],
        |row| row.get(0),
    )?;
    Ok(Applied::Refused(if known { Refusal::Conflict } else { Refusal::NotFound }))
}
