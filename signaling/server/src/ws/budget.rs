//! What one socket may cost: a rate of messages, and a number of bad ones.

use std::time::Instant;

use crate::bucket::Bucket;

/// Messages in a burst. A page that opens sends about ten at once.
const BURST: f64 = 60.0;
/// Messages per second in the long run. A call sends about one; a person types about two.
const PER_SECOND: f64 = 20.0;
/// Bad messages before the socket is closed. An honest page sends none; a page of a future version
/// may send a few kinds we do not know.
const BAD_MESSAGES: u32 = 20;
/// Legs a page may open in a burst. A page that changes networks opens one or two.
const LEG_BURST: f64 = 6.0;
/// Legs per second in the long run.
const LEGS_PER_SECOND: f64 = 0.5;

/// What one socket has left.
#[derive(Debug)]
pub(super) struct Budget {
    messages: Bucket,
    legs: Bucket,
    bad: u32,
}

/// The socket has used up its bad messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            messages: Bucket::new(BURST, PER_SECOND, now),
            legs: Bucket::new(LEG_BURST, LEGS_PER_SECOND, now),
            bad: 0,
        }
    }

    /// Whether another message may be handled.
    pub(super) fn message(&mut self, now: Instant) -> bool {
        self.messages.take(now)
    }

    /// Whether another leg may be opened or restarted.
    pub(super) fn leg(&mut self, now: Instant) -> bool {
        self.legs.take(now)
    }

    /// Counts a bad message.
    pub(super) fn bad_message(&mut self) -> Result<(), Exhausted> {
        self.bad += 1;
        if self.bad > BAD_MESSAGES { Err(Exhausted) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_borne_up_to_a_point() {
        let mut budget = Budget::new(Instant::now());
        let borne = (0..100).take_while(|_| budget.bad_message().is_ok()).count();
        assert_eq!(borne, BAD_MESSAGES as usize);
    }
}
