//! Running cases.

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::Figures;
use crate::{
    case::Case,
    world::{Trace, World},
};

/// A case and the figures of its seeds.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The case.
    pub case: Case,
    /// In the order of the seeds.
    pub figures: Vec<Figures>,
}

/// Runs a case with one seed.
pub fn run_one(case: &Case, seed: u64, traced: bool) -> (Figures, Option<Trace>) {
    let world = World::new(case.plan.clone(), seed);
    let world = if traced { world.traced() } else { world };
    let (record, trace) = world.run();
    (Figures::new(case, &record), trace)
}

/// Runs cases with these seeds, on so many threads. The results do not depend on their number.
pub fn run_all(cases: &[Case], seeds: RangeInclusive<u64>, threads: usize) -> Vec<CaseResult> {
    let jobs: Vec<(usize, u64)> = cases
        .iter()
        .enumerate()
        .flat_map(|(index, _)| seeds.clone().map(move |seed| (index, seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(&(index, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((index, seed, run_one(&cases[index], seed, false).0));
        }
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|&(index, seed, _)| (index, seed));
    let results = cases.iter().enumerate().map(|(index, case)| CaseResult {
        case: case.clone(),
        figures: done
            .iter()
            .filter(|(of, ..)| *of == index)
            .map(|(_, _, figures)| figures.clone())
            .collect(),
    });
    results.collect()
}
