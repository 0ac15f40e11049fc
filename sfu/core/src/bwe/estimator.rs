//! The parts put together.

use std::time::{Duration, Instant};

use super::{
    Probe, ProbeId, RateMeter,
    aimd::{RateControl, Situation},
    groups::Groups,
    loss::LossLimit,
    probe::Probes,
    queue::StandingQueue,
    rivals::Rivals,
    silence::Silence,
    trendline::{Trendline, Usage},
    wary::{FULL_QUEUE, Wary},
};

/// First estimate in bit/s: what a 720p call wants, so that the first key frame is not held back.
pub const START_BITRATE: u64 = 2_500_000;
/// Lowest estimate in bit/s: Opus at its least.
pub const MIN_BITRATE: u64 = 30_000;
/// Highest estimate in bit/s: more than any browser sends for a camera or a screen.
pub const MAX_BITRATE: u64 = 10_000_000;

/// What came through is measured over this long, in microseconds: for growth, and for a cut,
/// which must not remember better times.
const ACKED_WINDOW: i64 = 500_000;
const CUT_WINDOW: i64 = 200_000;
/// How much of what is sent comes through is looked at over so many seconds.
const ARRIVED_OVER: f64 = 1.5;
/// Less than this share of the estimate sent, the way is idle…
const IDLE: f64 = 0.65;
/// …if this share of what was sent came through, and no more than this was lost.
const IDLE_ACKED: f64 = 0.85;
const IDLE_LOSS: f64 = 0.03;
/// What was proven counts for this long.
const PROVEN_FOR: Duration = Duration::from_secs(10);
/// A queue longer than this that still grows is congestion, whatever the slope says.
const QUEUE_LIMIT: Duration = Duration::from_millis(80);
/// A queue longer than this makes the bottleneck busy all the time.
const LONG_QUEUE: Duration = Duration::from_millis(60);
/// A queue is drained in about this time after a cut, by sending less, but no less than a share.
const DRAIN: Duration = Duration::from_millis(500);
const DRAIN_SHARE: f64 = 0.5;
const DRAINED: Duration = Duration::from_millis(15);
/// For this long after a cut the way is treated as congested.
const CONGESTED_FOR: Duration = Duration::from_millis(1_500);
/// Probing waits for a queue shorter than this.
const PROBE_QUEUE: Duration = Duration::from_millis(30);
/// Without feedback for this long and a round trip nothing is known any more.
const BLIND_AFTER: Duration = Duration::from_millis(1_000);
/// After that, what was good before is used to this share.
const AFTER_BLIND: f64 = 0.7;
/// A gap in sending longer than this makes what is known of delays worthless.
const PAUSE: Duration = Duration::from_secs(3);
/// A way of which nothing has been heard for so long is taken for what it was first thought to be.
const UNPROVEN: Duration = Duration::from_millis(1_000);
/// A cut that was real is remembered this long when a call begins.
const CUT_MEMORY: Duration = Duration::from_secs(30);
/// Where our own socket takes no more (TCP), what came through is all that the way carries. Less is
/// asked of it, so that what waits can leave; no sooner again than this, when that has been felt.
const HELD_UP_BACKOFF: f64 = 0.9;
const HELD_UP_INTERVAL: Duration = Duration::from_millis(500);

/// The fate of one sent packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketResult {
    /// When it was sent.
    pub sent_at: Instant,
    /// Bytes.
    pub size: u16,
    /// What became of it.
    pub fate: Fate,
    /// The probe it was part of.
    pub probe: Option<ProbeId>,
}

/// What is known of a sent packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrived, at this time in microseconds of the peer's clock.
    Arrived(i64),
    /// The same, after it had been told to be lost.
    Late(i64),
    /// It did not.
    Lost,
    /// The feedback about it was lost, and nobody will tell.
    Untold,
}

impl Fate {
    /// When it arrived, if it did, in microseconds of the peer's clock.
    pub(super) fn arrival(self) -> Option<i64> {
        match self {
            Self::Arrived(arrival) | Self::Late(arrival) => Some(arrival),
            Self::Lost | Self::Untold => None,
        }
    }
}

/// Estimates the bitrate that one way can carry.
#[derive(Debug, Clone)]
pub struct Estimator {
    started: Instant,
    control: RateControl,
    loss: LossLimit,
    silence: Silence,
    groups: Groups,
    trend: Trendline,
    queue: StandingQueue,
    rivals: Rivals,
    wary: Wary,
    /// What came through, as of the latest feedback, bit/s.
    through: Option<f64>,
    probes: Probes,
    /// By our clock, and by the peer's.
    sent: RateMeter,
    acked: RateMeter,
    last_arrival: Option<i64>,
    /// When the packet was sent whose arrival was told last, and that in microseconds.
    told: Option<(Instant, i64)>,
    /// How long the latest packet took, on an arbitrary scale.
    way: Option<i64>,
    /// When a packet was sent last, and that in microseconds.
    last_sent: Option<(Instant, i64)>,
    proven: Option<(Instant, f64)>,
    /// See [`Self::arrived`], and when it was brought up to date.
    arrived: (Instant, f64),
    /// The estimate is the one that calls begin with, since then, and nothing is known of the way yet.
    unproven: Option<Instant>,
    /// As much as the estimate, or nearly, has come through once, or it is what the way has shown.
    confirmed: bool,
    /// The first packet sent since the last feedback.
    unheard: Option<Instant>,
    /// Losses of packets sent before this are not counted: nothing came through at all then.
    forgiven: Option<Instant>,
    /// Last cut that the way, not the publisher's silence, was the reason of.
    congested: Option<Instant>,
}

impl Estimator {
    /// Starts with [`START_BITRATE`].
    pub fn new(now: Instant) -> Self {
        Self {
            started: now,
            control: RateControl::new(now, START_BITRATE as f64),
            loss: LossLimit::default(),
            silence: Silence::default(),
            groups: Groups::default(),
            trend: Trendline::default(),
            queue: StandingQueue::default(),
            rivals: Rivals::default(),
            wary: Wary::default(),
            through: None,
            probes: Probes::new(now),
            sent: RateMeter::default(),
            acked: RateMeter::default(),
            last_arrival: None,
            told: None,
            way: None,
            last_sent: None,
            proven: None,
            arrived: (now, 1.0),
            unproven: Some(now),
            confirmed: false,
            unheard: None,
            forgiven: None,
            congested: None,
        }
    }

    /// The estimate in bit/s.
    pub fn bitrate(&self) -> u64 {
        self.estimate() as u64
    }

    fn estimate(&self) -> f64 {
        let bitrate = self.control.bitrate();
        self.loss.limit().map_or(bitrate, |limit| bitrate.min(limit)).max(MIN_BITRATE as f64)
    }

    /// What should be sent now, in bit/s: the estimate, or less while a queue drains.
    pub fn target(&self, now: Instant) -> u64 {
        let mut estimate = self.estimate();
        if let (Some(share), Some(through)) = (self.rivals.yields(), self.through) {
            estimate = estimate.min(share * through).max(MIN_BITRATE as f64);
        }
        let queue = self.queue.get();
        let others = self.rivals.are_present() || self.control.is_modest(now, self.arrived.1);
        if !self.is_congested(now) || queue < DRAINED || others {
            return estimate as u64;
        }
        let less = (queue.as_secs_f64() / DRAIN.as_secs_f64()).min(1.0 - DRAIN_SHARE);
        (estimate * (1.0 - less)).max(MIN_BITRATE as f64) as u64
    }

    /// The way was too full a moment ago: do not send in bursts.
    pub fn is_congested(&self, now: Instant) -> bool {
        !self.rivals.are_present()
            && self.congested.is_some_and(|at| now.saturating_duration_since(at) < CONGESTED_FOR)
    }

    /// How long packets wait in the queue of the bottleneck.
    pub fn queue(&self) -> Duration {
        self.queue.get()
    }

    /// Others keep the queue filled, and make it overflow.
    pub fn has_rivals(&self) -> bool {
        self.rivals.are_present()
    }

    /// The share that the way loses by itself, without a queue.
    pub fn loses(&self) -> f64 {
        self.loss.inherent()
    }

    /// Nothing is known of the way yet: what the first pictures need is no measure of what it carries.
    pub fn is_unproven(&self, now: Instant) -> bool {
        self.unproven.is_some_and(|since| now.saturating_duration_since(since) < UNPROVEN)
    }

    /// What was sent lately came to nothing that we know of: no feedback, for too long.
    pub fn is_blind(&self, now: Instant, rtt: Duration) -> bool {
        self.unheard.is_some_and(|since| now > since + (BLIND_AFTER + rtt))
    }

    /// A call begins. Unless the way has shown lately that it is narrow, the first key frame is
    /// not held back by what a hiccup or a quiet hour has left. `narrow` is what it carries, in bit/s, if that is known
    /// to be less than calls begin with.
    pub fn begin(&mut self, now: Instant, narrow: Option<f64>) {
        let known = self.congested.is_some_and(|at| now.saturating_duration_since(at) < CUT_MEMORY);
        if !known && let Some(rate) = narrow {
            self.control = RateControl::new(now, rate);
            self.loss = LossLimit::default();
            self.unproven = None;
            self.confirmed = true;
        } else if !known && self.control.bitrate() < START_BITRATE as f64 {
            self.control = RateControl::new(now, START_BITRATE as f64);
            self.loss = LossLimit::default();
            self.unproven = Some(now);
            self.confirmed = false;
        }
        self.probes = Probes::new(now);
    }

    /// Our own socket takes no more than came through lately.
    pub fn on_held_up(&mut self, now: Instant) {
        let lately = |at: Instant| now.saturating_duration_since(at) < HELD_UP_INTERVAL;
        let before = self.control.bitrate();
        let Some(through) = self.acked(ACKED_WINDOW) else { return };
        let less = HELD_UP_BACKOFF * through;
        if self.congested.is_some_and(lately) || less >= before {
            return;
        }
        self.probes.cut(now, before);
        self.control.set(now, less);
        self.congested = Some(now);
        self.proven = Some((now, self.control.bitrate()));
    }

    /// A packet is sent.
    pub fn on_sent(&mut self, now: Instant, size: usize) {
        let at = match self.last_sent {
            // The packets of a batch leave at one moment.
            Some((last, at)) if last == now => at,
            last => {
                if last.is_some_and(|(last, _)| now.saturating_duration_since(last) > PAUSE) {
                    self.forget_delays();
                }
                self.micros(now)
            }
        };
        self.last_sent = Some((now, at));
        self.unheard.get_or_insert(now);
        self.sent.add(at, size);
    }

    /// A feedback message begins. `true` if it ends a time of blindness.
    pub fn begin_feedback(&mut self, now: Instant, rtt: Duration) -> bool {
        let blind = self.is_blind(now, rtt);
        if blind {
            self.forgiven = Some(now);
            self.forget_delays();
            self.probes.cut(now, self.control.bitrate());
            self.control.set(now, AFTER_BLIND * self.control.bitrate());
            self.control.forget();
        }
        self.unheard = None;
        blind
    }

    /// Takes a packet's fate.
    pub fn on_packet(&mut self, result: PacketResult) {
        let PacketResult { sent_at, size, fate, probe } = result;
        let arrival = fate.arrival();
        if let Some(probe) = probe {
            self.probes.add(probe, sent_at, size, arrival);
        }
        let Some(arrival) = arrival else {
            match fate {
                Fate::Untold => self.assume(sent_at, size),
                _ if self.forgiven.is_none_or(|until| sent_at >= until) => {
                    self.silence.lost(sent_at, size);
                }
                _ => {}
            }
            return;
        };
        match fate {
            Fate::Late(_) => self.loss.came_after_all(),
            _ => {
                if let Some(run) = self.silence.came(sent_at) {
                    self.loss.lost(run.packets, run.bytes);
                }
                self.loss.came(size);
            }
        }
        self.acked.add(arrival, usize::from(size));
        self.last_arrival = Some(self.last_arrival.map_or(arrival, |last| last.max(arrival)));
        let at = match self.told {
            // So are the packets of a batch told of.
            Some((told, at)) if told == sent_at => at,
            _ => self.micros(sent_at),
        };
        self.told = Some((sent_at, at));
        let way = arrival.saturating_sub(at);
        self.way = Some(way);
        self.queue.add(way);
        if let Some(gap) = self.groups.add(sent_at, arrival) {
            self.trend.add(gap);
        }
    }

    /// Nobody will tell what became of a packet: as many of its kind came through as of the others,
    /// and took as long. Without this a way back that loses feedback would look like a narrow one.
    fn assume(&mut self, sent_at: Instant, size: u16) {
        let Some(way) = self.way else { return };
        let came = f64::from(size) * (1.0 - self.loss.average());
        self.acked.add(self.micros(sent_at).saturating_add(way), came as usize);
    }

    /// All packets of a feedback message have been told.
    pub fn end_feedback(&mut self, now: Instant, rtt: Duration) {
        let queue_before = self.queue.get();
        self.queue.update(now);
        self.loss.update(now, self.queue.get());
        let acked = self.acked(ACKED_WINDOW);
        self.prove(now, acked.unwrap_or(0.0));
        let sent = self.sent.rate(self.micros(now), ACKED_WINDOW);
        let arrived = self.arrived(now, acked.zip(sent));
        let idle = self.is_idle(sent, acked);
        self.rivals.update(now, self.queue.get(), rtt);
        self.through = acked;
        let before = self.control.bitrate();

        let grows = self.queue.get() > queue_before;
        let usage = match self.trend.usage() {
            // Others fill the queue, and who yields gets nothing: losses alone tell.
            _ if self.rivals.are_present() => Usage::Normal,
            Usage::Normal if self.queue.get() > QUEUE_LIMIT && grows => Usage::Over,
            usage => usage,
        };
        // What is lost behind the bottleneck has passed it.
        let passed = 1.0 - self.loss.inherent();
        let recent = match usage {
            // The longer window evens out what the encoder does; a long queue means that the
            // bottleneck is what is measured, and better times must not be remembered.
            Usage::Over if self.queue.get() > LONG_QUEUE => self.acked(CUT_WINDOW).or(acked),
            Usage::Over => larger(self.acked(CUT_WINDOW), acked),
            _ => acked,
        };
        let recent = recent.map(|rate| rate / passed);
        let proven = self.proven.map_or(0.0, |(_, proven)| proven);
        let cut = self.control.update(Situation {
            now,
            usage,
            acked: recent,
            arrived,
            rtt,
            queue: self.queue.get(),
            idle,
            proven,
            rivals: self.rivals.are_present(),
        });
        if cut && !idle {
            self.unproven = None;
            self.confirmed = true;
            self.congested = Some(now);
            self.proven = Some((now, self.control.bitrate()));
        }
        if cut && self.control.bitrate() < before {
            self.probes.cut(now, before);
        }
        if let Some(limit) = self.loss.take_overflow() {
            self.congested = Some(now);
            self.probes.cut(now, before);
            let limit = limit.max(self.control.floor(now, arrived));
            self.control.set(now, self.control.bitrate().min(limit));
        }
        let known = self.control.known();
        let starting = self.probes.is_starting();
        let result = self.probes.result(now, self.control.bitrate(), known);
        if starting && !self.probes.is_starting() {
            self.unproven = self.probes.starts_anew().then_some(now);
        }
        if let Some(rate) = result {
            let rate = rate / passed;
            if rate < self.control.bitrate() {
                self.congested = Some(now);
            }
            self.control.set(now, rate);
            self.proven = Some((now, rate));
            self.confirmed = true;
        }
        if self.rivals.are_present() {
            self.wary.forget();
        } else if self.queue.get() > FULL_QUEUE
            && let Some(left) = self.acked(CUT_WINDOW)
        {
            self.wary.fell(now, left);
        }
        if let Some(ceiling) = self.wary.ceiling(now)
            && ceiling < self.control.bitrate()
        {
            self.control.set(now, ceiling);
        }
        if !self.is_congested(now) {
            self.wary.note(now, acked.unwrap_or(0.0).min(self.estimate()));
        }
        debug_assert!(self.estimate().is_finite());
    }

    /// Whether more could be found out by a probe; `offered` is what the publisher sends, bit/s.
    pub fn poll_probe(&mut self, now: Instant, offered: f64) -> Option<Probe> {
        if !self.is_calm() {
            self.probes.postpone(now);
            return None;
        }
        let estimate = self.estimate();
        let most = self.wary.ceiling(now).unwrap_or(f64::INFINITY);
        self.probes.poll(now, estimate, offered, most)
    }

    /// Whether a probe would meet a way without a queue.
    pub fn is_calm(&self) -> bool {
        self.queue.get() < PROBE_QUEUE && self.trend.usage() == Usage::Normal
    }

    /// The first key frame of a call is sent at this bitrate, as a probe.
    pub fn start_probe(&mut self, now: Instant, bitrate: f64) -> Probe {
        self.unproven = self.unproven.map(|_| now);
        self.probes.start(now, bitrate)
    }

    /// The first key frame has not told what the way carries: whether more is wanted or not, it has to be probed.
    pub fn starts_anew(&self) -> bool {
        self.probes.starts_anew()
    }

    /// When [`Self::poll_probe`] may have something.
    pub fn probe_due(&self) -> Option<Instant> {
        self.probes.due()
    }

    /// All packets of a probe have been sent: so many, of so many bytes.
    pub fn probe_sent(&mut self, id: ProbeId, packets: u32, bytes: u32) {
        self.probes.sent(id, packets, bytes);
    }

    fn acked(&mut self, window: i64) -> Option<f64> {
        self.acked.rate(self.last_arrival?, window)
    }

    /// The share of what was sent that came through, over a while: a queue that swings makes it
    /// swing.
    fn arrived(&mut self, now: Instant, rates: Option<(f64, f64)>) -> f64 {
        let (before, arrived) = self.arrived;
        let passed = now.saturating_duration_since(before).as_secs_f64();
        let weight = (passed / ARRIVED_OVER).min(1.0);
        let latest = rates.map_or(1.0, |(acked, sent)| acked / sent.max(1.0));
        self.arrived = (now, arrived + weight * (latest.min(2.0) - arrived));
        self.arrived.1
    }

    fn is_idle(&self, sent: Option<f64>, acked: Option<f64>) -> bool {
        let Some(sent) = sent else { return true };
        // What calls begin with says nothing against a queue that the first pictures have filled.
        let is_believed = self.confirmed || self.queue.get() <= LONG_QUEUE;
        is_believed
            && sent < IDLE * self.estimate()
            && acked.is_none_or(|acked| acked > IDLE_ACKED * sent)
            && self.loss.average() < IDLE_LOSS
    }

    fn prove(&mut self, now: Instant, acked: f64) {
        self.confirmed |= acked >= IDLE * self.estimate();
        let known = self.proven.is_some_and(|(at, proven)| {
            proven >= acked && now.saturating_duration_since(at) < PROVEN_FOR
        });
        if !known {
            self.proven = Some((now, acked));
        }
    }

    fn forget_delays(&mut self) {
        self.groups = Groups::default();
        self.trend = Trendline::default();
        self.queue.forget();
    }

    fn micros(&self, at: Instant) -> i64 {
        at.saturating_duration_since(self.started).as_micros() as i64
    }
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => a.or(b),
    }
}
