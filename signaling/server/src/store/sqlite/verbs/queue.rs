//! Waiting, ringing, accepting.

use rusqlite::{Transaction, params};
use signaling_desk::{
    Millis,
    record::OfferResult,
    store::{Applied, MAX_CALLS_PER_LINK, Refusal},
};
use signaling_wire::{
    browser::MediaChoice,
    claims::LinkClaims,
    ids::{AgentId, CallId, OfferId},
    text::Name,
};

use super::{
    super::super::column::{json, time, word},
    Answer, CONFLICT, done_or_refused, execute, finds, refused,
};

pub(super) fn enqueue(
    tx: &Transaction<'_>,
    call: CallId,
    link: &LinkClaims,
    media: MediaChoice,
    at: Millis,
) -> Answer {
    let (id, link_id) = (call.to_string(), link.jti.to_string());
    if finds(tx, "SELECT 1 FROM calls WHERE id = ?1", params![id])? {
        return Ok(Applied::Done);
    }
    let (all, open, started): (u32, u32, u32) = tx
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE state <> 'ended'), count(started_at)
             FROM calls WHERE link = ?1",
        )?
        .query_row([&link_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if open > 0 {
        return Ok(CONFLICT);
    }
    if started >= link.max_uses || all >= MAX_CALLS_PER_LINK {
        return Ok(Applied::Refused(Refusal::LinkUsedUp));
    }
    execute(
        tx,
        "INSERT INTO calls (id, state, link, claims, media, synthetic, queued_at)
         VALUES (?1, 'waiting', ?2, ?3, ?4, ?5, ?6)",
        params![id, link_id, json(link)?, word(&media)?, link.synthetic, time(at)],
    )?;
    Ok(Applied::Done)
}

/// Whom a call is reserved for.
pub(super) struct Claim<'a> {
    pub(super) offer: OfferId,
    pub(super) agent: AgentId,
    pub(super) name: &'a Name,
    pub(super) why: &'a str,
}

pub(super) fn claim(
    tx: &Transaction<'_>,
    call: CallId,
    claim: &Claim<'_>,
    at: Millis,
    until: Millis,
) -> Answer {
    let (id, offer, agent) = (call.to_string(), claim.offer.to_string(), claim.agent.to_string());
    let changed = execute(
        tx,
        "UPDATE calls SET state = 'ringing', offer = ?2, agent = ?3, agent_name = ?4,
             offered_at = COALESCE(offered_at, ?5)
         WHERE id = ?1 AND state = 'waiting' AND NOT EXISTS (
             SELECT 1 FROM calls WHERE agent = ?3 AND state IN ('ringing', 'active'))",
        params![id, offer, agent, claim.name.as_str(), time(at)],
    )?;
    if !changed {
        let same = "SELECT 1 FROM calls WHERE id = ?1 AND offer = ?2 AND state = 'ringing'";
        let again = finds(tx, same, params![id, offer])?;
        return done_or_refused(tx, call, again);
    }
    execute(
        tx,
        "INSERT INTO offers (id, call, agent, agent_name, why, offered_at, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![offer, id, agent, claim.name.as_str(), claim.why, time(at), time(until)],
    )?;
    Ok(Applied::Done)
}

pub(super) fn release(
    tx: &Transaction<'_>,
    call: CallId,
    offer: OfferId,
    result: OfferResult,
    at: Millis,
) -> Answer {
    let changed = execute(
        tx,
        "UPDATE calls SET state = 'waiting', offer = NULL, agent = NULL, agent_name = NULL
         WHERE id = ?1 AND state = 'ringing' AND offer = ?2",
        params![call.to_string(), offer.to_string()],
    )?;
    answered(tx, call, offer, changed, result, at)
}

pub(super) fn accept(tx: &Transaction<'_>, call: CallId, offer: OfferId, at: Millis) -> Answer {
    let changed = execute(
        tx,
        "UPDATE calls SET state = 'active', started_at = ?3
         WHERE id = ?1 AND state = 'ringing' AND offer = ?2",
        params![call.to_string(), offer.to_string(), time(at)],
    )?;
    answered(tx, call, offer, changed, OfferResult::Accepted, at)
}

/// Notes what became of the offer, if it was still open.
fn answered(
    tx: &Transaction<'_>,
    call: CallId,
    offer: OfferId,
    was_open: bool,
    result: OfferResult,
    at: Millis,
) -> Answer {
    let (offer, result) = (offer.to_string(), word(&result)?);
    if !was_open {
        let same = "SELECT 1 FROM offers WHERE id = ?1 AND call = ?2 AND result = ?3";
        let again = finds(tx, same, params![offer, call.to_string(), result])?;
        return if again { Ok(Applied::Done) } else { refused(tx, call) };
    }
    let sql = "UPDATE offers SET result = ?2, result_at = ?3 WHERE id = ?1";
    execute(tx, sql, params![offer, result, time(at)])?;
    Ok(Applied::Done)
}
