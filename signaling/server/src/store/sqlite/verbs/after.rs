//! What is known of a call besides its course.

use rusqlite::{ToSql, Transaction, params};
use signaling_desk::{Millis, quality::QualitySummary};
use signaling_wire::{
    browser::{Role, TimelineEntry},
    ids::{CallId, LinkId},
};

use super::{
    super::super::column::{json, time},
    Answer, done_or_refused, execute, finds,
};

pub(super) fn timeline(tx: &Transaction<'_>, call: CallId, entries: &Vec<TimelineEntry>) -> Answer {
    let sql = "UPDATE calls SET timeline = ?2 WHERE id = ?1";
    let changed = execute(tx, sql, params![call.to_string(), json(entries)?])?;
    done_or_refused(tx, call, changed)
}

pub(super) fn quality(
    tx: &Transaction<'_>,
    call: CallId,
    side: Role,
    summary: &QualitySummary,
) -> Answer {
    let sql = match side {
        Role::Shopper => "UPDATE calls SET quality_shopper = ?2 WHERE id = ?1",
        Role::Agent => "UPDATE calls SET quality_agent = ?2 WHERE id = ?1",
    };
    let changed = execute(tx, sql, params![call.to_string(), json(summary)?])?;
    done_or_refused(tx, call, changed)
}

/// `values`: call, agent, outcome, note, time.
pub(super) fn wrap_up(tx: &Transaction<'_>, call: CallId, values: &[&dyn ToSql]) -> Answer {
    let sql = "UPDATE calls SET outcome = ?3, note = ?4, wrap_up_at = ?5
               WHERE id = ?1 AND agent = ?2 AND state = 'ended'";
    let changed = execute(tx, sql, values)?;
    done_or_refused(tx, call, changed)
}

pub(super) fn satisfaction(
    tx: &Transaction<'_>,
    call: CallId,
    link: LinkId,
    score: u8,
    comment: Option<&str>,
    at: Millis,
) -> Answer {
    let (id, link) = (call.to_string(), link.to_string());
    let changed = execute(
        tx,
        "UPDATE calls SET score = ?3, comment = ?4, satisfaction_at = ?5
         WHERE id = ?1 AND link = ?2 AND state = 'ended' AND started_at IS NOT NULL
             AND score IS NULL",
        params![id, link, score, comment, time(at)],
    )?;
    let same = "SELECT 1 FROM calls WHERE id = ?1 AND link = ?2 AND score = ?3";
    let done = changed || finds(tx, same, params![id, link, score])?;
    done_or_refused(tx, call, done)
}
