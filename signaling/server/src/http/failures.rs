//! Slows down those who guess: a bucket of failed credentials for each source address.

use std::{net::IpAddr, time::Instant};

use dashmap::DashMap;

use crate::bucket::Bucket;

/// Failures in a burst. A whole office behind one address may open an old bookmark.
const BURST: f64 = 30.0;
/// Failures per second in the long run. Nobody guesses a 256-bit key at this rate, or at any.
const PER_SECOND: f64 = 0.5;
/// Addresses remembered. Beyond it those who have failed least are forgotten first.
const MAX_SOURCES: usize = 10_000;

/// Failed credentials by source.
#[derive(Debug, Default)]
pub struct FailureLimit {
    sources: DashMap<IpAddr, Bucket>,
}

impl FailureLimit {
    /// Whether `from` may try.
    ///
    /// # Errors
    /// Seconds until it may.
    pub fn check(&self, from: IpAddr, now: Instant) -> Result<(), u32> {
        let Some(mut bucket) = self.sources.get_mut(&from) else { return Ok(()) };
        if bucket.has(now) { Ok(()) } else { Err(bucket.wait().as_secs() as u32 + 1) }
    }

    /// `from` has failed.
    pub fn count(&self, from: IpAddr, now: Instant) {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&from) {
            self.forget_some(now);
        }
        let mut bucket =
            self.sources.entry(from).or_insert_with(|| Bucket::new(BURST, PER_SECOND, now));
        bucket.take(now);
    }

    /// Those who could start afresh are forgotten; if that does not help, everybody is: the bound
    /// matters more than the memory.
    fn forget_some(&self, now: Instant) {
        self.sources.retain(|_, bucket| !bucket.is_full(now));
        if self.sources.len() >= MAX_SOURCES {
            self.sources.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    #[test]
    fn a_source_that_keeps_failing_has_to_wait_and_others_do_not() {
        let limit = FailureLimit::default();
        let (bad, good) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into());
        let now = Instant::now();
        let tries = (0..1_000).take_while(|_| {
            let may = limit.check(bad, now).is_ok();
            limit.count(bad, now);
            may
        });
        assert_eq!(tries.count(), BURST as usize);
        assert_eq!(limit.check(good, now), Ok(()));
        let wait = limit.check(bad, now).expect_err("has to wait");
        assert_eq!(limit.check(bad, now + Duration::from_secs(wait.into())), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let limit = FailureLimit::default();
        let now = Instant::now();
        for address in 0..2 * MAX_SOURCES as u32 {
            limit.count(Ipv4Addr::from(address).into(), now);
        }
        assert!(limit.sources.len() <= MAX_SOURCES);
    }
}
