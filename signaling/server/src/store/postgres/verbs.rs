//! The desk's changes. Each is one statement that starts with its condition, and each says `Done`
//! again when it is repeated.
//!
//! ```sql
//! WITH lead AS (SELECT 1 FROM leadership WHERE … term = $1 FOR SHARE),
//!      changed AS (UPDATE … WHERE … AND EXISTS (SELECT 1 FROM lead) RETURNING 1)
//! SELECT …
//! ```
//!
//! The lock on the term makes a desk that takes over wait for statements under way, and what comes
//! after it find the new term: nothing is written that the new desk does not read. One that changed
//! nothing is looked into by a second statement, which sees what others have done meanwhile.

mod after;
mod life;
mod queue;

use deadpool_postgres::Client;
use signaling_desk::store::{Applied, Refusal, Verb};
use signaling_wire::ids::CallId;
use tokio_postgres::types::ToSql;

use super::{
    super::column::{time, word},
    Failure, Term,
    connect::Pool,
};

type Answer = Result<Applied, Failure>;
type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

const CONFLICT: Applied = Applied::Refused(Refusal::Conflict);

/// Tries of one verb. The first may meet another's change that is not committed yet; the second
/// finds it. A third would show a fault.
const TRIES: u32 = 3;

/// Stores one change of the desk of this term.
pub(super) async fn apply(pool: &Pool, term: Option<Term>, verb: &Verb) -> Answer {
    let mut tried = 1;
    loop {
        let attempt = async |client: &Client| Desk { client, term }.apply(verb).await;
        match pool.ask(attempt).await {
            Err(failure) if failure.is_race() && tried < TRIES => tried += 1,
            answer => return answer,
        }
    }
}

/// A desk's way to the tables.
struct Desk<'a> {
    client: &'a Client,
    term: Option<Term>,
}

impl Desk<'_> {
    async fn apply(&self, verb: &Verb) -> Answer {
        match verb {
            Verb::Enqueue { call, link, media, at } => self.enqueue(*call, link, *media, *at).await,
            Verb::Claim { call, offer, agent, name, why, at, until } => {
                let claim = queue::Claim { offer: *offer, agent: *agent, name, why };
                self.claim(*call, &claim, *at, *until).await
            }
            Verb::Release { call, offer, result, at } => {
                self.release(*call, *offer, *result, *at).await
            }
            Verb::Accept { call, offer, at } => self.accept(*call, *offer, *at).await,
            Verb::Bridged { call, epoch, at, places } => {
                self.bridged(*call, *epoch, *at, places).await
            }
            Verb::End { call, epoch, reason, at } => self.end(*call, *epoch, *reason, *at).await,
            Verb::Chat { call, line } => self.chat(*call, line).await,
            Verb::Timeline { call, entries } => self.timeline(*call, entries).await,
            Verb::Quality { call, side, summary } => self.quality(*call, *side, summary).await,
            Verb::WrapUp { call, agent, outcome, note, at } => {
                self.wrap_up(*call, *agent, *outcome, note, *at).await
            }
            Verb::Satisfaction { call, link, score, comment, at } => {
                self.satisfaction(*call, *link, *score, comment.as_ref(), *at).await
            }
            Verb::Wanted { agent, state } => {
                let update = "UPDATE agents SET wanted = $3
                              WHERE id = $2 AND EXISTS (SELECT 1 FROM lead) RETURNING 1";
                let changed = self.change(update, &[&agent.to_string(), &word(state)?]).await?;
                Ok(if changed { Applied::Done } else { Applied::Refused(Refusal::NotFound) })
            }
            Verb::Alive { at } => {
                let upsert = "INSERT INTO desk (alive_at)
                              SELECT $2::bigint FROM lead
                              ON CONFLICT (one) DO UPDATE SET alive_at = excluded.alive_at
                              RETURNING 1";
                self.change(upsert, &[&time(*at)]).await?;
                Ok(Applied::Done)
            }
        }
    }

    /// Runs a changing statement if this desk leads; true when it changed something. Its values
    /// are `$2` and on.
    async fn change(&self, change: &str, values: Values<'_>) -> Result<bool, Failure> {
        self.change_and(change, "", values).await
    }

    /// The same with a further expression `, name AS (…)` that follows from what has `changed`.
    async fn change_and(
        &self,
        change: &str,
        follows: &str,
        values: Values<'_>,
    ) -> Result<bool, Failure> {
        let sql = format!(
            "WITH lead AS (SELECT 1 FROM leadership WHERE $1::bigint IS NULL OR term = $1 FOR SHARE),
                  changed AS ({change}){follows}
             SELECT (SELECT count(*) FROM lead), (SELECT count(*) FROM changed)"
        );
        let statement = self.client.prepare_cached(&sql).await?;
        let term = self.term.map(|term| term.0);
        let mut all: Vec<&(dyn ToSql + Sync)> = vec![&term];
        all.extend_from_slice(values);
        let row = self.client.query_one(&statement, &all).await?;
        let (leads, changed): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if leads == 0 { Err(Failure::Deposed) } else { Ok(changed > 0) }
    }

    /// Whether the query finds a row.
    async fn finds(&self, sql: &str, values: Values<'_>) -> Result<bool, Failure> {
        let statement = self.client.prepare_cached(sql).await?;
        Ok(self.client.query_opt(&statement, values).await?.is_some())
    }

    /// Why a change of this call found nothing to change.
    async fn refused(&self, call: CallId) -> Answer {
        let known = self.finds("SELECT 1 FROM calls WHERE id = $1", &[&call.to_string()]).await?;
        Ok(Applied::Refused(if known { Refusal::Conflict } else { Refusal::NotFound }))
    }

    /// Done when something changed, or when `same` finds that it had been done before.
    async fn done_or_refused(
        &self,
        call: CallId,
        changed: bool,
        same: Option<(&str, Values<'_>)>,
    ) -> Answer {
        if changed {
            return Ok(Applied::Done);
        }
        match same {
            Some((sql, values)) if self.finds(sql, values).await? => Ok(Applied::Done),
            _ => self.refused(call).await,
        }
    }
}
