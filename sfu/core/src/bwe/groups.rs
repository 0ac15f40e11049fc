//! Bursts of packets, and how the gaps between them change on the way.
//!
//! A burst is seen at its packet that took least. The last one of a picture has waited behind the others, so
//! that its way would say how large the picture is; and a page that stands still for a moment while it reads
//! holds some packets of a burst up, rarely all.

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
    first: Packet,
    /// When the latest was sent, and when one arrived last.
    last: Packet,
    /// The one that took least.
    least: Packet,
}

/// When a packet was sent, and when it arrived, in microseconds of the peer's clock.
#[derive(Debug, Clone, Copy)]
struct Packet {
    sent: Instant,
    arrival: i64,
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
        let packet = Packet { sent, arrival };
        let Some(current) = &mut self.current else {
            self.current = Some(Group::new(packet));
            return None;
        };
        if sent < current.first.sent {
            return None;
        }
        if current.takes(packet) {
            current.last.sent = current.last.sent.max(sent);
            current.last.arrival = current.last.arrival.max(arrival);
            if packet.took_less_than(current.least) {
                current.least = packet;
            }
            return None;
        }
        let ended = *current;
        let before = self.previous.replace(ended);
        self.current = Some(Group::new(packet));
        self.compare(before?, ended)
    }

    fn compare(&mut self, before: Group, ended: Group) -> Option<Gap> {
        let later = ended.last.arrival.saturating_sub(before.last.arrival);
        if later < 0 {
            self.reordered += 1;
            if self.reordered >= MAX_REORDERED {
                *self = Self::default();
            }
            return None;
        }
        self.reordered = 0;
        if later > MAX_GAP {
            self.previous = None;
            return None;
        }
        let (sent, arrived) = ended.least.after(before.least);
        Some(Gap {
            sent: sent.as_secs_f64() * 1e3,
            arrived: arrived as f64 / 1e3,
            at: ended.last.arrival as f64 / 1e3,
        })
    }
}

impl Group {
    fn new(packet: Packet) -> Self {
        Self { first: packet, last: packet, least: packet }
    }

    fn takes(&self, packet: Packet) -> bool {
        if packet.sent <= self.first.sent + BURST {
            return true;
        }
        packet.took_less_than(self.last)
            && packet.arrival.saturating_sub(self.last.arrival) <= JOINT
            && packet.arrival.saturating_sub(self.first.arrival) < MAX_JOINT
    }
}

impl Packet {
    /// How long after `other` it was sent, and how many microseconds after it it arrived.
    fn after(self, other: Self) -> (Duration, i64) {
        let sent = self.sent.saturating_duration_since(other.sent);
        (sent, self.arrival.saturating_sub(other.arrival))
    }

    /// Less than `other`, which was not sent later.
    fn took_less_than(self, other: Self) -> bool {
        let (sent, arrived) = self.after(other);
        arrived < sent.as_micros() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gaps of bursts, 30 ms apart, whose packets are sent at once and take so many milliseconds.
    fn gaps(bursts: &[&[i64]]) -> Vec<Gap> {
        let start = Instant::now();
        let mut groups = Groups::default();
        let mut gaps = Vec::new();
        for (burst, ways) in bursts.iter().enumerate() {
            let after = Duration::from_millis(30 * burst as u64);
            for way in *ways {
                let arrival = (after.as_millis() as i64 + way) * 1_000;
                gaps.extend(groups.add(start + after, arrival));
            }
        }
        gaps
    }

    #[test]
    fn a_large_picture_is_no_queue() {
        let small = [10, 12].as_slice();
        let large = [10, 12, 14, 16, 18, 20, 22, 24].as_slice();
        let gaps = gaps(&[small, small, large, small, small]);
        assert_eq!(gaps.iter().map(|gap| gap.arrived - gap.sent).collect::<Vec<_>>(), [0.0; 3]);
    }

    #[test]
    fn packets_that_a_page_has_held_up_are_no_queue() {
        let gaps = gaps(&[&[10, 12], &[10, 12], &[10, 38, 38, 38], &[10, 12], &[10, 12]]);
        assert!(gaps.iter().all(|gap| (gap.arrived - gap.sent).abs() < 3.0), "{gaps:?}");
    }

    #[test]
    fn a_queue_that_grows_is_seen() {
        let gaps = gaps(&[&[10, 12], &[15, 17], &[20, 22], &[25, 27], &[30, 32]]);
        let grown: f64 = gaps.iter().map(|gap| gap.arrived - gap.sent).sum();
        assert!((14.9..15.1).contains(&grown), "{gaps:?}");
    }
}
