//! How far the newest key frame has come on its way to the viewer.

use std::time::{Duration, Instant};

/// A key frame that is not complete after this is not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts the packets of the newest key frame, which may come in any order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyFrameProgress {
    state: State,
    /// One was complete since forwarding began.
    pub(super) begun: bool,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// None has begun.
    #[default]
    Waiting,
    /// Some of its packets were sent.
    Partial {
        /// Since when.
        since: Instant,
        /// Its first packet.
        first: u64,
        /// Its last packet, once it is known.
        last: Option<u64>,
        /// The frame's timestamp.
        timestamp: u32,
        /// Packets sent.
        count: u64,
    },
    /// All were.
    Complete {
        /// When.
        at: Instant,
        /// The frame's timestamp.
        timestamp: u32,
    },
}

impl KeyFrameProgress {
    /// A key frame begins. One that was not completed is given up: it will not be repaired any
    /// more when the next one comes.
    pub(super) fn begin(&mut self, now: Instant, sequence: u64, timestamp: u32) {
        match self.state {
            // A frame may announce itself in more than one packet.
            State::Partial { timestamp: known, .. } | State::Complete { timestamp: known, .. }
                if known == timestamp => {}
            _ => {
                self.state =
                    State::Partial { since: now, first: sequence, last: None, timestamp, count: 0 };
            }
        }
    }

    /// A packet was sent. `true` if it completes the key frame.
    pub(super) fn on_packet(&mut self, now: Instant, sequence: u64, of: u32, marker: bool) -> bool {
        let State::Partial { first, last, timestamp, count, .. } = &mut self.state else {
            return false;
        };
        if of != *timestamp || sequence < *first {
            return false;
        }
        *count += 1;
        if marker {
            *last = Some(sequence);
        }
        let complete = last.is_some_and(|last| *count == last - *first + 1);
        if complete {
            self.state = State::Complete { at: now, timestamp: of };
        }
        complete
    }

    /// The newest key frame is being sent, or its repair is: `repair` after the last packet it may
    /// still succeed. Another one would take longer, and be lost as easily.
    pub(super) fn is_under_way(&self, now: Instant, repair: Duration) -> bool {
        match self.state {
            State::Waiting => false,
            State::Partial { since, .. } => now.saturating_duration_since(since) < PATIENCE,
            State::Complete { at, .. } => now.saturating_duration_since(at) < repair,
        }
    }
}
