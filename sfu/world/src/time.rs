//! Virtual time.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A moment, counted from the beginning of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Time(u64);

impl Time {
    /// The beginning.
    pub const ZERO: Self = Self(0);
    /// Later than everything.
    pub const NEVER: Self = Self(u64::MAX);

    /// So many seconds after the beginning.
    pub fn secs(secs: f64) -> Self {
        Self((secs * 1e9) as u64)
    }

    /// Seconds since the beginning.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Microseconds since the beginning.
    pub fn as_micros(self) -> i64 {
        (self.0 / 1_000) as i64
    }

    /// Time since the beginning.
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time since `earlier`, zero if it was later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Seconds since `earlier`, negative if it was later.
    pub fn secs_since(self, earlier: Self) -> f64 {
        (self.0 as f64 - earlier.0 as f64) / 1e9
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_nanos() as u64))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.as_nanos() as u64))
    }
}

/// Milliseconds, for constants.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
