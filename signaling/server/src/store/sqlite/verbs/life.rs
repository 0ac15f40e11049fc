//! From the first bridge to the end.

use rusqlite::{Transaction, params};
use signaling_desk::{Millis, placement::LegPlace, store::Applied};
use signaling_wire::{
    browser::{ChatLine, EndReason},
    ids::CallId,
};

use super::{
    super::super::column::{json, time, word},
    Answer, done_or_refused, execute, finds,
};

pub(super) fn bridged(
    tx: &Transaction<'_>,
    call: CallId,
    epoch: u32,
    at: Millis,
    places: &[Option<LegPlace>; 2],
) -> Answer {
    let (id, places) = (call.to_string(), json(places)?);
    let changed = execute(
        tx,
        "UPDATE calls SET epoch = ?2, bridged_at = COALESCE(bridged_at, ?3), places = ?4
         WHERE id = ?1 AND state = 'active' AND epoch < ?2",
        params![id, epoch, time(at), places],
    )?;
    let same = "SELECT 1 FROM calls WHERE id = ?1 AND epoch = ?2 AND bridged_at IS NOT NULL";
    let done = changed || finds(tx, same, params![id, epoch])?;
    done_or_refused(tx, call, done)
}

pub(super) fn end(
    tx: &Transaction<'_>,
    call: CallId,
    epoch: u32,
    reason: EndReason,
    at: Millis,
) -> Answer {
    let (id, reason) = (call.to_string(), word(&reason)?);
    // Who was only rung is not the call's agent.
    let changed = execute(
        tx,
        "UPDATE calls SET state = 'ended', ended_at = ?3, end_reason = ?4,
             agent = IIF(started_at IS NULL, NULL, agent),
             agent_name = IIF(started_at IS NULL, NULL, agent_name)
         WHERE id = ?1 AND state <> 'ended' AND epoch <= ?2",
        params![id, epoch, time(at), reason],
    )?;
    if !changed {
        let same = "SELECT 1 FROM calls
                    WHERE id = ?1 AND state = 'ended' AND ended_at = ?2 AND end_reason = ?3";
        let again = finds(tx, same, params![id, time(at), reason])?;
        return done_or_refused(tx, call, again);
    }
    execute(
        tx,
        "UPDATE offers SET result = 'withdrawn', result_at = ?2
         WHERE call = ?1 AND result IS NULL",
        params![id, time(at)],
    )?;
    Ok(Applied::Done)
}

pub(super) fn chat(tx: &Transaction<'_>, call: CallId, line: &ChatLine) -> Answer {
    let (id, side) = (call.to_string(), word(&line.from)?);
    let same = "SELECT 1 FROM chat WHERE call = ?1 AND side = ?2 AND client_id = ?3";
    if finds(tx, same, params![id, side, line.client_id])? {
        return Ok(Applied::Done);
    }
    let changed = execute(
        tx,
        "INSERT INTO chat (call, seq, side, client_id, text, at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6
         WHERE EXISTS (SELECT 1 FROM calls WHERE id = ?1)
           AND NOT EXISTS (SELECT 1 FROM chat WHERE call = ?1 AND seq = ?2)",
        params![id, line.seq, side, line.client_id, line.text.as_str(), time(Millis(line.at_ms))],
    )?;
    done_or_refused(tx, call, changed)
}
