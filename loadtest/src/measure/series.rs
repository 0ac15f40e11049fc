//! How a run went over time.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::Hist;
use crate::{
    observe::{CallResult, Event, Stream},
    plan::Label,
};

/// A run cut into stretches of equal length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Length of a stretch.
    pub every: Duration,
    /// The stretches in which something happened, by their number.
    pub points: BTreeMap<u32, Point>,
}

/// What happened in a stretch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Calls that began.
    pub started: u64,
    /// Calls that should have begun and never will.
    pub not_started: u64,
    /// Calls that ended as they should.
    pub completed: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that were ended with the run.
    pub stopped: u64,
    /// Accept to first picture.
    pub connect: Hist,
    /// Sender to receiver, audio.
    pub audio_latency: Hist,
    /// Sender to receiver, video.
    pub video_latency: Hist,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// Payload bytes that arrived.
    pub bytes: u64,
    /// Time that pictures were watched.
    pub watched: Duration,
    /// Time that they stood still.
    pub frozen: Duration,
    /// Packets that reached somebody they were not for.
    pub leaked: u64,
    /// Share of its cores that the busiest generator used.
    pub generator_cpu: f64,
    /// The generators' longest wait for their turn.
    pub generator_lag: Duration,
    /// Whether a generator was the bottleneck.
    pub overloaded: bool,
    /// How the deployment said it was, by the listener that was asked.
    pub servers: BTreeMap<Label, ServerPoint>,
}

/// How a part of the deployment said it was.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerPoint {
    /// Cores that it used.
    pub cpu: Option<f64>,
    /// Resident memory in bytes.
    pub memory: Option<u64>,
    /// Open file descriptors.
    pub fds: Option<u64>,
    /// Calls that it carried.
    pub calls: Option<u64>,
}

impl Default for Point {
    fn default() -> Self {
        Self {
            started: 0,
            not_started: 0,
            completed: 0,
            failed: 0,
            stopped: 0,
            connect: Hist::coarse(),
            audio_latency: Hist::coarse(),
            video_latency: Hist::coarse(),
            received: 0,
            lost: 0,
            bytes: 0,
            watched: Duration::ZERO,
            frozen: Duration::ZERO,
            leaked: 0,
            generator_cpu: 0.0,
            generator_lag: Duration::ZERO,
            overloaded: false,
            servers: BTreeMap::new(),
        }
    }
}

/// Most stretches of a run of the planned length: a chart has not more pixels.
const MOST_POINTS: u64 = 400;
/// Lengths of a stretch that people can think in, in seconds.
const LENGTHS: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];

impl Series {
    /// For a run of about `duration`.
    pub fn for_run(duration: Duration) -> Self {
        let fits = |length: &u64| duration.as_secs() / length <= MOST_POINTS;
        let every = LENGTHS.into_iter().find(fits).unwrap_or(3_600);
        Self { every: Duration::from_secs(every), points: BTreeMap::new() }
    }

    fn point(&mut self, at: Duration) -> &mut Point {
        let every = self.every.as_micros().max(1);
        let number = u32::try_from(at.as_micros() / every).unwrap_or(u32::MAX);
        self.points.entry(number).or_default()
    }

    /// Adds what happened.
    pub(super) fn apply(&mut self, event: &Event) {
        let point = self.point(event.at());
        match event {
            Event::Started { .. } => point.started += 1,
            Event::DroppedStart { .. } => point.not_started += 1,
            Event::Connected { after_accept, .. } => point.connect.record_time(*after_accept),
            Event::Media(media) => {
                point.received += media.arrived.received;
                point.lost += media.arrived.lost;
                point.bytes += media.arrived.bytes;
                point.watched += media.seen.watched;
                point.frozen += media.seen.frozen;
                let latency = match media.stream {
                    Stream::Audio => &mut point.audio_latency,
                    Stream::Video => &mut point.video_latency,
                };
                for micros in &media.arrived.latency_us {
                    latency.record_micros(u64::from(*micros));
                }
            }
            Event::Ended(ended) => {
                match ended.result {
                    CallResult::Completed => point.completed += 1,
                    CallResult::Failed(_) => point.failed += 1,
                    CallResult::Stopped => point.stopped += 1,
                }
                let leaked = ended.shopper.foreign.total() + ended.agent.foreign.total();
                point.leaked += u64::from(leaked);
            }
            Event::Generator(sample) => {
                point.generator_cpu = point.generator_cpu.max(sample.cpu);
                point.generator_lag = point.generator_lag.max(sample.lag);
                point.overloaded |= sample.overloaded.is_some();
            }
            Event::Server(sample) => {
                let now = ServerPoint {
                    cpu: sample.cpu,
                    memory: sample.memory,
                    fds: sample.fds,
                    calls: sample.calls,
                };
                point.servers.insert(sample.source.clone(), now);
            }
            Event::Recovery(_) | Event::Chaos(_) => {}
        }
    }

    /// Adds all of another's points. Both are cut into stretches of the same length.
    pub(super) fn merge(&mut self, other: &Self) {
        for (number, point) in &other.points {
            self.points.entry(*number).or_default().merge(point);
        }
    }

    /// Every stretch from the first to the last, those without a point included, each with the
    /// calls that were open at its end.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let last = self.points.keys().next_back().copied();
        let mut open = 0i64;
        (0..=last.unwrap_or(0))
            .take_while(|_| last.is_some())
            .map(|number| {
                let point = self.points.get(&number);
                if let Some(point) = point {
                    let ended = point.completed + point.failed + point.stopped;
                    open += point.started as i64 - ended as i64;
                }
                Row { at: self.every * number, open: open.max(0) as u64, point }
            })
            .collect()
    }
}

/// A stretch of a run.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// When it began.
    pub at: Duration,
    /// Calls that were open at its end.
    pub open: u64,
    /// What happened in it, if anything did.
    pub point: Option<&'a Point>,
}

impl Point {
    /// Adds another's, of the same stretch.
    pub fn merge(&mut self, other: &Self) {
        self.started += other.started;
        self.not_started += other.not_started;
        self.completed += other.completed;
        self.failed += other.failed;
        self.stopped += other.stopped;
        self.connect.merge(&other.connect);
        self.audio_latency.merge(&other.audio_latency);
        self.video_latency.merge(&other.video_latency);
        self.received += other.received;
        self.lost += other.lost;
        self.bytes += other.bytes;
        self.watched += other.watched;
        self.frozen += other.frozen;
        self.leaked += other.leaked;
        self.generator_cpu = self.generator_cpu.max(other.generator_cpu);
        self.generator_lag = self.generator_lag.max(other.generator_lag);
        self.overloaded |= other.overloaded;
        self.servers.extend(other.servers.iter().map(|(source, point)| (source.clone(), *point)));
    }

    /// Share of the packets that never arrived; none without packets.
    pub fn loss(&self) -> Option<f64> {
        let sent = self.received + self.lost;
        (sent > 0).then(|| self.lost as f64 / sent as f64)
    }

    /// Share of the time that pictures stood still; none without pictures.
    pub fn frozen_share(&self) -> Option<f64> {
        (!self.watched.is_zero()).then(|| self.frozen.as_secs_f64() / self.watched.as_secs_f64())
    }
}
