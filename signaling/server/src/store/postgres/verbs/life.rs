//! From the first bridge to the end.

use signaling_desk::{Millis, placement::LegPlace};
use signaling_wire::{
    browser::{ChatLine, EndReason},
    ids::CallId,
};

use super::{
    super::super::column::{json, time, word},
    Answer, Desk,
};

impl Desk<'_> {
    pub(super) async fn bridged(
        &self,
        call: CallId,
        epoch: u32,
        at: Millis,
        places: &[Option<LegPlace>; 2],
    ) -> Answer {
        let (id, epoch, places) = (call.to_string(), i64::from(epoch), json(places)?);
        let update =
            "UPDATE calls SET epoch = $3, bridged_at = COALESCE(bridged_at, $4), places = $5
                      WHERE id = $2 AND state = 'active' AND epoch < $3
                        AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
        let changed = self.change(update, &[&id, &epoch, &time(at), &places]).await?;
        let same = "SELECT 1 FROM calls WHERE id = $1 AND epoch = $2 AND bridged_at IS NOT NULL";
        self.done_or_refused(call, changed, Some((same, &[&id, &epoch]))).await
    }

    pub(super) async fn end(
        &self,
        call: CallId,
        epoch: u32,
        reason: EndReason,
        at: Millis,
    ) -> Answer {
        let (id, epoch) = (call.to_string(), i64::from(epoch));
        let (reason, at) = (word(&reason)?, time(at));
        // Who was only rung is not the call's agent.
        let update = "UPDATE calls SET state = 'ended', ended_at = $4, end_reason = $5,
                          agent = CASE WHEN started_at IS NOT NULL THEN agent END,
                          agent_name = CASE WHEN started_at IS NOT NULL THEN agent_name END
                      WHERE id = $2 AND state <> 'ended' AND epoch <= $3
                        AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
        let withdraw = ", withdrawn AS (UPDATE offers SET result = 'withdrawn', result_at = $4
                            WHERE call = $2 AND result IS NULL AND EXISTS (SELECT 1 FROM changed))";
        let changed = self.change_and(update, withdraw, &[&id, &epoch, &at, &reason]).await?;
        let same = "SELECT 1 FROM calls
                    WHERE id = $1 AND state = 'ended' AND ended_at = $2 AND end_reason = $3";
        self.done_or_refused(call, changed, Some((same, &[&id, &at, &reason]))).await
    }

    pub(super) async fn chat(&self, call: CallId, line: &ChatLine) -> Answer {
        let (id, side, seq) = (call.to_string(), word(&line.from)?, i64::from(line.seq));
        let (client_id, at) = (i64::from(line.client_id), time(Millis(line.at_ms)));
        let insert = "INSERT INTO chat (call, seq, side, client_id, text, at)
                      SELECT $2, $3::bigint, $4, $5::bigint, $6, $7::bigint FROM lead
                      WHERE EXISTS (SELECT 1 FROM calls WHERE id = $2)
                      ON CONFLICT DO NOTHING RETURNING 1";
        let text = line.text.as_str();
        let changed = self.change(insert, &[&id, &seq, &side, &client_id, &text, &at]).await?;
        let same = "SELECT 1 FROM chat WHERE call = $1 AND side = $2 AND client_id = $3";
        self.done_or_refused(call, changed, Some((same, &[&id, &side, &client_id]))).await
    }
}
