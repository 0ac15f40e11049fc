//! Packets in groups of one burst, and how much later each group came than the one before.

use crate::time::Time;

/// Packets sent within this many microseconds are one group.
const BURST: i64 = 5_000;
/// A burst that came in at once is one group up to this long.
const LONGEST_BURST: i64 = 100_000;

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrival: i64,
    last_arrival: i64,
}

/// Differences between two groups, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) sent: i64,
    pub(super) arrival: i64,
}

/// Groups packets in the order of their feedback.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
}

impl Groups {
    pub(super) fn on_packet(&mut self, sent: Time, arrival: i64) -> Option<Delta> {
        let sent = sent.as_micros();
        let fresh = Group {
            first_sent: sent,
            last_sent: sent,
            first_arrival: arrival,
            last_arrival: arrival,
        };
        let Some(current) = &mut self.current else {
            self.current = Some(fresh);
            return None;
        };
        if sent < current.first_sent {
            return None;
        }
        if current.includes(sent, arrival) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrival = arrival;
            return None;
        }
        let complete = *current;
        let delta = self.previous.map(|previous| Delta {
            sent: complete.last_sent - previous.last_sent,
            arrival: complete.last_arrival - previous.last_arrival,
        });
        self.previous = Some(complete);
        self.current = Some(fresh);
        delta.filter(|delta| delta.arrival >= 0)
    }
}

impl Group {
    fn includes(&self, sent: i64, arrival: i64) -> bool {
        if sent - self.first_sent <= BURST {
            return true;
        }
        let gap = arrival - self.last_arrival;
        let propagation = gap - (sent - self.last_sent);
        propagation < 0 && gap <= BURST && arrival - self.first_arrival < LONGEST_BURST
    }
}
