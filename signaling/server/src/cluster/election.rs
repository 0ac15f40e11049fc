//! What an instance does about the leadership, given what it knows.
//!
//! The database arbitrates: [`Step::Take`] goes through for one. This decides *when* to try, and it
//! errs on the side of the desk there is: a desk that others can still reach goes on through any
//! absence of the database, with all that it has not been able to store yet.

use std::time::Duration;

use crate::store::postgres::{Leader, Term};

/// How long a lease lasts. Together with [`RENEW_EVERY`] it bounds how long a crash goes unnoticed,
/// and how slow the database may be before somebody looks whether the leader is still there.
pub const LEASE: Duration = Duration::from_millis(1_500);

/// How often the leader takes its lease again: three tries within one lease.
pub const RENEW_EVERY: Duration = Duration::from_millis(450);

/// How often the others look.
pub const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long the leader must have been out of reach before its lease, once over, is taken: a link
/// takes some round trips to come up, and one that broke shows it by then.
pub const OUT_OF_REACH: Duration = Duration::from_millis(400);

/// How long a leader that others can reach may let its lease be over while they see the database:
/// then it cannot see it, and the shop is better served by a desk that can.
pub const CUT_OFF: Duration = Duration::from_secs(15);

/// What an instance knows.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// Its own id.
    pub me: &'a str,
    /// The term in which its own desk leads.
    pub leading: Option<Term>,
    /// What the database says now; none when it does not answer.
    pub row: Option<&'a Leader>,
    /// Whether the link to the leader of the row's term is up; if not, for how long it has been
    /// tried.
    pub link: Reach,
    /// How long the database has said, without a break, that the row's lease is over.
    pub over_for: Duration,
}

/// Whether the leader can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The link is up.
    Up,
    /// It has been tried for this long.
    Down(Duration),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Lead on: take the lease again.
    Renew(Term),
    /// End the own desk: another leads.
    StepDown,
    /// Try to take over from the desk of this term.
    Take(Term),
    /// Pass pages on to the leader of this term.
    Follow(Term),
    /// Nothing: ask the database again.
    Wait,
}

/// What to do next.
#[must_use]
pub fn step(view: &View<'_>) -> Step {
    let Some(row) = view.row else {
        // Nobody can take over without the database either.
        return view.leading.map_or(Step::Wait, Step::Renew);
    };
    if let Some(term) = view.leading {
        return if row.term > term { Step::StepDown } else { Step::Renew(term) };
    }
    if row.over_for.is_none() {
        // A lease of our own that we do not use is one whose taking went wrong: it ends by itself.
        return if row.holder == view.me { Step::Wait } else { Step::Follow(row.term) };
    }
    let gone = match view.link {
        Reach::Up => view.over_for >= CUT_OFF,
        Reach::Down(tried) => tried >= OUT_OF_REACH,
    };
    if gone || row.holder.is_empty() || row.holder == view.me {
        Step::Take(row.term)
    } else {
        Step::Follow(row.term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(term: i64, holder: &str, over: Option<u64>) -> Leader {
        let (holder, address) = (holder.to_owned(), "b:1".to_owned());
        Leader { term: Term(term), holder, address, over_for: over.map(Duration::from_millis) }
    }

    fn view(row: Option<&Leader>, leading: Option<i64>, link: Reach) -> View<'_> {
        View { me: "a", leading: leading.map(Term), row, link, over_for: Duration::ZERO }
    }

    #[test]
    fn a_leader_goes_on_until_another_leads() {
        let up = Reach::Up;
        for over in [None, Some(5_000)] {
            assert_eq!(step(&view(Some(&row(3, "a", over)), Some(3), up)), Step::Renew(Term(3)));
        }
        assert_eq!(step(&view(None, Some(3), up)), Step::Renew(Term(3)), "the database is away");
        assert_eq!(step(&view(Some(&row(4, "b", None)), Some(3), up)), Step::StepDown);
    }

    #[test]
    fn nobody_takes_a_lease_that_is_not_over_or_whose_leader_is_there() {
        let long = Reach::Down(Duration::from_secs(60));
        assert_eq!(step(&view(Some(&row(3, "b", None)), None, long)), Step::Follow(Term(3)));
        let over = row(3, "b", Some(9_000));
        assert_eq!(step(&view(Some(&over), None, Reach::Up)), Step::Follow(Term(3)));
        let just = Reach::Down(Duration::from_millis(10));
        assert_eq!(step(&view(Some(&over), None, just)), Step::Follow(Term(3)), "tried first");
        assert_eq!(step(&view(None, None, long)), Step::Wait);
        assert_eq!(step(&view(Some(&row(3, "a", None)), None, long)), Step::Wait);
    }

    #[test]
    fn a_leader_that_is_gone_or_cut_off_from_the_database_is_replaced() {
        let over = row(3, "b", Some(1));
        let gone = Reach::Down(OUT_OF_REACH);
        assert_eq!(step(&view(Some(&over), None, gone)), Step::Take(Term(3)));
        let cut_off = View { over_for: CUT_OFF, ..view(Some(&over), None, Reach::Up) };
        assert_eq!(step(&cut_off), Step::Take(Term(3)));
        let given_up = row(3, "", Some(1));
        let now = Reach::Down(Duration::ZERO);
        assert_eq!(step(&view(Some(&given_up), None, now)), Step::Take(Term(3)));
        assert_eq!(step(&view(Some(&row(3, "a", Some(1))), None, now)), Step::Take(Term(3)));
    }
}
