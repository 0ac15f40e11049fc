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
const GROWN: f32 = 40.0;
/// …in so many gaps at least…
const LEAST: usize = 4;
/// …that took so many times as long to come as they had taken to send: a smaller fall is met soon enough when the queue has grown.
const LONGER: f32 = 1.8;

/// They bring less than this share of what came in the last half second, in microseconds: otherwise more was sent in one piece
/// than usual, and the way is what it was.
const SHARE: f64 = 0.67;
const BEFORE: i64 = 500_000;
/// It is believed to leave this share of that: what came last may have been sound, or written late by a page whose machine is
/// busy. Where it is less, the queue tells a moment later.
const LEFT: f64 = 0.33;

/// The latest gaps between what was sent, how long they were when it came, and what ended them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fall {
    gaps: [Gap; GAPS],
    next: usize,
}

/// Milliseconds, and bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Gap {
    sent: f32,
    arrived: f32,
    bytes: f32,
}

impl Gap {
    fn grown(self) -> f32 {
        self.arrived - self.sent
    }
}

impl Fall {
    /// Takes the next gap, in milliseconds, and the size of the packet that ended it.
    pub(super) fn add(&mut self, sent: f64, arrived: f64, bytes: usize) {
        self.gaps[self.next] =
            Gap { sent: sent as f32, arrived: arrived as f32, bytes: bytes as f32 };
        self.next = (self.next + 1) % GAPS;
    }

    /// What comes through since, in bit/s, where what came last shows that the way has become narrower; `through` is what came, up
    /// to `at`, by the same clock in microseconds.
    pub(super) fn leaves(&self, through: &mut RateMeter, at: i64) -> Option<f64> {
        let now = self.shown()?;
        let before = through.rate(at, BEFORE)?;
        (now < SHARE * before).then(|| now.max(LEFT * before))
    }

    /// What comes while packets take too long, in bit/s; `None` if they do not.
    fn shown(&self) -> Option<f64> {
        let newest = self.gaps[(self.next + GAPS - 1) % GAPS];
        if newest.grown() <= 0.0 {
            return None;
        }
        let (mut all, mut largest) = (Gap::default(), Gap::default());
        (1..=GAPS).find_map(|back| {
            let gap = self.gaps[(self.next + GAPS - back) % GAPS];
            all.sent += gap.sent;
            all.arrived += gap.arrived;
            all.bytes += gap.bytes;
            if gap.grown() > largest.grown() {
                largest = gap;
            }
            let grown = all.grown() - largest.grown();
            let falls = back >= LEAST && grown >= GROWN && all.arrived >= LONGER * all.sent;
            falls.then(|| {
                f64::from((all.bytes - largest.bytes) * 8e3 / (all.arrived - largest.arrived))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of packets of 1,000 bytes.
    fn shown(gaps: impl IntoIterator<Item = (f64, f64)>) -> Option<u64> {
        let mut fall = Fall::default();
        gaps.into_iter().for_each(|(sent, arrived)| fall.add(sent, arrived, 1_000));
        fall.shown().map(|rate| rate.round() as u64)
    }

    #[test]
    fn packets_that_come_at_a_third_of_the_pace_show_it_within_some_tens_of_milliseconds() {
        assert_eq!(shown([(5.0, 5.0); 16]), None);
        let narrower = [(5.0, 15.0); 5];
        assert_eq!(shown(narrower), Some(533_333), "50 ms, of which 10 are the largest gap's");
        assert_eq!(
            shown([[(5.0, 5.0); 5], narrower].concat()),
            Some(533_333),
            "what was before does not hide it"
        );
        let paused = [(30.0, 45.0), (5.0, 15.0), (5.0, 15.0), (5.0, 15.0), (5.0, 15.0)];
        assert_eq!(shown(paused), Some(533_333), "nor does a pause");
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
    fn a_large_piece_that_comes_as_fast_as_before_is_none() {
        // Six packets of 1,000 bytes for a picture, 4 ms each on a way of 2 Mbit/s: 72 % of it. Then a picture of twenty.
        let (mut fall, mut through) = (Fall::default(), RateMeter::default());
        let mut at = 0;
        for (pictures, packets) in [(50, 6), (1, 20)] {
            for _ in 0..pictures {
                for packet in 0..packets {
                    let (sent, came) = if packet == 0 { (33.0, 33 - 4 * 5) } else { (0.0, 4) };
                    at += came * 1_000;
                    fall.add(sent, came as f64, 1_000);
                    through.add(at, 1_000);
                    assert_eq!(fall.leaves(&mut through, at), None, "{packet} of {packets}");
                }
            }
        }
        assert_eq!(fall.shown(), Some(2e6), "which took long to come");
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
                fall.add(4.0, gap as f64, 1_000);
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
