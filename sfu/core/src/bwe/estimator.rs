//! Estimate from acknowledged bitrate, loss and queueing delay.

use std::time::{Duration, Instant};

/// First estimate in bit/s: what a 720p call wants, so that the first key frame is not held back.
pub const START_BITRATE: u64 = 2_500_000;
/// Lowest estimate in bit/s: audio and a small picture.
pub const MIN_BITRATE: u64 = 150_000;
/// Highest estimate in bit/s: more than any browser sends for a camera or a screen.
pub const MAX_BITRATE: u64 = 10_000_000;

/// Losses and bitrate are looked at over this long.
const WINDOW: Duration = Duration::from_millis(500);
/// Fewer packets say nothing about a share.
const MIN_PACKETS: u32 = 20;
/// Share of loss above which the estimate shrinks, and below which it may grow (as GCC has it).
const LOSS_HIGH: f64 = 0.10;
const LOSS_LOW: f64 = 0.02;
/// Growth in one window, below what was good before the last cut and beyond it.
const RECOVERY: f64 = 1.12;
const GROWTH: f64 = 1.04;
/// Without probing, nothing is known about rates that were never sent.
const BEYOND_ACKED: f64 = 1.5;
/// A queue that has stood this long above the shortest delay is congestion.
const QUEUE_LIMIT: i64 = 120_000;
/// After a queue, send this much less than what came through…
const QUEUE_BACKOFF: f64 = 0.85;
/// …but keep this much of the estimate: what came through says little about the way when the
/// publisher had little to send, and a hiccup of a machine looks like a queue.
const QUEUE_KEEP: f64 = 0.7;
/// The shortest delay is forgotten after this long: clocks drift and routes change.
const BASE_DELAY_AGE: Duration = Duration::from_secs(20);

/// The fate of one sent packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketResult {
    /// When it was sent.
    pub sent_at: Instant,
    /// Bytes.
    pub size: u16,
    /// Arrival in microseconds of the peer's clock; `None` if it was lost.
    pub arrival: Option<i64>,
}

/// Estimates the bitrate that one way can carry.
#[derive(Debug, Clone)]
pub struct Estimator {
    bitrate: f64,
    /// The estimate before the last cut.
    good: f64,
    /// The last window brought a cut: the next one is part of the same.
    falling: bool,
    window: Window,
    started: Instant,
    base: Option<BaseDelay>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    since: Option<Instant>,
    acked: u32,
    lost: u32,
    acked_bytes: u64,
    /// Shortest way of a packet in the window, microseconds, on an arbitrary scale.
    delay: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct BaseDelay {
    delay: i64,
    seen: Instant,
}

impl Estimator {
    /// Starts with [`START_BITRATE`].
    pub fn new(now: Instant) -> Self {
        let start = START_BITRATE as f64;
        Self {
            bitrate: start,
            good: start,
            falling: false,
            window: Window::default(),
            started: now,
            base: None,
        }
    }

    /// The estimate in bit/s.
    pub fn bitrate(&self) -> u64 {
        self.bitrate as u64
    }

    /// Takes a packet's fate.
    pub fn on_packet(&mut self, result: PacketResult) {
        let window = &mut self.window;
        let Some(arrival) = result.arrival else {
            window.lost += 1;
            return;
        };
        window.acked += 1;
        window.acked_bytes += u64::from(result.size);
        let sent = result.sent_at.saturating_duration_since(self.started).as_micros() as i64;
        let delay = arrival.wrapping_sub(sent);
        window.delay = Some(window.delay.map_or(delay, |least| least.min(delay)));
    }

    /// Call once after the packets of one feedback message.
    pub fn on_feedback(&mut self, now: Instant) {
        let since = *self.window.since.get_or_insert(now);
        let length = now.saturating_duration_since(since);
        if length < WINDOW || self.window.acked + self.window.lost < MIN_PACKETS {
            return;
        }
        let window =
            std::mem::replace(&mut self.window, Window { since: Some(now), ..Window::default() });
        let loss = f64::from(window.lost) / f64::from(window.acked + window.lost);
        let acked = window.acked_bytes as f64 * 8.0 / length.as_secs_f64();
        let before = self.bitrate;
        if self.queue(now, window.delay) > QUEUE_LIMIT {
            self.bitrate = before.min((acked * QUEUE_BACKOFF).max(before * QUEUE_KEEP));
        } else if loss > LOSS_HIGH {
            self.bitrate *= 1.0 - 0.5 * loss;
        } else if loss < LOSS_LOW {
            let recovered = (before * RECOVERY).min(self.good);
            let known = (acked * BEYOND_ACKED).max(before);
            self.bitrate = (before * GROWTH).min(known).max(recovered);
        }
        if self.bitrate < before && !self.falling {
            self.good = before;
        }
        self.falling = self.bitrate < before;
        self.bitrate = self.bitrate.clamp(MIN_BITRATE as f64, MAX_BITRATE as f64);
    }

    /// How much longer the shortest way in the window was than the shortest known, microseconds.
    fn queue(&mut self, now: Instant, delay: Option<i64>) -> i64 {
        let Some(delay) = delay else { return 0 };
        match &mut self.base {
            Some(base)
                if delay > base.delay
                    && now.saturating_duration_since(base.seen) < BASE_DELAY_AGE =>
            {
                delay - base.delay
            }
            base => {
                *base = Some(BaseDelay { delay, seen: now });
                0
            }
        }
    }
}
