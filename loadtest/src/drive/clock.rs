//! The one clock of a run.

use std::time::{Duration, Instant};

/// Time since the run began. Copies share the beginning, so stamps made with one copy are read
/// with another.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A run that begins now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the run began.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// When the run began.
    pub(super) fn origin(&self) -> Instant {
        self.0
    }

    /// The instant at which the run was `at` old.
    pub(crate) fn instant(&self, at: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.0 + at)
    }
}

/// As it is written into stamps.
pub(super) fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}
