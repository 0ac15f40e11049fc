//! Whether others keep the queue filled, whatever we send: TCP does.
//!
//! Delay then says nothing about us, and who yields to it gets nothing. Alone on a line, a queue
//! shrinks as soon as less is sent than comes through. So where one stands we yield for a second: if
//! it does not shrink by what we have left out, it is somebody else's. From then on losses alone
//! decide, and from time to time we yield again to see whether that still holds.

use std::time::{Duration, Instant};

/// A queue longer than this stands in somebody's way…
const STANDING: Duration = Duration::from_millis(50);
/// …and is worth a look if it has stood for so long and a round trip.
const STOOD_FOR: Duration = Duration::from_millis(600);
/// A queue shorter than this is gone…
const GONE: Duration = Duration::from_millis(20);
/// …and so are they, if none has come back for so long. TCP leaves such gaps when it has lost
/// something.
const GONE_FOR: Duration = Duration::from_secs(5);
/// While they are there we yield this often…
const YIELD_EVERY: Duration = Duration::from_secs(10);
/// …for so long and a round trip…
const YIELD_FOR: Duration = Duration::from_millis(1_000);
/// …by sending this share of what comes through.
const YIELD_TO: f64 = 0.75;
/// Alone, the queue shrinks by what is not sent; this share of that is proof enough.
const PROOF: f64 = 0.7;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Rivals {
    /// Nobody that we know of.
    #[default]
    None,
    /// A queue stands since then.
    Suspected(Instant),
    /// We look whose queue it is.
    Yielding {
        since: Instant,
        /// The queue then.
        before: Duration,
        /// They were there before that.
        known: bool,
    },
    /// They are there.
    Present {
        /// When we yield next.
        next: Instant,
        /// Since when no queue is left.
        gone: Option<Instant>,
    },
}

impl Rivals {
    /// Losses alone decide.
    pub(super) fn are_present(&self) -> bool {
        matches!(self, Self::Present { .. } | Self::Yielding { known: true, .. })
    }

    /// What is to be sent of what comes through; `None` if there is nothing to find out.
    pub(super) fn yields(&self) -> Option<f64> {
        matches!(self, Self::Yielding { .. }).then_some(YIELD_TO)
    }

    /// Looks at the queue that the packets of a feedback have met.
    pub(super) fn update(&mut self, now: Instant, queue: Duration, rtt: Duration) {
        let passed = |since: Instant| now.saturating_duration_since(since);
        *self = match *self {
            Self::None if queue > STANDING => Self::Suspected(now),
            Self::Suspected(_) if queue <= STANDING => Self::None,
            Self::Suspected(since) if passed(since) > STOOD_FOR + rtt => {
                Self::Yielding { since: now, before: queue, known: false }
            }
            Self::Yielding { since, before, .. } => {
                // What we do shows after a round trip.
                let yielded = passed(since).saturating_sub(rtt);
                let expected = yielded.mul_f64(1.0 - YIELD_TO).min(before);
                let shrunk = before.saturating_sub(queue);
                let is_over = yielded > YIELD_FOR;
                if queue < GONE || is_over && shrunk > expected.mul_f64(PROOF) {
                    Self::None
                } else if is_over {
                    Self::Present { next: now + YIELD_EVERY, gone: None }
                } else {
                    return;
                }
            }
            Self::Present { next, .. } if now >= next && queue > STANDING => {
                Self::Yielding { since: now, before: queue, known: true }
            }
            Self::Present { gone: Some(since), .. } if queue < GONE && passed(since) > GONE_FOR => {
                Self::None
            }
            Self::Present { next, gone } => {
                Self::Present { next, gone: (queue < GONE).then(|| gone.unwrap_or(now)) }
            }
            other => other,
        };
    }
}
