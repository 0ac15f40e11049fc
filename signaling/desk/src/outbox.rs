//! What is to be stored, in order, one verb at a time.
//!
//! Two kinds of verbs: those that let something new begin are **asked** and fail at once when the
//! store is away; everything else is **told** and tried again until it is stored.

use std::{collections::VecDeque, time::Duration};

use crate::{
    Millis,
    io::Ticket,
    store::{Applied, Refusal, StoreError, Verb},
};

/// Verbs kept while the store is away. Details (chat, stages, quality) are dropped beyond it; the
/// beginning and the end of a call never are, and no new call begins meanwhile, so that the calls
/// there are bound the rest.
const MAX_BACKLOG: usize = 10_000;

/// Time before the first repeat, doubled with each failure up to [`MAX_RETRY`].
const MIN_RETRY: Duration = Duration::from_millis(100);
/// Longest time between two tries.
const MAX_RETRY: Duration = Duration::from_secs(5);

/// The outbox.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Entry>,
    in_flight: Option<(Ticket, Entry)>,
    tickets: u64,
    failures: u32,
    retry_at: Option<Millis>,
    lost: u64,
    refused: u64,
}

/// A verb in line.
#[derive(Debug, Clone)]
struct Entry {
    verb: Verb,
    /// The desk knows that the verb's condition holds: a refusal would show a fault.
    sure: bool,
}

/// What became of a verb that was asked.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) verb: Verb,
    pub(crate) result: Result<(), NotStored>,
}

/// Why a verb was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotStored {
    /// Its condition does not hold.
    Refused(Refusal),
    /// The store is away.
    Unavailable,
}

fn is_asked(verb: &Verb) -> bool {
    matches!(verb, Verb::Enqueue { .. } | Verb::Claim { .. })
}

fn is_detail(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Chat { .. }
            | Verb::Timeline { .. }
            | Verb::Quality { .. }
            | Verb::WrapUp { .. }
            | Verb::Satisfaction { .. }
            | Verb::Wanted { .. }
            | Verb::Alive { .. }
    )
}

impl Outbox {
    /// Puts a verb in line.
    pub(crate) fn push(&mut self, verb: Verb) {
        self.enter(Entry { verb, sure: true });
    }

    /// Puts a verb in line that the store may well refuse: it undoes what an unanswered question
    /// may have done, or passes on what a page claims.
    pub(crate) fn push_unsure(&mut self, verb: Verb) {
        self.enter(Entry { verb, sure: false });
    }

    fn enter(&mut self, entry: Entry) {
        if is_detail(&entry.verb) && self.waiting.len() >= MAX_BACKLOG {
            self.lost += 1;
        } else {
            self.waiting.push_back(entry);
        }
    }

    /// The store is away: nothing new may begin.
    pub(crate) fn is_down(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.in_flight.is_some())
    }

    /// Verbs given up: dropped from a full backlog, or nothing the store could read.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Verbs that the store refused though they were not a question.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// When to try again.
    pub(crate) fn retry_at(&self) -> Option<Millis> {
        self.retry_at.filter(|_| self.in_flight.is_none() && !self.waiting.is_empty())
    }

    /// The next verb for the store, if it is time.
    pub(crate) fn next(&mut self, now: Millis) -> Option<(Ticket, Verb)> {
        if self.in_flight.is_some() || self.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        let entry = self.waiting.pop_front()?;
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let verb = entry.verb.clone();
        self.in_flight = Some((ticket, entry));
        Some((ticket, verb))
    }

    /// Takes in the store's answer; gives back what became of verbs that were asked.
    pub(crate) fn answer(
        &mut self,
        ticket: Ticket,
        result: Result<Applied, StoreError>,
        now: Millis,
    ) -> Vec<Answer> {
        let Some((_, entry)) = self.in_flight.take_if(|(open, _)| *open == ticket) else {
            return Vec::new();
        };
        match result {
            Ok(applied) => {
                self.failures = 0;
                self.retry_at = None;
                let result = match applied {
                    Applied::Done => Ok(()),
                    Applied::Refused(refusal) => Err(NotStored::Refused(refusal)),
                };
                self.concluded(entry, result)
            }
            // Whoever runs a deposed desk ends it; until then nothing of it is stored.
            Err(StoreError::Damaged(_) | StoreError::Deposed) => {
                self.concluded(entry, Err(NotStored::Unavailable))
            }
            Err(StoreError::Unavailable(_)) => self.failed(entry, now),
        }
    }

    fn concluded(&mut self, entry: Entry, result: Result<(), NotStored>) -> Vec<Answer> {
        if is_asked(&entry.verb) {
            return vec![Answer { verb: entry.verb, result }];
        }
        match result {
            Ok(()) => {}
            Err(NotStored::Refused(_)) => self.refused += u64::from(entry.sure),
            Err(NotStored::Unavailable) => self.lost += 1,
        }
        Vec::new()
    }

    fn failed(&mut self, entry: Entry, now: Millis) -> Vec<Answer> {
        let wait = MIN_RETRY.saturating_mul(1 << self.failures.min(10)).min(MAX_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + wait);
        self.waiting.push_front(entry);
        let (asked, told) = self.waiting.drain(..).partition(|entry| is_asked(&entry.verb));
        self.waiting = told;
        if self.waiting.is_empty() {
            // Something has to find out when the store is back.
            self.push(Verb::Alive { at: now });
        }
        let asked: VecDeque<Entry> = asked;
        let unavailable = Err(NotStored::Unavailable);
        asked.into_iter().map(|Entry { verb, .. }| Answer { verb, result: unavailable }).collect()
    }
}

#[cfg(test)]
mod tests;
