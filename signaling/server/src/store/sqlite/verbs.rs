//! The desk's changes. Each is one transaction that starts with its condition, and each says
//! `Done` again when it is repeated.

mod after;
mod life;
mod queue;

use rusqlite::{ToSql, Transaction, TransactionBehavior, params};
use signaling_desk::store::{Applied, Refusal, Verb};
use signaling_wire::ids::CallId;

use super::{
    super::column::{time, word},
    file::{Database, Failure},
};

type Answer = Result<Applied, Failure>;

const CONFLICT: Applied = Applied::Refused(Refusal::Conflict);

impl Database {
    /// Stores one change.
    pub(in crate::store) fn apply(&mut self, verb: &Verb) -> Answer {
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
        Verb::Enqueue { call, link, media, at } => queue::enqueue(tx, *call, link, *media, *at),
        Verb::Claim { call, offer, agent, name, why, at, until } => {
            let claim = queue::Claim { offer: *offer, agent: *agent, name, why };
            queue::claim(tx, *call, &claim, *at, *until)
        }
        Verb::Release { call, offer, result, at } => {
            queue::release(tx, *call, *offer, *result, *at)
        }
        Verb::Accept { call, offer, at } => queue::accept(tx, *call, *offer, *at),
        Verb::Bridged { call, epoch, at, places } => life::bridged(tx, *call, *epoch, *at, places),
        Verb::End { call, epoch, reason, at } => life::end(tx, *call, *epoch, *reason, *at),
        Verb::Chat { call, line } => life::chat(tx, *call, line),
        Verb::Timeline { call, entries } => after::timeline(tx, *call, entries),
        Verb::Quality { call, side, summary } => after::quality(tx, *call, *side, summary),
        Verb::WrapUp { call, agent, outcome, note, at } => {
            let values = params![
                call.to_string(),
                agent.to_string(),
                word(outcome)?,
                note.as_str(),
                time(*at)
            ];
            after::wrap_up(tx, *call, values)
        }
        Verb::Satisfaction { call, link, score, comment, at } => {
            let comment = comment.as_ref().map(|comment| comment.as_str());
            after::satisfaction(tx, *call, *link, u8::from(*score), comment, *at)
        }
        Verb::Wanted { agent, state } => {
            let sql = "UPDATE agents SET wanted = ?2 WHERE id = ?1";
            let changed = execute(tx, sql, params![agent.to_string(), word(state)?])?;
            Ok(if changed { Applied::Done } else { Applied::Refused(Refusal::NotFound) })
        }
        Verb::Alive { at } => {
            let sql = "INSERT INTO desk (one, alive_at) VALUES (1, ?1)
                       ON CONFLICT (one) DO UPDATE SET alive_at = excluded.alive_at";
            execute(tx, sql, params![time(*at)])?;
            Ok(Applied::Done)
        }
    }
}

/// Runs a statement that stays prepared; true when it changed something.
fn execute(tx: &Transaction<'_>, sql: &str, values: &[&dyn ToSql]) -> Result<bool, Failure> {
    Ok(tx.prepare_cached(sql)?.execute(values)? > 0)
}

/// Whether the query, which stays prepared, finds a row.
fn finds(tx: &Transaction<'_>, sql: &str, values: &[&dyn ToSql]) -> Result<bool, Failure> {
    Ok(tx.prepare_cached(sql)?.exists(values)?)
}

/// Why a change of this call found nothing to change.
fn refused(tx: &Transaction<'_>, call: CallId) -> Answer {
    let known = finds(tx, "SELECT 1 FROM calls WHERE id = ?1", params![call.to_string()])?;
    Ok(Applied::Refused(if known { Refusal::Conflict } else { Refusal::NotFound }))
}

/// Done when something changed, else refused.
fn done_or_refused(tx: &Transaction<'_>, call: CallId, changed: bool) -> Answer {
    if changed { Ok(Applied::Done) } else { refused(tx, call) }
}
