//! Whether a publisher's way has become much narrower at once.
//!
//! How long packets wait is told by the first one of a piece that was sent at once, and on a way that has become narrow a
//! piece takes a tenth of a second to come: a short queue has overflowed by then. Packet after packet that takes far longer to
//! come than it took to send says it sooner.

use crate::bwe::RateMeter;

/// The latest gaps that are looked at: some tenths of a second of video.
const GAPS: usize = 16;
/// They have grown by so many milliseconds in all, apart from the largest: a way that stood still for a moment is one
/// large gap, and what waited behind it comes at once…
const GROWN: f64 = 40.0;
/// …in so many gaps at least…
const LEAST: usize = 4;
/// …that took so many times as long to come as they had taken to send: a smaller fall is met soon enough when the queue has grown.
const LONGER: f64 = 1.8;

/// Less than this share comes through of what did in the last half second, in microseconds: otherwise more was sent in one piece
/// than usual, and the way is what it was.
const SHARE: f64 = 0.67;
const BEFORE: i64 = 500_000;
/// It is believed to leave this share of that: a page whose machine is busy writes its packets late, one after the other, and
/// looks the same. Where it is less, the queue tells a moment later.
const LEFT: f64 = 0.33;

/// The latest gaps between what was sent, and how long they were when it came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fall {
    gaps: [Gap; GAPS],
    next: usize,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Gap {
    sent: f64,
    arrived: f64,
}

impl Fall {
    /// Takes the next gap, in milliseconds.
    pub(super) fn add(&mut self, sent: f64, arrived: f64) {
        self.gaps[self.next] = Gap { sent, arrived };
        self.next = (self.next + 1) % GAPS;
    }

    /// What comes through since, in bit/s, where what came last shows that the way has become narrower; `through` is what came, up
    /// to `at`, by the same clock in microseconds.
    pub(super) fn leaves(&self, through: &mut RateMeter, at: i64) -> Option<f64> {
        let took = self.shown()?;
        let before = through.rate(at, BEFORE)?;
        let now = through.rate(at, took)?;
        (now < SHARE * before).then(|| now.max(LEFT * before))
    }

    /// For how long, in microseconds, what came last has taken too long; `None` if it has not.
    fn shown(&self) -> Option<i64> {
        let newest = self.gaps[(self.next + GAPS - 1) % GAPS];
        if newest.arrived <= newest.sent {
            return None;
        }
        let (mut sent, mut arrived, mut largest) = (0.0, 0.0, 0.0_f64);
        (1..=GAPS).find_map(|back| {
            let gap = self.gaps[(self.next + GAPS - back) % GAPS];
            sent += gap.sent;
            arrived += gap.arrived;
            largest = largest.max(gap.arrived - gap.sent);
            let grown = arrived - sent - largest;
            let falls = back >= LEAST && grown >= GROWN && arrived >= LONGER * sent;
            falls.then_some((arrived * 1e3) as i64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(gaps: impl IntoIterator<Item = (f64, f64)>) -> Option<i64> {
        let mut fall = Fall::default();
        gaps.into_iter().for_each(|(sent, arrived)| fall.add(sent, arrived));
        fall.shown()
    }

    #[test]
    fn packets_that_come_at_a_third_of_the_pace_show_it_within_some_tens_of_milliseconds() {
        assert_eq!(shown([(5.0, 5.0); 16]), None);
        let narrower = [(5.0, 15.0); 5];
        assert_eq!(shown(narrower), Some(75_000), "50 ms, of which 10 are the largest gap's");
        assert_eq!(
            shown([[(5.0, 5.0); 5], narrower].concat()),
            Some(75_000),
            "what was before does not hide it"
        );
    }

    #[test]
    fn a_moment_without_anything_is_none() {
        let stood = [(5.0, 5.0), (5.0, 150.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0)];
        assert_eq!(shown(stood), None);
    }

    #[test]
    fn a_way_that_is_a_little_too_narrow_is_none() {
        assert_eq!(shown([(10.0, 16.0); 16]), None, "96 ms, but a pace of 0.6");
    }

    #[test]
    fn no_less_than_a_third_is_believed_to_be_left() {
        // A packet of 1,000 bytes every 4 ms, then one every so many.
        let left = |millis: i64| {
            let (mut fall, mut through) = (Fall::default(), RateMeter::default());
            let mut at = 0;
            (0..260).find_map(|id| {
                let gap = if id < 250 { 4 } else { millis };
                at += gap * 1_000;
                fall.add(4.0, gap as f64);
                through.add(at, 1_000);
                fall.leaves(&mut through, at)
            })
        };
        assert_eq!(left(4), None);
        let before = 2e6;
        let half = left(9).unwrap() / before;
        assert!((0.4..0.6).contains(&half), "{half}");
        let tenth = left(40).unwrap() / before;
        assert!((0.25..0.34).contains(&tenth), "{tenth}");
    }
}
