//! The rate that a growing or standing delay allows: up by a share far from what the way is known
//! to carry and by a packet at a time near it, down to a share of what came through.

use std::time::{Duration, Instant};

use super::{FULL_PACKET_BITS, MAX_BITRATE, MIN_BITRATE, trendline::Usage};

/// After overuse this share of what came through is sent, by the queue that has grown: the longer
/// it is, the more was sent too much. The queue itself is drained apart from it, by its length.
const BACKOFF: [(Duration, f64); 3] =
    [(Duration::from_millis(40), 0.95), (Duration::from_millis(80), 0.9), (Duration::MAX, 0.85)];
/// On an idle way, where nothing is known but that something held packets up, this share is left.
const IDLE_BACKOFF: f64 = 0.85;
/// Growth a second, far from the known capacity.
const GROWTH: f64 = 1.08;
/// Packets are so many as full ones need for a picture.
const FRAMES_A_SECOND: f64 = 30.0;
/// Growth near it: a packet in each response time, a round trip and this. The same for everybody, so that
/// flows that share a way become alike.
const RESPONSE: Duration = Duration::from_millis(100);
/// Slowest growth near it: bit/s each second, and a share each second.
const MIN_STEP: f64 = 4_000.0;
const MIN_GROWTH: f64 = 0.02;
/// Without a probe nothing is known about rates that were never sent.
const BEYOND_ACKED: f64 = 1.5;
/// Audio alone must be able to grow.
const BEYOND_ACKED_BITS: f64 = 10_000.0;
/// What a small picture and audio take, bit/s. Up to here a delay that grows or stands counts for
/// nothing as long as what is sent comes through: the queue is then filled by somebody else, who would
/// take what we leave (TCP does). No higher: a line of 300 kbit/s that is ours alone must not be kept full.
const MODEST: f64 = 250_000.0;
/// A line that carries less shows it by what arrives, and is remembered for so long. The price is a
/// queue on such lines.
const NARROW_FOR: Duration = Duration::from_secs(10);
/// Until then this share of what it carried is asked of it.
const NARROW_SHARE: f64 = 0.85;
/// What is sent comes through if so much of it arrives.
const COMES_THROUGH: f64 = 0.9;
/// Growth a second up to there.
const MODEST_GROWTH: f64 = 1.25;
/// Two cuts are at least a round trip apart, in these bounds: the first one must have been felt.
const CUT_INTERVAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(200));
/// Weight of a new sample of the capacity, and bounds of its variance.
const CAPACITY_WEIGHT: f64 = 0.05;
const VARIANCE_BOUNDS: (f64, f64) = (0.4, 2.5);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateControl {
    bitrate: f64,
    phase: Phase,
    capacity: Option<Capacity>,
    changed: Instant,
    cut: Option<Instant>,
    /// When little arrived of what was sent, and how much that was, bit/s.
    narrow: Option<(Instant, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Hold,
    Increase,
}

/// What is known when the rate is updated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    pub(super) now: Instant,
    pub(super) usage: Usage,
    /// What came through lately, bit/s.
    pub(super) acked: Option<f64>,
    /// The share of what was sent lately that came through.
    pub(super) arrived: f64,
    pub(super) rtt: Duration,
    /// How long packets wait at the bottleneck.
    pub(super) queue: Duration,
    /// Less was sent than the estimate allows, and all of it came through: a growing delay does
    /// not come from us.
    pub(super) idle: bool,
    /// What was proven lately, bit/s.
    pub(super) proven: f64,
    /// Others keep the queue filled.
    pub(super) rivals: bool,
}

impl RateControl {
    pub(super) fn new(now: Instant, bitrate: f64) -> Self {
        Self {
            bitrate,
            phase: Phase::Increase,
            capacity: None,
            changed: now,
            cut: None,
            narrow: None,
        }
    }

    pub(super) fn bitrate(&self) -> f64 {
        self.bitrate
    }

    /// What came through at the latest overuses, if that still holds, bit/s.
    pub(super) fn known(&self) -> Option<f64> {
        self.capacity.map(|capacity| capacity.mean * 1e3)
    }

    /// The way may be another one now.
    pub(super) fn forget(&mut self) {
        self.capacity = None;
    }

    /// Takes a rate that was proven by a probe, or that something else demands.
    pub(super) fn set(&mut self, now: Instant, bitrate: f64) {
        self.bitrate = bounded(bitrate);
        self.changed = now;
        if self.capacity.is_some_and(|capacity| self.bitrate > capacity.highest()) {
            self.capacity = None;
        }
    }

    /// What is sent comes through and is too little to be what fills a queue.
    pub(super) fn is_modest(&self, now: Instant, arrived: f64) -> bool {
        arrived >= COMES_THROUGH && self.bitrate < self.modest(now)
    }

    /// No less needs to be sent, whatever delay and losses say.
    pub(super) fn floor(&self, now: Instant, arrived: f64) -> f64 {
        if arrived >= COMES_THROUGH { self.modest(now) } else { 0.0 }
    }

    fn modest(&self, now: Instant) -> f64 {
        match self.narrow {
            Some((at, rate)) if now.saturating_duration_since(at) < NARROW_FOR => {
                MODEST.min(NARROW_SHARE * rate)
            }
            _ => MODEST,
        }
    }

    /// Returns whether the rate was cut.
    pub(super) fn update(&mut self, situation: Situation) -> bool {
        let Situation { now, rtt, arrived, .. } = situation;
        let modest = self.is_modest(now, arrived);
        match if modest { Usage::Normal } else { situation.usage } {
            Usage::Over => {
                let (least, most) = CUT_INTERVAL;
                let interval = rtt.clamp(least, most);
                if self.cut.is_some_and(|cut| now.saturating_duration_since(cut) < interval) {
                    return false;
                }
                self.cut(situation);
                return true;
            }
            Usage::Under => self.phase = Phase::Hold,
            Usage::Normal if self.phase == Phase::Hold => {
                self.phase = Phase::Increase;
                self.changed = now;
            }
            Usage::Normal => self.increase(situation),
        }
        false
    }

    fn cut(&mut self, situation: Situation) {
        let Situation { now, acked, arrived, idle, proven, queue, .. } = situation;
        let through = acked.unwrap_or(self.bitrate);
        let backoff =
            BACKOFF.iter().find(|(most, _)| queue <= *most).map_or(0.85, |(_, share)| *share);
        let mut cut = backoff * through;
        if idle {
            cut = cut.max(IDLE_BACKOFF * self.bitrate).max(proven);
        } else {
            if let Some(capacity) = &mut self.capacity
                && through < capacity.lowest()
            {
                self.capacity = None;
            }
            Capacity::sample(&mut self.capacity, through);
        }
        if arrived >= COMES_THROUGH {
            cut = cut.max(self.modest(now));
        } else {
            self.narrow = Some((now, through));
        }
        self.bitrate = bounded(cut.min(self.bitrate));
        self.phase = Phase::Hold;
        self.changed = now;
        self.cut = Some(now);
    }

    fn increase(&mut self, situation: Situation) {
        let Situation { now, acked, arrived, rtt, rivals, .. } = situation;
        let passed = now.saturating_duration_since(self.changed).as_secs_f64().min(1.0);
        self.changed = now;
        if let (Some(capacity), Some(acked)) = (self.capacity, acked)
            && acked > capacity.highest()
        {
            self.capacity = None;
        }
        let grown = if self.is_modest(now, arrived) {
            (self.bitrate * MODEST_GROWTH.powf(passed)).min(self.modest(now))
        } else if self.capacity.is_some() {
            let frame = self.bitrate / FRAMES_A_SECOND;
            let packet = frame / (frame / FULL_PACKET_BITS).ceil().max(1.0);
            let step = (packet / (rtt + RESPONSE).as_secs_f64())
                .max(MIN_STEP)
                .max(MIN_GROWTH * self.bitrate);
            self.bitrate + step * passed
        } else {
            self.bitrate * GROWTH.powf(passed)
        };
        let known = acked.map_or(self.bitrate, |acked| BEYOND_ACKED * acked + BEYOND_ACKED_BITS);
        // Where video is paused only audio is acknowledged, and it would stay so.
        let known = if rivals { known.max(self.floor(now, arrived)) } else { known };
        self.bitrate = bounded(grown.min(known).max(self.bitrate));
    }
}

fn bounded(bitrate: f64) -> f64 {
    bitrate.clamp(MIN_BITRATE as f64, MAX_BITRATE as f64)
}

/// What came through at the latest overuses: mean, and variance in units of the mean, kbit/s.
#[derive(Debug, Clone, Copy)]
struct Capacity {
    mean: f64,
    variance: f64,
}

impl Capacity {
    fn sample(capacity: &mut Option<Self>, bitrate: f64) {
        let sample = bitrate / 1e3;
        let (least, most) = VARIANCE_BOUNDS;
        *capacity = Some(match *capacity {
            None => Self { mean: sample, variance: least },
            Some(Self { mean, variance }) => {
                let mean = mean + CAPACITY_WEIGHT * (sample - mean);
                let error = (mean - sample).powi(2) / mean.max(1.0);
                let variance = variance + CAPACITY_WEIGHT * (error - variance);
                Self { mean, variance: variance.clamp(least, most) }
            }
        });
    }

    fn deviation(self) -> f64 {
        (self.variance * self.mean).sqrt()
    }

    fn highest(self) -> f64 {
        (self.mean + 3.0 * self.deviation()) * 1e3
    }

    fn lowest(self) -> f64 {
        (self.mean - 3.0 * self.deviation()) * 1e3
    }
}
