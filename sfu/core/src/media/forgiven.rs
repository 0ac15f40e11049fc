//! What a publisher's way loses by itself is not held against the publisher.
//!
//! A browser takes losses for congestion, by what it sees: which of its packets came. Of a radio link that loses one in
//! ten it believes that it carries half of what it does. The node sees as well whether anything waits on that way, and
//! judges losses as those on the way to a viewer ([`LossLimit`]): a limit has to be demanded by the data. As long as none
//! is, feedback passes over what is missing and says neither that it came, since browsers repeat nothing that has come, nor
//! that it did not.

use std::time::{Duration, Instant};

use crate::bwe::LossLimit;

/// A longer run of missing packets is told as it is: the way was gone for a moment.
pub(super) const LONGEST: u64 = 8;
/// Behind a longer queue than this, losses are told as they are: it may be overflowing.
const WAITS: Duration = Duration::from_millis(40);
/// For this long after a queue has overflowed nothing is forgiven.
const OVERFLOWED_FOR: Duration = Duration::from_secs(2);
/// No way is believed to lose more than this by itself: a policer looks the same.
const MOST: f64 = 0.2;
/// A way that loses more than this by itself is lossy: up to here browsers find what it carries themselves
/// (`LossBasedBweV2`, instant upper bound).
const LOSSY: f64 = 0.05;

/// What is known of the publisher's way besides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// How long packets wait on it.
    pub(super) queue: Duration,
    /// A queue that is the publisher's own has grown, and drains.
    pub(super) drains: bool,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Forgiven {
    losses: LossLimit,
    overflowed: Option<Instant>,
    /// Bytes of a packet, smoothed.
    size: f32,
}

impl Forgiven {
    /// A packet came; `late`: it was counted as lost.
    pub(super) fn came(&mut self, size: usize, late: bool) {
        self.size += (size as f32 - self.size) / 16.0;
        if late {
            self.losses.came_after_all();
        } else {
            self.losses.came(size.min(usize::from(u16::MAX)) as u16);
        }
    }

    /// Feedback was written at `now`, and so many were missing that had not been counted, told or passed over.
    pub(super) fn missed(&mut self, now: Instant, lost: u32, way: Way) {
        if lost > 0 {
            self.losses.lost(lost, (f64::from(lost) * f64::from(self.size)) as u64);
        }
        self.losses.update(now, way.queue);
        if self.losses.take_overflow().is_some() {
            self.overflowed = Some(now);
        }
    }

    /// Whether what is missing is to be passed over.
    pub(super) fn forgives(&self, now: Instant, way: Way) -> bool {
        let is_full = way.drains
            || way.queue > WAITS
            || self.overflowed.is_some_and(|at| now < at + OVERFLOWED_FOR);
        !is_full && self.losses.limit().is_none() && self.losses.average() <= MOST
    }

    /// Passes over nothing until then.
    #[cfg(test)]
    pub(super) fn forgive_nothing(&mut self, until: Instant) {
        self.overflowed = Some(until);
    }

    /// The way loses much by itself.
    pub(super) fn is_lossy(&self) -> bool {
        self.losses.inherent() > LOSSY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Way = Way { queue: Duration::ZERO, drains: false };

    /// Feedback every 50 ms for so many seconds, about ten packets of 1,000 bytes each time, of which this one in so many is lost.
    fn lose(forgiven: &mut Forgiven, now: &mut Instant, seconds: u32, one_in: u32, way: Way) {
        for message in 0..seconds * 20 {
            let lost =
                (0..10).filter(|packet| (message * 10 + packet) % one_in == 0).count() as u32;
            (lost..10).for_each(|_| forgiven.came(1_000, false));
            *now += Duration::from_millis(50);
            forgiven.missed(*now, lost, way);
        }
    }

    #[test]
    fn losses_without_a_queue_are_passed_over() {
        let (mut forgiven, mut now) = (Forgiven::default(), Instant::now());
        assert!(forgiven.forgives(now, EMPTY) && !forgiven.is_lossy());
        lose(&mut forgiven, &mut now, 10, 10, EMPTY);
        assert!(forgiven.forgives(now, EMPTY) && forgiven.is_lossy());
        lose(&mut forgiven, &mut now, 10, 30, EMPTY);
        assert!(forgiven.forgives(now, EMPTY) && !forgiven.is_lossy());
    }

    #[test]
    fn losses_behind_a_queue_are_told() {
        let (mut forgiven, mut now) = (Forgiven::default(), Instant::now());
        lose(&mut forgiven, &mut now, 5, 100, EMPTY);
        assert!(!forgiven.forgives(now, Way { drains: true, ..EMPTY }));
        let full = Way { queue: Duration::from_millis(200), drains: false };
        assert!(!forgiven.forgives(now, full));
        lose(&mut forgiven, &mut now, 1, 5, full);
        assert!(!forgiven.forgives(now, EMPTY), "it has overflowed");
        lose(&mut forgiven, &mut now, 5, 100, EMPTY);
        assert!(forgiven.forgives(now, EMPTY), "some time ago");
    }

    #[test]
    fn losses_that_come_with_the_rate_are_told() {
        // A policer lets ten packets through in 50 ms, whatever is sent, and nothing waits.
        let (mut forgiven, mut now) = (Forgiven::default(), Instant::now());
        for lost in [0, 0, 0, 2, 4, 0, 0, 2, 4, 0] {
            for _ in 0..20 {
                (0..10 - u32::from(lost == 0)).for_each(|_| forgiven.came(1_000, false));
                now += Duration::from_millis(50);
                forgiven.missed(now, lost, EMPTY);
            }
        }
        assert!(!forgiven.forgives(now, EMPTY));
    }

    #[test]
    fn more_than_any_way_loses_by_itself_is_told() {
        let (mut forgiven, mut now) = (Forgiven::default(), Instant::now());
        lose(&mut forgiven, &mut now, 5, 4, EMPTY);
        assert!(!forgiven.forgives(now, EMPTY));
    }

    #[test]
    fn what_was_only_overtaken_was_not_lost() {
        let (mut forgiven, mut now) = (Forgiven::default(), Instant::now());
        for _ in 0..100 {
            (0..8).for_each(|_| forgiven.came(1_000, false));
            (0..2).for_each(|_| forgiven.came(1_000, true));
            now += Duration::from_millis(50);
            forgiven.missed(now, 2, EMPTY);
        }
        assert!(forgiven.forgives(now, EMPTY) && !forgiven.is_lossy());
    }
}
