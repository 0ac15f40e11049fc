//! What recent calls say about how long the next shopper will wait.

use std::{collections::VecDeque, time::Duration};

/// Calls looked back at. Enough to even out one long call, few enough to follow the day.
const LOOK_BACK: usize = 30;

/// Calls needed before an estimate is worth anything.
const ENOUGH: usize = 3;

/// Durations of recent calls.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// From the accept to the end of the wrap-up: how long a call keeps an agent.
    busy: VecDeque<Duration>,
    /// From the first ring to the accept.
    answer: VecDeque<Duration>,
}

impl History {
    pub(crate) fn kept_busy(&mut self, time: Duration) {
        push(&mut self.busy, time);
    }

    pub(crate) fn answered(&mut self, time: Duration) {
        push(&mut self.answer, time);
    }

    /// Seconds until the shopper at `position` (from 1) is answered, with this many agents on
    /// duty, `free` of them free now.
    pub(crate) fn estimate(&self, position: u32, agents: u32, free: u32) -> Option<u32> {
        if agents == 0 {
            return None;
        }
        let ahead = position.saturating_sub(free);
        let answer = mean(&self.answer)?;
        let busy = if ahead == 0 { Duration::ZERO } else { mean(&self.busy)? };
        let wait = answer + busy.mul_f64(f64::from(ahead) / f64::from(agents));
        u32::try_from(wait.as_secs()).ok()
    }
}

fn push(times: &mut VecDeque<Duration>, time: Duration) {
    if times.len() >= LOOK_BACK {
        times.pop_front();
    }
    times.push_back(time);
}

fn mean(times: &VecDeque<Duration>) -> Option<Duration> {
    let count = u32::try_from(times.len()).ok()?;
    (times.len() >= ENOUGH).then(|| times.iter().sum::<Duration>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_without_data_and_grows_with_the_queue() {
        let mut history = History::default();
        for _ in 0..ENOUGH - 1 {
            history.answered(Duration::from_secs(4));
            history.kept_busy(Duration::from_secs(100));
        }
        assert_eq!(history.estimate(1, 2, 2), None);
        history.answered(Duration::from_secs(4));
        assert_eq!(history.estimate(1, 2, 2), Some(4));
        assert_eq!(history.estimate(1, 2, 0), None, "nothing is known of how long agents are busy");
        history.kept_busy(Duration::from_secs(100));
        assert_eq!(history.estimate(1, 2, 0), Some(54));
        assert_eq!(history.estimate(4, 2, 0), Some(204));
        assert_eq!(history.estimate(4, 0, 0), None);
    }
}
