//! What went wrong, and the calls that are worth a look.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use signaling_wire::browser::Role;

use super::tally::setup;
use crate::{
    flow::{Failure, Step},
    observe::{CallEnded, CallNumber},
};

/// Why calls failed, the most frequent reason first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Errors(Vec<Reason>);

/// A reason why calls failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What was going on.
    pub step: Step,
    /// Whose page, if it was one page's trouble.
    pub side: Option<Role>,
    /// What went wrong.
    pub reason: String,
    /// How many calls.
    pub calls: u64,
    /// One of them.
    pub example: CallNumber,
}

/// Most reasons that are told apart. The text may carry ids or addresses; it must not fill memory.
const MAX_REASONS: usize = 100;
/// What the rest is called.
const OTHER: &str = "other reasons";

impl Errors {
    pub(super) fn add(&mut self, failure: &Failure, ended: &CallEnded) {
        let Failure { step, side, reason } = failure.clone();
        self.put(Reason { step, side, reason, calls: 1, example: ended.call });
    }

    fn put(&mut self, mut new: Reason) {
        let full = self.0.len() >= MAX_REASONS;
        let same = |known: &&mut Reason| {
            (known.step, known.side, &known.reason) == (new.step, new.side, &new.reason)
        };
        if let Some(known) = self.0.iter_mut().find(same) {
            known.calls += new.calls;
            known.example = known.example.min(new.example);
        } else if full {
            let rest = self.0.iter_mut().find(|known| known.reason == OTHER);
            match rest {
                Some(rest) => rest.calls += new.calls,
                None => {
                    new.reason = OTHER.to_owned();
                    self.0.push(new);
                }
            }
        } else {
            self.0.push(new);
        }
        self.0.sort_by_key(|known| (Reverse(known.calls), known.step, known.example));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.0.iter().cloned().for_each(|reason| self.put(reason));
    }

    /// The most frequent first.
    pub fn iter(&self) -> impl Iterator<Item = &Reason> {
        self.0.iter()
    }
}

/// The calls that are worth a look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Notable {
    /// Those whose set-up took longest, the slowest first.
    pub slowest: Vec<CallEnded>,
    /// The first that failed.
    pub failed: Vec<CallEnded>,
}

/// How many of each.
const MOST: usize = 20;

impl Notable {
    /// A call whose set-up may be among the slowest.
    pub(super) fn slow(&mut self, ended: &CallEnded) {
        let place = |call: &CallEnded| (Reverse(setup(call)), call.call);
        let at = self.slowest.partition_point(|call| place(call) < place(ended));
        if at < MOST && setup(ended).is_some() {
            self.slowest.insert(at, ended.clone());
            self.slowest.truncate(MOST);
        }
    }

    /// A call that failed.
    pub(super) fn fail(&mut self, ended: &CallEnded) {
        let place = |call: &CallEnded| (call.ended, call.call);
        let at = self.failed.partition_point(|call| place(call) < place(ended));
        if at < MOST {
            self.failed.insert(at, ended.clone());
            self.failed.truncate(MOST);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.slowest.iter().for_each(|call| self.slow(call));
        other.failed.iter().for_each(|call| self.fail(call));
    }
}
