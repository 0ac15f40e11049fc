//! How long packets wait in the queue of the bottleneck: their way less the shortest way known.

use std::time::{Duration, Instant};

/// The shortest way is forgotten after so many periods: clocks drift and routes change.
const PERIOD: Duration = Duration::from_secs(2);
const PERIODS: usize = 20;

/// Shortest ways of the latest periods, microseconds on an arbitrary scale.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StandingQueue {
    shortest: [Option<i64>; PERIODS],
    /// The least of them: asked for with every packet, when they are in no near cache.
    least: Option<i64>,
    /// When the latest period began.
    since: Option<Instant>,
    /// Shortest way among the packets of the latest feedback.
    latest: Option<i64>,
    queue: Duration,
}

impl StandingQueue {
    /// Takes the way of a packet.
    pub(crate) fn add(&mut self, way: i64) {
        self.latest = Some(self.latest.map_or(way, |least| least.min(way)));
    }

    /// All packets of a feedback have been added: the queue that each of them has met.
    pub(crate) fn update(&mut self, now: Instant) {
        let Some(way) = self.latest.take() else { return };
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= PERIOD {
            self.shortest.rotate_right(1);
            self.shortest[0] = None;
            self.since = Some(now);
            self.least = self.shortest.iter().flatten().min().copied();
        }
        for least in [&mut self.shortest[0], &mut self.least] {
            *least = Some(least.map_or(way, |least| least.min(way)));
        }
        self.queue = self.waited(way);
    }

    /// What the packets of the latest feedback have met.
    pub(crate) fn get(&self) -> Duration {
        self.queue
    }

    /// The queue is as long at least as a packet has met that took `way`, which the next [`Self::update`] would find out.
    pub(crate) fn met(&mut self, way: i64) {
        self.queue = self.queue.max(self.waited(way));
    }

    /// What a packet that took `way` has waited, as far as the shortest way is known.
    fn waited(&self, way: i64) -> Duration {
        let least = self.least.unwrap_or(way);
        Duration::from_micros(u64::try_from(way.saturating_sub(least)).unwrap_or(0))
    }

    /// The shortest way known, on the scale of what was added.
    pub(crate) fn shortest(&self) -> Option<i64> {
        self.least
    }

    /// Nothing was heard for long: what was known of the queue is history.
    pub(crate) fn forget(&mut self) {
        self.queue = Duration::ZERO;
    }
}
