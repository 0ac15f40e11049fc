//! Which instance's desk decides: one row, taken for a while and taken again before that is over.
//!
//! The database's clock decides when a lease is over, so that no two machines have to agree on the
//! time. The lease says who *may* take over; what keeps a desk of the past from changing anything
//! is the term that each of its verbs names.

use std::time::Duration;

use signaling_desk::store::StoreError;

use super::{Failure, connect::Pool};
use crate::store::column::Columns;

/// Counts the desks that ever led. Whoever has a newer one decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term(pub i64);

/// Who leads, as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// The newest term.
    pub term: Term,
    /// The instance that took it; empty when none ever did.
    pub holder: String,
    /// Where other instances reach it.
    pub address: String,
    /// How long its lease has been over; none while it is not.
    pub over_for: Option<Duration>,
}

/// The leadership of one database.
#[derive(Clone)]
pub struct Leadership {
    pool: Pool,
}

impl Leadership {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Who leads.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn look(&self) -> Result<Leader, StoreError> {
        let look = async |client: &deadpool_postgres::Client| {
            let sql = "SELECT term, holder, address,
                           (EXTRACT(epoch FROM
                               LEAST(clock_timestamp() - GREATEST(until, 'epoch'), '1 day')
                           ) * 1000)::bigint AS over_for
                       FROM leadership";
            let statement = client.prepare_cached(sql).await?;
            let row = client.query_one(&statement, &[]).await?;
            let over_for: i64 = row.number("over_for")?;
            Ok::<_, Failure>(Leader {
                term: Term(row.number("term")?),
                holder: row.text("holder")?,
                address: row.text("address")?,
                over_for: u64::try_from(over_for).ok().map(Duration::from_millis),
            })
        };
        Ok(self.pool.ask(look).await?)
    }

    /// Takes over from the desk of the term `after`, whose lease must be over. None when somebody
    /// else was faster, or when that desk has renewed its lease.
    ///
    /// # Errors
    /// When the database cannot be asked. It may have been done all the same: then nobody leads
    /// until the lease is over.
    pub async fn take(
        &self,
        after: Term,
        holder: &str,
        address: &str,
        lease: Duration,
    ) -> Result<Option<Term>, StoreError> {
        let lease = millis(lease);
        let take = async |client: &deadpool_postgres::Client| {
            let sql = "UPDATE leadership SET term = term + 1, holder = $2, address = $3,
                           until = clock_timestamp() + $4 * INTERVAL '1 millisecond'
                       WHERE term = $1 AND until < clock_timestamp() RETURNING term";
            let statement = client.prepare_cached(sql).await?;
            let row = client.query_opt(&statement, &[&after.0, &holder, &address, &lease]).await?;
            row.map(|row| row.number("term").map(Term)).transpose()
        };
        Ok(self.pool.ask(take).await?)
    }

    /// Goes on leading; false when another desk leads.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn renew(&self, term: Term, lease: Duration) -> Result<bool, StoreError> {
        let lease = millis(lease);
        let renew = async |client: &deadpool_postgres::Client| {
            let sql = "UPDATE leadership
                       SET until = clock_timestamp() + $2 * INTERVAL '1 millisecond'
                       WHERE term = $1";
            let statement = client.prepare_cached(sql).await?;
            Ok::<_, Failure>(client.execute(&statement, &[&term.0, &lease]).await? > 0)
        };
        Ok(self.pool.ask(renew).await?)
    }

    /// Leads no longer, so that another can begin at once.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn give_up(&self, term: Term) -> Result<(), StoreError> {
        let give_up = async |client: &deadpool_postgres::Client| {
            let sql =
                "UPDATE leadership SET holder = '', until = clock_timestamp() WHERE term = $1";
            client.execute(sql, &[&term.0]).await?;
            Ok::<_, Failure>(())
        };
        Ok(self.pool.ask(give_up).await?)
    }
}

/// PostgreSQL multiplies intervals by doubles.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
