//! Whether a worker follows what comes to its socket.
//!
//! One that is given more than it can take never finds the socket empty; the kernel's buffer is full, and what comes on
//! top is lost. Each gap is a reason to ask for repeats, which take the places of what comes after them, and leave
//! gaps: the node then spends half of its time on them.

use std::time::{Duration, Instant};

/// A socket may be full for this long: as much has come meanwhile when something has kept the worker from its core.
const PATIENCE: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Since when each look has left something.
    since: Option<Instant>,
}

impl Behind {
    /// A look at the socket at `now` may have left something, or has found all that was there. Whether the worker is
    /// behind.
    pub(super) fn looked(&mut self, now: Instant, left_something: bool) -> bool {
        self.since = left_something.then(|| self.since.unwrap_or(now));
        self.since.is_some_and(|since| now.saturating_duration_since(since) > PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_something_at_each_look_for_long_is_behind() {
        let start = Instant::now();
        let mut behind = Behind::default();
        let mut looked = |after: u64, left_something| {
            behind.looked(start + Duration::from_millis(after), left_something)
        };
        assert!(!looked(0, true), "a burst");
        assert!(!looked(20, true));
        assert!(looked(21, true), "more than that");
        assert!(!looked(22, false), "the end of it is in sight");
        assert!(!looked(40, true), "and the next burst is one of its own");
        assert!(!looked(60, true));
        assert!(looked(61, true));
    }
}
