//! When which call begins. No clock: time since the begin of the run is an argument.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::plan::{self, Load};

/// Which part of a run's calls a generator makes: every `of`th, beginning with `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub index: u64,
    /// Generators in all.
    pub of: u64,
}

impl Share {
    /// All of them.
    pub const ALL: Self = Self { index: 0, of: 1 };
}

/// A call that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Its number, unique over all generators of the run.
    pub number: u64,
    /// When it should begin, since the begin of the run.
    pub at: Duration,
}

/// The starts of a run, in order.
#[derive(Debug)]
pub struct Arrivals {
    load: Load,
    share: Share,
    max_calls: Option<u64>,
    rng: SmallRng,
    /// Calls that were numbered so far: with a rate those of all generators, otherwise our own.
    numbered: u64,
    /// Calls of this generator that are on.
    open: u64,
    pending: Option<Duration>,
    /// Up to where the load was gone through.
    looked: Duration,
    /// Calls that were due up to there and have not begun, and the part of the next one.
    due: f64,
}

/// How finely a changing load is gone through.
const STEP: Duration = Duration::from_millis(1);
/// With a number of calls as the load, a missing one is looked for this often…
const LOOK: Duration = Duration::from_millis(100);
/// …and so many begin a second at most in one generator: a step in the plan is no storm. Who wants
/// one gives a rate.
const MOST_PER_LOOK: u64 = 2;

impl Arrivals {
    /// The starts of `plan` that are `share`'s.
    pub fn new(plan: &plan::Run, share: Share) -> Self {
        Self {
            load: plan.load.clone(),
            share,
            max_calls: plan.max_calls,
            rng: SmallRng::seed_from_u64(plan.seed ^ 0x6172_7269_7661_6c73),
            numbered: 0,
            open: 0,
            pending: None,
            looked: Duration::ZERO,
            due: 0.0,
        }
    }

    /// The next call that is to begin by `now`.
    pub fn next(&mut self, now: Duration) -> Option<Start> {
        if self.exhausted() {
            return None;
        }
        let start = match self.load {
            Load::Rate(_) => self.next_of_rate(now)?,
            Load::Calls(_) => self.next_of_calls(now)?,
        };
        self.open += 1;
        Some(start)
    }

    /// A call that began is over.
    pub fn over(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Whether no call will ever begin again.
    pub fn exhausted(&self) -> bool {
        let next = match self.load {
            Load::Rate(_) => self.numbered,
            Load::Calls(_) => self.numbered * self.share.of + self.share.index,
        };
        self.max_calls.is_some_and(|most| next >= most)
    }

    /// A Poisson process: the time between two calls, measured in calls that the load makes due, is
    /// exponential with mean one.
    fn next_of_rate(&mut self, now: Duration) -> Option<Start> {
        loop {
            let at = self.next_arrival(now)?;
            self.pending = None;
            let number = self.numbered;
            self.numbered += 1;
            if number % self.share.of == self.share.index {
                return Some(Start { number, at });
            }
            if self.exhausted() {
                return None;
            }
        }
    }

    fn next_arrival(&mut self, now: Duration) -> Option<Duration> {
        if let Some(at) = self.pending {
            return (at <= now).then_some(at);
        }
        if self.due <= 0.0 {
            // 1 - u is never 0, and the logarithm finite.
            self.due = -(1.0 - self.rng.random::<f64>()).ln();
        }
        while self.looked <= now {
            let calls = self.load.target_at(self.looked) * STEP.as_secs_f64();
            if calls >= self.due {
                let at = self.looked + STEP.mul_f64(self.due / calls);
                // The rest of this step belongs to the calls after it: go through it again, from
                // there on.
                self.looked = at;
                self.due = 0.0;
                self.pending = Some(at);
                return (at <= now).then_some(at);
            }
            self.due -= calls;
            self.looked += STEP;
        }
        None
    }

    fn next_of_calls(&mut self, now: Duration) -> Option<Start> {
        if self.looked + LOOK <= now {
            // What was not looked at is not made up for.
            self.looked = now;
            self.due = MOST_PER_LOOK as f64;
        }
        // Rounded so that the parts of all generators add up to the whole.
        let whole = self.load.target_at(now).round() as u64;
        let target = (whole + self.share.of - 1 - self.share.index) / self.share.of;
        if self.open >= target || self.due < 1.0 {
            return None;
        }
        self.due -= 1.0;
        let number = self.numbered * self.share.of + self.share.index;
        self.numbered += 1;
        Some(Start { number, at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(stages: &[&str]) -> plan::Run {
        plan::Run::new("test".parse().unwrap(), Load::parse(stages).unwrap())
    }

    /// All starts up to `end`, looked for every 10 ms.
    fn starts(arrivals: &mut Arrivals, end: Duration) -> Vec<Start> {
        let mut starts = Vec::new();
        let mut now = Duration::ZERO;
        while now < end {
            while let Some(start) = arrivals.next(now) {
                starts.push(start);
            }
            now += Duration::from_millis(10);
        }
        starts
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_rate_is_kept_and_by_chance() {
        let starts = starts(&mut Arrivals::new(&plan(&["20/s@1m"]), Share::ALL), MINUTE);

        // A Poisson count of 1,200 is within four deviations of 35.
        assert!((1_060..1_340).contains(&starts.len()), "{}", starts.len());
        assert!(starts.windows(2).all(|two| two[0].at <= two[1].at));
        let short =
            starts.windows(2).filter(|two| two[1].at - two[0].at < Duration::from_millis(50));
        let share = short.count() as f64 / starts.len() as f64;
        assert!((0.58..0.68).contains(&share), "1 - 1/e are shorter than the mean: {share}");
    }

    #[test]
    fn a_ramp_gives_more_and_more() {
        let starts = starts(&mut Arrivals::new(&plan(&["0..20/s@1m"]), Share::ALL), MINUTE);
        let first = starts.iter().filter(|start| start.at < MINUTE / 2).count() as f64;
        let share = first / starts.len() as f64;
        assert!((0.2..0.3).contains(&share), "a quarter comes in the first half: {share}");
    }

    #[test]
    fn generators_share_the_calls_of_a_rate_exactly() {
        let plan = plan(&["20/s@1m"]);
        let whole = starts(&mut Arrivals::new(&plan, Share::ALL), MINUTE);
        let mut parts: Vec<Start> = (0..3)
            .flat_map(|index| starts(&mut Arrivals::new(&plan, Share { index, of: 3 }), MINUTE))
            .collect();
        parts.sort_by_key(|start| start.number);
        assert_eq!(parts, whole);
    }

    #[test]
    fn calls_are_filled_up_to_the_target_and_not_beyond() {
        let mut arrivals = Arrivals::new(&plan(&["30@1m"]), Share::ALL);
        let first = starts(&mut arrivals, Duration::from_secs(10));
        assert_eq!(first.len(), 30);
        assert!(first[19].at >= Duration::from_millis(900), "not all at once");

        arrivals.over();
        assert!(arrivals.next(Duration::from_secs(11)).is_some());
        assert!(arrivals.next(Duration::from_secs(12)).is_none());
    }

    #[test]
    fn generators_share_the_calls_of_a_target() {
        let plan = plan(&["31@1m"]);
        let counts = [0, 1]
            .map(|index| starts(&mut Arrivals::new(&plan, Share { index, of: 2 }), MINUTE).len());
        assert_eq!(counts, [16, 15]);
    }

    #[test]
    fn no_more_begin_than_the_plan_allows() {
        let mut plan = plan(&["50/s@1m"]);
        plan.max_calls = Some(100);
        let mut arrivals = Arrivals::new(&plan, Share::ALL);
        assert_eq!(starts(&mut arrivals, MINUTE).len(), 100);
        assert!(arrivals.exhausted());
    }
}
