//! What one call measured.

mod table;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use signaling_wire::{
    browser::{Role, Stage},
    ids::CallId,
};

pub use table::Table;

use crate::{
    drive::call::Played,
    flow::{Failure, Marks, Outcome, Step},
    media::{Foreign, Stream},
};

/// What one call measured, and whether it was good.
#[derive(Debug, Clone, Serialize)]
pub struct CallReport {
    /// The call, if it started.
    pub call: Option<CallId>,
    /// What was wrong; nothing if the call was good.
    pub failure: Option<Failure>,
    /// From the opening of the sockets to the end, in seconds.
    pub seconds: f64,
    /// The shopper's page.
    pub shopper: SideReport,
    /// The agent's page.
    pub agent: SideReport,
}

/// What one side of a call measured.
#[derive(Debug, Clone, Serialize)]
pub struct SideReport {
    /// When each stage was reached, in milliseconds from the opening of the sockets.
    pub stages: Vec<StageTime>,
    /// The other side's media; none if the call did not start.
    pub heard: Option<Heard>,
}

/// When a stage was reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageTime {
    /// The stage.
    pub stage: Stage,
    /// Milliseconds from the opening of the sockets.
    pub at_ms: f64,
}

/// The other side's media, as it arrived.
#[derive(Debug, Clone, Serialize)]
pub struct Heard {
    /// Opus.
    pub audio: StreamReport,
    /// VP8.
    pub video: StreamReport,
    /// Packets that should not have arrived. Each one makes the call a failed one.
    pub foreign: Foreign,
    /// Key frames of the other side that began to arrive.
    pub key_frames: u32,
    /// Key frames that the node asked this side for.
    pub key_frames_asked: u32,
    /// Freezes that ended.
    pub freezes: usize,
    /// How long the picture stood still, in seconds.
    pub frozen_s: f64,
    /// How long it was watched, in seconds.
    pub watched_s: f64,
    /// Frames shown.
    pub frames: u32,
    /// The longest time in which nothing at all arrived, in seconds.
    pub longest_silence_s: f64,
    /// Since when nothing had come when the media should have ended, if that was long.
    #[serde(skip)]
    pub silent_at_end: Option<Duration>,
}

/// One stream, as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StreamReport {
    /// Packets the other side sent.
    pub sent: u32,
    /// Different packets that arrived, repairs included.
    pub received: u32,
    /// Packets that arrived more than once.
    pub duplicates: u32,
    /// Packets that arrived after one sent later.
    pub reordered: u32,
    /// Packets sent before the first that arrived: the call was still being put through.
    pub missed_at_start: u32,
    /// Share of the packets after those that never arrived, 0 to 1.
    pub loss: f64,
    /// Payload that arrived, in kbit/s from the first packet to the last.
    pub kbps: f64,
    /// When the first packet arrived, in milliseconds on the run's clock.
    pub first_ms: Option<f64>,
    /// Delay from sending to arrival.
    pub latency: Percentiles,
    /// The longest time without a packet, in milliseconds.
    pub longest_gap_ms: f64,
}

/// Percentiles of a delay, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half were faster.
    pub p50_ms: f64,
    /// 95 of 100 were faster.
    pub p95_ms: f64,
    /// None was slower.
    pub max_ms: f64,
}

impl CallReport {
    /// The report of a call.
    pub(crate) fn new(played: &Played) -> Self {
        let Played { pair, outcome, began, over, shopper, agent } = played;
        let side = |role, heard: &Option<Heard>| SideReport {
            stages: stages(pair.marks(role), *began),
            heard: heard.clone(),
        };
        let mut report = Self {
            call: pair.call(),
            failure: None,
            seconds: (*over - *began).as_secs_f64(),
            shopper: side(Role::Shopper, shopper),
            agent: side(Role::Agent, agent),
        };
        report.failure = match outcome {
            Outcome::Failed(failure) => Some(failure.clone()),
            Outcome::Completed => None,
        };
        // A stranger's packet is worse than whatever else went wrong.
        if let Some(leak) = report.leak() {
            report.failure = Some(leak);
        }
        report
    }

    /// One side's part.
    pub fn side(&self, role: Role) -> &SideReport {
        match role {
            Role::Shopper => &self.shopper,
            Role::Agent => &self.agent,
        }
    }

    /// Makes the call a failed one if more than `max` (0 to 1) of a stream's packets were lost.
    #[must_use]
    pub fn with_max_loss(mut self, max: f64) -> Self {
        if self.failure.is_none() {
            self.failure = self.loss_above(max);
        }
        self
    }

    fn loss_above(&self, max: f64) -> Option<Failure> {
        let streams = [Role::Shopper, Role::Agent].into_iter().flat_map(|role| {
            let heard = self.side(role).heard.as_ref();
            heard.into_iter().flat_map(move |heard| {
                [(role, "audio", &heard.audio), (role, "video", &heard.video)]
            })
        });
        let (role, name, stream) = streams.into_iter().find(|(.., stream)| stream.loss > max)?;
        let reason = format!(
            "{:.1} % of the {name} packets did not arrive; {:.1} % would have been borne",
            stream.loss * 100.0,
            max * 100.0
        );
        Some(Failure::new(Step::Hold, Some(role), reason))
    }

    fn leak(&self) -> Option<Failure> {
        [Role::Shopper, Role::Agent].into_iter().find_map(|role| {
            let foreign = self.side(role).heard.as_ref()?.foreign;
            (foreign.total() > 0).then(|| {
                let reason = format!(
                    "received what is not the other side's media: {} packets of another call, \
                     {} of its own, {} on the wrong track, {} changed, {} of unknown origin",
                    foreign.other_call,
                    foreign.own,
                    foreign.wrong_track,
                    foreign.corrupt,
                    foreign.unknown
                );
                Failure::new(Step::Media, Some(role), reason)
            })
        })
    }
}

impl SideReport {
    /// When a stage was reached, in milliseconds from the opening of the sockets.
    pub fn at_ms(&self, stage: Stage) -> Option<f64> {
        self.stages.iter().find(|time| time.stage == stage).map(|time| time.at_ms)
    }
}

impl Heard {
    /// Adds what was heard on a leg that was given up. What its streams lost is known only as far
    /// as it was told while they ran, so they stay those of the last leg.
    pub(crate) fn add_former(&mut self, former: &Self) {
        self.foreign.add(&former.foreign);
        self.key_frames += former.key_frames;
        self.key_frames_asked += former.key_frames_asked;
        self.freezes += former.freezes;
        self.frozen_s += former.frozen_s;
        self.watched_s += former.watched_s;
        self.frames += former.frames;
        self.longest_silence_s = self.longest_silence_s.max(former.longest_silence_s);
    }
}

impl StreamReport {
    /// What arrived of a stream of which `sent` packets were sent.
    pub fn new(stream: &Stream, sent: u32) -> Self {
        // Of a stream of which nothing arrived, everything is lost.
        let missed_at_start = stream.missed_at_start().unwrap_or(0);
        let expected = sent.saturating_sub(missed_at_start);
        let missing = expected.saturating_sub(stream.received());
        Self {
            sent,
            received: stream.received(),
            duplicates: stream.duplicates(),
            reordered: stream.reordered(),
            missed_at_start,
            loss: if expected == 0 { 0.0 } else { f64::from(missing) / f64::from(expected) },
            kbps: kbps(stream),
            first_ms: stream.first_us().map(millis),
            latency: Percentiles::of(stream.latency()),
            longest_gap_ms: millis(stream.longest_gap_us()),
        }
    }
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50_ms: millis(histogram.value_at_quantile(0.5)),
            p95_ms: millis(histogram.value_at_quantile(0.95)),
            max_ms: millis(histogram.max()),
        }
    }
}

fn kbps(stream: &Stream) -> f64 {
    let span_us = stream.span_us();
    if span_us == 0 { 0.0 } else { stream.bytes() as f64 * 8_000.0 / span_us as f64 }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

fn stages(marks: &Marks, began: Duration) -> Vec<StageTime> {
    marks
        .iter()
        .map(|(stage, at)| StageTime { stage, at_ms: (at - began).as_secs_f64() * 1_000.0 })
        .collect()
}
