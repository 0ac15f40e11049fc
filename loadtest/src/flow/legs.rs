//! The legs of a page: the one that carries, and the one that is about to.

use std::time::Duration;

use signaling_wire::ids::LegId;

/// A leg as the page knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// The page's number for it.
    pub(super) attempt: u32,
    /// The deployment's, once answered.
    pub(super) id: Option<LegId>,
}

/// The legs of a page.
#[derive(Debug)]
pub(super) struct Legs {
    now: Known,
    next: Option<Known>,
    attempts: u32,
    /// Legs in a row that came to nothing.
    refusals: u32,
}

/// Wait before another leg after one that came to nothing: at first, and at most while a call waits
/// for it, as real pages do.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_millis(1_000);

/// Which leg something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that carries.
    Now,
    /// The one that is about to.
    Next,
    /// One that was given up.
    Former,
}

impl Legs {
    /// The first leg.
    pub(super) fn new() -> Self {
        Self { now: Known { attempt: 1, id: None }, next: None, attempts: 1, refusals: 0 }
    }

    /// The one that carries.
    pub(super) fn now(&self) -> Known {
        self.now
    }

    /// Which leg has this number.
    pub(super) fn which(&self, attempt: u32) -> Which {
        if attempt == self.now.attempt {
            Which::Now
        } else if self.next.is_some_and(|next| next.attempt == attempt) {
            Which::Next
        } else {
            Which::Former
        }
    }

    /// Which leg has this id.
    pub(super) fn which_id(&self, id: LegId) -> Which {
        if self.now.id == Some(id) {
            Which::Now
        } else if self.next.is_some_and(|next| next.id == Some(id)) {
            Which::Next
        } else {
            Which::Former
        }
    }

    /// A leg was answered; whether it is one that anybody waits for.
    pub(super) fn answered(&mut self, attempt: u32, id: LegId) -> bool {
        match self.which(attempt) {
            Which::Now => self.now.id = Some(id),
            Which::Next => {
                if let Some(next) = &mut self.next {
                    next.id = Some(id);
                }
            }
            Which::Former => return false,
        }
        true
    }

    /// Another leg is to be opened beside the one that carries: its number, unless one is being
    /// opened already, and how long to wait before.
    pub(super) fn open_next(&mut self) -> Option<(u32, Duration)> {
        if self.next.is_some() {
            return None;
        }
        self.attempts += 1;
        self.next = Some(Known { attempt: self.attempts, id: None });
        let after = match self.refusals {
            0 => Duration::ZERO,
            refusals => (RETRY_FIRST * (1 << refusals.min(8)) / 2).min(RETRY_MOST),
        };
        Some((self.attempts, after))
    }

    /// The one that is about to carry is of no use: its number.
    pub(super) fn drop_next(&mut self) -> Option<u32> {
        self.refusals += 1;
        self.next.take().map(|next| next.attempt)
    }

    /// From now on the next one carries: the number of the former, and the id of the new one.
    pub(super) fn promote(&mut self) -> Option<(u32, LegId)> {
        let next = self.next.take()?;
        self.refusals = 0;
        let former = std::mem::replace(&mut self.now, next);
        Some((former.attempt, next.id?))
    }
}
