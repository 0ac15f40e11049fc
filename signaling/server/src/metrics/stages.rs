//! Which stages of which calls have been counted: a timeline is stored again whenever it grows, and
//! each of its stages counts once.

use std::collections::{HashMap, HashSet, VecDeque};

use signaling_wire::{
    browser::{Role, TimelineEntry},
    ids::CallId,
};

/// What was counted of the calls that may still grow.
#[derive(Debug, Default)]
pub(super) struct Counted {
    calls: HashMap<CallId, HashSet<(Option<Role>, String)>>,
    /// Calls that have ended, the oldest first.
    ended: VecDeque<CallId>,
}

/// Calls that are remembered at all: those that another instance ends are never heard of again.
const MAX_CALLS: usize = 10_000;
/// Ended calls that are still remembered: pages tell their last stages some seconds late, and fifty
/// calls a second end in the largest shop.
const MAX_ENDED: usize = 512;

/// Stages that come before the press on Accept, and the press itself.
const BEFORE_ACCEPT: [&str; 4] = ["queued", "offered", "ring", "accept"];

impl Counted {
    /// The entries that come after the press on Accept and are new.
    pub(super) fn fresh<'a>(
        &mut self,
        call: CallId,
        entries: &'a [TimelineEntry],
    ) -> Vec<&'a TimelineEntry> {
        if self.calls.len() >= MAX_CALLS {
            self.calls.clear();
        }
        let seen = self.calls.entry(call).or_default();
        let fresh = entries.iter().filter(|entry| {
            // A warm leg, the queue and the ring come before the press on Accept; where clocks
            // disagree they seem to come after it.
            let before = BEFORE_ACCEPT.contains(&entry.stage.as_str()) || entry.at_ms < 0.0;
            !before && seen.insert((entry.side, entry.stage.clone()))
        });
        fresh.collect()
    }

    /// The call has ended: it is forgotten when enough others have.
    pub(super) fn ended(&mut self, call: CallId) {
        self.ended.push_back(call);
        if self.ended.len() > MAX_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stage: &str) -> TimelineEntry {
        TimelineEntry { side: Some(Role::Agent), stage: stage.into(), at_ms: 5.0 }
    }

    fn call(number: usize) -> CallId {
        CallId::from_bits(number as u128)
    }

    #[test]
    fn each_stage_counts_once_and_after_the_end_as_well() {
        let mut counted = Counted::default();
        let first = [entry("accept"), entry("call_started")];
        assert_eq!(counted.fresh(call(1), &first), [&first[1]]);
        counted.ended(call(1));

        let more = [entry("call_started"), entry("first_frame")];
        assert_eq!(counted.fresh(call(1), &more), [&more[1]]);
    }

    #[test]
    fn calls_that_have_ended_are_forgotten() {
        let mut counted = Counted::default();
        for number in 0..5 * MAX_ENDED {
            counted.fresh(call(number), &[entry("first_frame")]);
            counted.ended(call(number));
        }
        assert!(counted.calls.len() <= MAX_ENDED && counted.ended.len() <= MAX_ENDED);
    }
}
