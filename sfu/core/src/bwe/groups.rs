//! Bursts of packets, and how the gaps between them change on the way.

use std::time::{Duration, Instant};

/// Packets sent within this long are one burst.
const BURST: Duration = Duration::from_millis(5);
/// Packets that arrive closer than this to each other, and closer than they were sent, have waited
/// behind something together: they are one burst as well…
const JOINT: i64 = 5_000;
/// …of at most this length, microseconds.
const MAX_JOINT: i64 = 100_000;
/// A gap in arrivals longer than this says nothing about a queue, microseconds.
const MAX_GAP: i64 = 3_000_000;
/// So many bursts in a row that arrived before their predecessor: the peer's clock was set anew.
const MAX_REORDERED: u8 = 3;

/// Groups packets into bursts and compares neighbours.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
    reordered: u8,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: Instant,
    last_sent: Instant,
    first_arrival: i64,
    last_arrival: i64,
}

/// The gap between two bursts, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    /// When they were sent.
    pub(super) sent: f64,
    /// When they arrived.
    pub(super) arrived: f64,
    /// When the later one arrived, by the peer's clock.
    pub(super) at: f64,
}

impl Groups {
    /// Takes the next packet that arrived, in the order of sending. Returns a gap when a burst has
    /// ended.
    pub(super) fn add(&mut self, sent: Instant, arrival: i64) -> Option<Gap> {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::new(sent, arrival));
            return None;
        };
        if sent < current.first_sent {
            return None;
        }
        if current.takes(sent, arrival) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrival = current.last_arrival.max(arrival);
            return None;
        }
        let ended = *current;
        let before = self.previous.replace(ended);
        self.current = Some(Group::new(sent, arrival));
        self.compare(before?, ended)
    }

    fn compare(&mut self, before: Group, ended: Group) -> Option<Gap> {
        let arrived = ended.last_arrival.saturating_sub(before.last_arrival);
        if arrived < 0 {
            self.reordered += 1;
            if self.reordered >= MAX_REORDERED {
                *self = Self::default();
            }
            return None;
        }
        self.reordered = 0;
        if arrived > MAX_GAP {
            self.previous = None;
            return None;
        }
        let sent = ended.last_sent.saturating_duration_since(before.last_sent);
        Some(Gap {
            sent: sent.as_secs_f64() * 1e3,
            arrived: arrived as f64 / 1e3,
            at: ended.last_arrival as f64 / 1e3,
        })
    }
}

impl Group {
    fn new(sent: Instant, arrival: i64) -> Self {
        Self { first_sent: sent, last_sent: sent, first_arrival: arrival, last_arrival: arrival }
    }

    fn takes(&self, sent: Instant, arrival: i64) -> bool {
        if sent <= self.first_sent + BURST {
            return true;
        }
        let arrived = arrival.saturating_sub(self.last_arrival);
        let sent = sent.saturating_duration_since(self.last_sent).as_micros() as i64;
        arrived < sent && arrived <= JOINT && arrival.saturating_sub(self.first_arrival) < MAX_JOINT
    }
}
