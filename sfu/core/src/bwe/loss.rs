//! What losses say about the way.
//!
//! Losses come from congestion or from the link itself (radio), and only congestion is helped by
//! sending less. The two are told apart by a model: a way that carries `limit` and loses the share
//! `inherent` of everything loses `inherent + (1 - inherent) (rate - limit) / rate` where more than
//! the limit is sent. Of all limits that explain the latest observations about as well as the best
//! one does, the highest is taken: a limit has to be demanded by the data. The idea is that of
//! libwebrtc's `LossBasedBweV2`; the choice by likelihood ratio is ours.

use std::time::{Duration, Instant};

/// An observation is at least this long and has at least this many packets…
const OBSERVATION: Duration = Duration::from_millis(250);
const MIN_PACKETS: u32 = 20;
/// …unless it has taken this long.
const MAX_OBSERVATION: Duration = Duration::from_millis(1_000);
/// Observations that are remembered.
const KEPT: usize = 16;
/// Weight of an observation against the one after it.
const AGEING: f64 = 0.9;
/// Inherent losses that are tried. A way that loses more is taken for one that is too full: a
/// policer looks the same.
const INHERENT: [f64; 11] = [0.0005, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.10, 0.125, 0.15, 0.2];
/// Limits that are tried, in shares of the highest rate observed.
const LIMITS: [f64; 12] = [0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0];
/// A limit is believed if without it what was seen is less likely by this, in natural logarithms.
/// For independent losses that is less than one chance in a thousand (χ² with one degree of freedom,
/// halved); but they come in runs, and four times a second a dozen limits are tried.
const EVIDENCE: f64 = 5.0;
/// This share of it keeps a limit that there is: who hovers at the threshold would swing.
const KEPT_BY: f64 = 0.5;
/// Losses come in runs: so many of them are worth one.
const RUN: f64 = 2.0;
/// Losses behind a queue longer than this are of a queue that is full…
const QUEUED: Duration = Duration::from_millis(60);
/// …if they exceed what is lost without one by this.
const QUEUED_LOSS: f64 = 0.05;
/// A queue that overflows is relieved by sending this share of what comes through.
const RELIEF: f64 = 0.9;
/// A limit is lifted this fast while no observation speaks for it, a second.
const LIFT: f64 = 1.25;

#[derive(Debug, Clone, Copy, Default)]
struct Observation {
    packets: f64,
    lost: f64,
    rate: f64,
    queued: bool,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct LossLimit {
    observations: [Option<Observation>; KEPT],
    next: usize,
    packets: u32,
    lost: u32,
    bytes: u64,
    since: Option<Instant>,
    limit: Option<f64>,
    overflow: Option<f64>,
    /// See [`Self::inherent`].
    inherent: f64,
}

impl Default for LossLimit {
    fn default() -> Self {
        Self {
            observations: [None; KEPT],
            next: 0,
            packets: 0,
            lost: 0,
            bytes: 0,
            since: None,
            limit: None,
            overflow: None,
            inherent: 0.0,
        }
    }
}

impl LossLimit {
    /// A packet came.
    pub(crate) fn came(&mut self, size: u16) {
        self.packets += 1;
        self.bytes += u64::from(size);
    }

    /// So many did not.
    pub(crate) fn lost(&mut self, packets: u32, bytes: u64) {
        self.packets += packets;
        self.lost += packets;
        self.bytes += bytes;
    }

    /// A packet that was told to be lost was only overtaken.
    pub(crate) fn came_after_all(&mut self) {
        self.lost = self.lost.saturating_sub(1);
    }

    /// All packets of a feedback have been added. `queue` is what they have met.
    pub(crate) fn update(&mut self, now: Instant, queue: Duration) {
        let since = *self.since.get_or_insert(now);
        let length = now.saturating_duration_since(since);
        let long_enough =
            length >= MAX_OBSERVATION || length >= OBSERVATION && self.packets >= MIN_PACKETS;
        if !long_enough || self.packets == 0 {
            return;
        }
        let seconds = length.min(MAX_OBSERVATION).as_secs_f64();
        let observation = Observation {
            packets: f64::from(self.packets),
            lost: f64::from(self.lost),
            rate: self.bytes as f64 * 8.0 / seconds,
            queued: queue > QUEUED,
        };
        (self.packets, self.lost, self.bytes, self.since) = (0, 0, 0, Some(now));
        self.observations[self.next] = Some(observation);
        self.next = (self.next + 1) % KEPT;
        self.inherent = self.without_queue();
        self.limit = self.judge(observation, seconds);
    }

    /// No more than this should be sent, in bit/s.
    pub(crate) fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// A queue has overflowed since this was asked last: what should be sent instead, in bit/s.
    pub(crate) fn take_overflow(&mut self) -> Option<f64> {
        self.overflow.take()
    }

    /// The share lost of the latest observations.
    pub(crate) fn average(&self) -> f64 {
        let (packets, lost) = self
            .weighted()
            .fold((0.0, 0.0), |sum, (w, o)| (sum.0 + w * o.packets, sum.1 + w * o.lost));
        if packets > 0.0 { lost / packets } else { 0.0 }
    }

    fn judge(&mut self, latest: Observation, seconds: f64) -> Option<f64> {
        let share = latest.lost / latest.packets;
        if latest.queued && share > self.inherent() + QUEUED_LOSS {
            self.overflow = Some(latest.rate * (1.0 - share) * RELIEF);
        }
        let highest = self.weighted().map(|(_, o)| o.rate).fold(0.0, f64::max);
        let (gain, limit) = self.demanded(highest);
        let lifted = self.limit.map(|limit| limit * LIFT.powf(seconds));
        let needed = if self.limit.is_some() { KEPT_BY * EVIDENCE } else { EVIDENCE };
        if gain / RUN < needed {
            // Once it is well above what was sent the limit has no meaning any more.
            return lifted.filter(|limit| *limit < 2.0 * highest);
        }
        Some(lifted.map_or(limit, |lifted| limit.min(lifted)))
    }

    /// The limit that explains best what was seen, and how much better than none does.
    fn demanded(&self, highest: f64) -> (f64, f64) {
        // Where nothing was lost every limit explains less than none. That is nearly always so, and
        // the logarithms below would be a fifth of a node's instructions.
        if self.weighted().all(|(_, seen)| seen.lost == 0.0) {
            return (0.0, f64::INFINITY);
        }
        let free = self.likelihood(f64::INFINITY);
        let (likely, limit) = LIMITS
            .iter()
            .map(|share| (self.likelihood(share * highest), share * highest))
            .fold((free, f64::INFINITY), |best, tried| if tried.0 > best.0 { tried } else { best });
        (likely - free, limit)
    }

    /// The share that is lost where no queue is, as far as a way may lose by itself.
    pub(crate) fn inherent(&self) -> f64 {
        self.inherent
    }

    fn without_queue(&self) -> f64 {
        let (packets, lost) = self
            .weighted()
            .filter(|(_, o)| !o.queued)
            .fold((0.0, 0.0), |sum, (w, o)| (sum.0 + w * o.packets, sum.1 + w * o.lost));
        let share = if packets > 0.0 { lost / packets } else { 0.0 };
        share.min(INHERENT[INHERENT.len() - 1])
    }

    /// Logarithm of the likelihood of what was observed, for the inherent loss that fits best.
    fn likelihood(&self, limit: f64) -> f64 {
        // The average fits best where there is no limit.
        let average = self.average().clamp(INHERENT[0], INHERENT[INHERENT.len() - 1]);
        INHERENT
            .into_iter()
            .chain([average])
            .map(|inherent| {
                self.weighted()
                    .map(|(weight, seen)| {
                        let excess = (1.0 - limit / seen.rate.max(1.0)).max(0.0);
                        let loss = (inherent + (1.0 - inherent) * excess).clamp(1e-4, 0.9999);
                        weight
                            * (seen.lost * loss.ln()
                                + (seen.packets - seen.lost) * (1.0 - loss).ln())
                    })
                    .sum()
            })
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// The observations with their weights.
    fn weighted(&self) -> impl Iterator<Item = (f64, Observation)> + use<'_> {
        let mut weight = 1.0 / AGEING;
        (1..=KEPT).filter_map(move |age| {
            weight *= AGEING;
            let observation = self.observations[(self.next + KEPT - age) % KEPT]?;
            Some((weight, observation))
        })
    }
}
