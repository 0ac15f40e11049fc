//! Workers on cores of their own.

/// Pins this thread to the `index`-th of the cores that the process may use, if there are exactly
/// as many as workers. With fewer workers the scheduler does better, and with more nothing helps.
#[cfg(target_os = "linux")]
pub(super) fn pin(index: usize, workers: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    if allowed.count() as usize != workers {
        return;
    }
    let Some(core) = cores.nth(index) else { return };
    let mut own = CpuSet::new();
    own.set(core);
    if let Err(error) = sched_setaffinity(None, &own) {
        tracing::warn!(%error, index, core, "a worker cannot be pinned to its core");
    }
}

/// Elsewhere the scheduler decides.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin(_index: usize, _workers: usize) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::*;

    #[test]
    fn pinned_only_with_a_worker_for_each_core() {
        std::thread::spawn(|| {
            let cores = sched_getaffinity(None).expect("an affinity").count() as usize;
            pin(0, cores + 1);
            assert_eq!(sched_getaffinity(None).expect("an affinity").count() as usize, cores);
            pin(cores - 1, cores);
            assert_eq!(sched_getaffinity(None).expect("an affinity").count(), 1);
        })
        .join()
        .expect("the thread ends well");
    }
}
