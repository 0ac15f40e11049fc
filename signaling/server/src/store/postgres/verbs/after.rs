//! What is known of a call besides its course.

use signaling_desk::{Millis, quality::QualitySummary};
use signaling_wire::{
    browser::{Outcome, Role, Score, TimelineEntry},
    ids::{AgentId, CallId, LinkId},
    text::Note,
};

use super::{
    super::super::column::{json, time, word},
    Answer, Desk,
};

impl Desk<'_> {
    pub(super) async fn timeline(&self, call: CallId, entries: &Vec<TimelineEntry>) -> Answer {
        let update = "UPDATE calls SET timeline = $3
                      WHERE id = $2 AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
        let changed = self.change(update, &[&call.to_string(), &json(entries)?]).await?;
        self.done_or_refused(call, changed, None).await
    }

    pub(super) async fn quality(
        &self,
        call: CallId,
        side: Role,
        summary: &QualitySummary,
    ) -> Answer {
        let update = match side {
            Role::Shopper => {
                "UPDATE calls SET quality_shopper = $3
                 WHERE id = $2 AND EXISTS (SELECT 1 FROM lead) RETURNING 1"
            }
            Role::Agent => {
                "UPDATE calls SET quality_agent = $3
                 WHERE id = $2 AND EXISTS (SELECT 1 FROM lead) RETURNING 1"
            }
        };
        let changed = self.change(update, &[&call.to_string(), &json(summary)?]).await?;
        self.done_or_refused(call, changed, None).await
    }

    pub(super) async fn wrap_up(
        &self,
        call: CallId,
        agent: AgentId,
        outcome: Outcome,
        note: &Note,
        at: Millis,
    ) -> Answer {
        let update = "UPDATE calls SET outcome = $4, note = $5, wrap_up_at = $6
                      WHERE id = $2 AND agent = $3 AND state = 'ended'
                        AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
        let (id, agent, outcome) = (call.to_string(), agent.to_string(), word(&outcome)?);
        let changed =
            self.change(update, &[&id, &agent, &outcome, &note.as_str(), &time(at)]).await?;
        self.done_or_refused(call, changed, None).await
    }

    pub(super) async fn satisfaction(
        &self,
        call: CallId,
        link: LinkId,
        score: Score,
        comment: Option<&Note>,
        at: Millis,
    ) -> Answer {
        let (id, link, score) = (call.to_string(), link.to_string(), i64::from(u8::from(score)));
        let comment = comment.map(Note::as_str);
        let update = "UPDATE calls SET score = $4, comment = $5, satisfaction_at = $6
                      WHERE id = $2 AND link = $3 AND state = 'ended' AND started_at IS NOT NULL
                        AND score IS NULL AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
        let changed = self.change(update, &[&id, &link, &score, &comment, &time(at)]).await?;
        let same = "SELECT 1 FROM calls WHERE id = $1 AND link = $2 AND score = $3";
        self.done_or_refused(call, changed, Some((same, &[&id, &link, &score]))).await
    }
}
