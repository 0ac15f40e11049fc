//! Waiting, ringing, accepting.

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
    Answer, CONFLICT, Desk,
};

/// Whom a call is reserved for.
pub(super) struct Claim<'a> {
    pub(super) offer: OfferId,
    pub(super) agent: AgentId,
    pub(super) name: &'a Name,
    pub(super) why: &'a str,
}

impl Desk<'_> {
    pub(super) async fn enqueue(
        &self,
        call: CallId,
        link: &LinkClaims,
        media: MediaChoice,
        at: Millis,
    ) -> Answer {
        let (id, link_id) = (call.to_string(), link.jti.to_string());
        let (claims, media, at) = (json(link)?, word(&media)?, time(at));
        let (uses, all) = (i64::from(link.max_uses), i64::from(MAX_CALLS_PER_LINK));
        // Of two that come at once, the unique index lets one through.
        let insert = "INSERT INTO calls (id, state, link, claims, media, synthetic, queued_at)
                      SELECT $2, 'waiting', $3, $4, $5, $6::boolean, $7::bigint FROM lead
                      WHERE NOT EXISTS (SELECT 1 FROM calls WHERE id = $2)
                        AND NOT EXISTS (SELECT 1 FROM calls WHERE link = $3 AND state <> 'ended')
                        AND (SELECT count(started_at) < $8 AND count(*) < $9
                             FROM calls WHERE link = $3)
                      RETURNING 1";
        let changed = self
            .change(insert, &[&id, &link_id, &claims, &media, &link.synthetic, &at, &uses, &all])
            .await?;
        if changed || self.finds("SELECT 1 FROM calls WHERE id = $1", &[&id]).await? {
            return Ok(Applied::Done);
        }
        let open = "SELECT 1 FROM calls WHERE link = $1 AND state <> 'ended'";
        let open = self.finds(open, &[&link_id]).await?;
        Ok(if open { CONFLICT } else { Applied::Refused(Refusal::LinkUsedUp) })
    }

    pub(super) async fn claim(
        &self,
        call: CallId,
        claim: &Claim<'_>,
        at: Millis,
        until: Millis,
    ) -> Answer {
        let (id, offer) = (call.to_string(), claim.offer.to_string());
        let (agent, name) = (claim.agent.to_string(), claim.name.as_str());
        let (at, until) = (time(at), time(until));
        let reserve = "UPDATE calls SET state = 'ringing', offer = $3, agent = $4, agent_name = $5,
                           offered_at = COALESCE(offered_at, $6)
                       WHERE id = $2 AND state = 'waiting' AND EXISTS (SELECT 1 FROM lead)
                         AND NOT EXISTS (SELECT 1 FROM calls
                                         WHERE agent = $4 AND state IN ('ringing', 'active'))
                       RETURNING 1";
        let note = ", noted AS (
                        INSERT INTO offers (id, call, agent, agent_name, why, offered_at, until)
                        SELECT $3, $2, $4, $5, $7, $6, $8::bigint FROM changed)";
        let changed = self
            .change_and(reserve, note, &[&id, &offer, &agent, &name, &at, &claim.why, &until])
            .await?;
        let same = "SELECT 1 FROM calls WHERE id = $1 AND offer = $2 AND state = 'ringing'";
        self.done_or_refused(call, changed, Some((same, &[&id, &offer]))).await
    }

    pub(super) async fn release(
        &self,
        call: CallId,
        offer: OfferId,
        result: OfferResult,
        at: Millis,
    ) -> Answer {
        let free =
            "UPDATE calls SET state = 'waiting', offer = NULL, agent = NULL, agent_name = NULL
                    WHERE id = $2 AND state = 'ringing' AND offer = $3
                      AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
        self.answer(call, offer, free, result, at).await
    }

    pub(super) async fn accept(&self, call: CallId, offer: OfferId, at: Millis) -> Answer {
        let start = "UPDATE calls SET state = 'active', started_at = $5
                     WHERE id = $2 AND state = 'ringing' AND offer = $3
                       AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
        self.answer(call, offer, start, OfferResult::Accepted, at).await
    }

    /// Notes what became of the offer, if it was still open.
    async fn answer(
        &self,
        call: CallId,
        offer: OfferId,
        change: &str,
        result: OfferResult,
        at: Millis,
    ) -> Answer {
        let (id, offer, result) = (call.to_string(), offer.to_string(), word(&result)?);
        let note = ", noted AS (UPDATE offers SET result = $4, result_at = $5
                                WHERE id = $3 AND EXISTS (SELECT 1 FROM changed))";
        let changed = self.change_and(change, note, &[&id, &offer, &result, &time(at)]).await?;
        let same = "SELECT 1 FROM offers WHERE id = $1 AND call = $2 AND result = $3";
        self.done_or_refused(call, changed, Some((same, &[&offer, &id, &result]))).await
    }
}
