//! Adding up a run.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use signaling_wire::browser::{Role, Stage};

use super::{Errors, Group, Metric, Metrics, Notable, Part, Series, Value, health::Health};
use crate::{
    flow::Step,
    observe::{CallEnded, CallResult, ChaosRan, Event, Media, SideEnded, Stream, Where},
    plan::{Label, Run},
};

/// What a run measured so far. Tallies of the same run can be merged in any order: a worker sends
/// its own, and nothing is lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Times of calls that began before this are left out.
    pub warm_up: Duration,
    /// All calls.
    pub all: Metrics,
    /// By the region of the side.
    pub regions: BTreeMap<Label, Metrics>,
    /// By the node of the side's leg.
    pub nodes: BTreeMap<Label, Metrics>,
    /// Why calls failed.
    pub errors: Errors,
    /// The calls that are worth a look.
    pub notable: Notable,
    /// Over time.
    pub series: Series,
    /// What was done to the deployment.
    pub chaos: Vec<ChaosRan>,
    /// Generators and servers.
    pub health: Health,
}

/// A call that begins later than this after its time is a late one.
const LATE: Duration = Duration::from_millis(100);
/// Most regions, and most nodes, that are told apart: what a table can show.
const MAX_GROUPS: usize = 256;

impl Tally {
    /// Nothing yet of a run.
    pub fn new(run: &Run) -> Self {
        Self {
            warm_up: run.warm_up,
            all: Metrics::default(),
            regions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            errors: Errors::default(),
            notable: Notable::default(),
            series: Series::for_run(run.duration() + run.grace),
            chaos: Vec::new(),
            health: Health::default(),
        }
    }

    /// Takes what happened.
    pub fn apply(&mut self, event: &Event) {
        self.series.apply(event);
        match event {
            Event::Started { scheduled, at, .. } => self.started(*scheduled, *at),
            Event::DroppedStart { .. } => {
                self.all.share(Metric::DroppedStarts, None, 1, 1);
                self.all.share(Metric::LateStarts, None, 0, 1);
            }
            Event::Connected { at, side, place, after_accept, .. } => {
                if *at >= self.warm_up {
                    self.each(place, |metrics| {
                        metrics
                            .record(Metric::Connect, Some(*side), |h| h.record_time(*after_accept));
                    });
                }
            }
            Event::Media(media) => self.media(media),
            Event::Recovery(recovery) => {
                self.each(&recovery.place, |metrics| {
                    let side = Some(recovery.side);
                    let failed = u64::from(recovery.after.is_none());
                    metrics.share(Metric::NotRecovered, side, failed, 1);
                    if let Some(after) = recovery.after {
                        metrics.record(Metric::Recovery, side, |h| h.record_time(after));
                    }
                });
            }
            Event::Ended(ended) => self.ended(ended),
            Event::Chaos(ran) => {
                self.all.count(Metric::ChaosFailed, None, u64::from(ran.error.is_some()));
                self.chaos.push(ran.clone());
            }
            Event::Generator(sample) => {
                self.all.record(Metric::GeneratorCpu, None, |h| h.record(sample.cpu));
                self.all.record(Metric::GeneratorLag, None, |h| h.record_time(sample.lag));
                self.all.count(Metric::GeneratorDropped, None, sample.dropped);
                self.health.generator(sample);
            }
            Event::Server(sample) => {
                if let Some(cpu) = sample.cpu {
                    self.all.record(Metric::ServerCpu, None, |h| h.record(cpu));
                }
                if let Some(load) = sample.load {
                    self.all.record(Metric::ServerLoad, None, |h| h.record(load));
                }
                self.health.server(sample);
            }
        }
    }

    /// Adds another tally of the same run.
    pub fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        for (mine, others) in [(&mut self.regions, &other.regions), (&mut self.nodes, &other.nodes)]
        {
            for (label, metrics) in others {
                mine.entry(label.clone()).or_default().merge(metrics);
            }
        }
        self.errors.merge(&other.errors);
        self.notable.merge(&other.notable);
        self.series.merge(&other.series);
        self.chaos.extend(other.chaos.iter().cloned());
        self.chaos.sort_by_key(|ran| ran.at);
        self.health.merge(&other.health);
    }

    /// The values of a part of a metric.
    pub fn value(&self, metric: Metric, part: &Part) -> Value {
        let none = Metrics::default();
        let metrics = match &part.group {
            None => &self.all,
            Some(Group::Region(label)) => self.regions.get(label).unwrap_or(&none),
            Some(Group::Node(label)) => self.nodes.get(label).unwrap_or(&none),
        };
        metrics.value(metric, part.side)
    }

    /// Calls that have begun and not ended.
    pub fn open(&self) -> u64 {
        self.series.rows().last().map_or(0, |row| row.open)
    }

    /// The groups that something at `place` belongs to.
    fn each(&mut self, place: &Where, act: impl Fn(&mut Metrics)) {
        act(&mut self.all);
        for (groups, label) in [(&mut self.regions, &place.region), (&mut self.nodes, &place.node)]
        {
            let Some(label) = label else { continue };
            if groups.len() < MAX_GROUPS || groups.contains_key(label) {
                act(groups.entry(label.clone()).or_default());
            }
        }
    }

    fn started(&mut self, scheduled: Duration, at: Duration) {
        let delay = at.saturating_sub(scheduled);
        self.all.count(Metric::CallsStarted, None, 1);
        self.all.share(Metric::DroppedStarts, None, 0, 1);
        self.all.share(Metric::LateStarts, None, u64::from(delay > LATE), 1);
        self.all.record(Metric::StartDelay, None, |h| h.record_time(delay));
    }

    fn media(&mut self, media: &Media) {
        let Media { at, side, stream, place, arrived, seen, .. } = media;
        let measured = *at >= self.warm_up;
        let (loss, latency) = match stream {
            Stream::Audio => (Metric::AudioLoss, Metric::AudioLatency),
            Stream::Video => (Metric::VideoLoss, Metric::VideoLatency),
        };
        let side = Some(*side);
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.each(place, |metrics| {
            metrics.share(loss, side, arrived.lost, arrived.lost + arrived.received);
            metrics.share(Metric::Reordered, side, arrived.reordered, arrived.received);
            metrics.share(Metric::Duplicates, side, arrived.duplicates, arrived.received);
            if *stream == Stream::Video {
                metrics.share(Metric::Frozen, side, micros(seen.frozen), micros(seen.watched));
                metrics.count(Metric::Freezes, side, seen.freezes.len() as u64);
            }
            if measured {
                metrics.record(latency, side, |hist| {
                    arrived.latency_us.iter().for_each(|us| hist.record_micros(u64::from(*us)));
                });
                metrics.record(Metric::Freeze, side, |hist| {
                    seen.freezes.iter().for_each(|freeze| hist.record_time(*freeze));
                });
            }
        });
    }

    fn ended(&mut self, ended: &CallEnded) {
        let measured = ended.scheduled >= self.warm_up;
        for side in [Role::Shopper, Role::Agent] {
            self.side_ended(ended, side, measured);
        }
        if let CallResult::Failed(failure) = &ended.result {
            self.errors.add(failure, ended);
            self.notable.fail(ended);
        }
        if measured {
            self.notable.slow(ended);
        }
    }

    fn side_ended(&mut self, ended: &CallEnded, role: Role, measured: bool) {
        let side = ended.side(role);
        // What belongs to the call and not to a side is told with the shopper, once.
        let once = role == Role::Shopper;
        self.each(&side.place, |metrics| {
            let leaked = u64::from(side.foreign.total());
            metrics.count(Metric::Leaked, Some(role), leaked);
            if let Some(right) = side.placed_right {
                metrics.share(Metric::CallsMisplaced, Some(role), u64::from(!right), 1);
            }
            if once {
                call_result(metrics, &ended.result);
            }
            // Like recovery: what is done to a run hits those who called early as well.
            if let Some(silence) = side.silence {
                metrics.record(Metric::Silence, Some(role), |h| h.record_time(silence));
            }
            for away in &side.rejoined {
                metrics.record(Metric::Rejoin, Some(role), |h| h.record_time(*away));
            }
            if !measured {
                return;
            }
            stages(metrics, ended, role);
            let ratios = [(Metric::CallLoss, side.loss), (Metric::CallFrozen, side.frozen)];
            for (metric, ratio) in ratios {
                if let Some(ratio) = ratio {
                    metrics.record(metric, Some(role), |h| h.record(ratio));
                }
            }
            if once {
                let length = ended.ended.saturating_sub(ended.started);
                metrics.record(Metric::Call, None, |h| h.record_time(length));
                if let Some(setup) = setup(ended) {
                    metrics.record(Metric::Setup, None, |h| h.record_time(setup));
                }
                if let Some(hang_up) = ended.hang_up {
                    metrics.record(Metric::HangUp, None, |h| h.record_time(hang_up));
                }
                if let Some(ring) = between(&ended.shopper, Stage::Join, &ended.agent, Stage::Ring)
                {
                    metrics.record(Metric::Ring, None, |h| h.record_time(ring));
                }
            }
        });
    }
}

fn call_result(metrics: &mut Metrics, result: &CallResult) {
    let (failed, dropped) = match result {
        CallResult::Stopped => return,
        CallResult::Completed => (false, false),
        CallResult::Failed(failure) => (true, failure.step == Step::Hold),
    };
    metrics.share(Metric::CallsFailed, None, u64::from(failed), 1);
    metrics.share(Metric::CallsDropped, None, u64::from(dropped), 1);
    metrics.count(Metric::CallsCompleted, None, u64::from(!failed));
}

/// From a stage of one side to a stage of another; none if either was not reached.
fn between(from: &SideEnded, begin: Stage, to: &SideEnded, end: Stage) -> Option<Duration> {
    Some(to.at(end)?.saturating_sub(from.at(begin)?))
}

fn stages(metrics: &mut Metrics, ended: &CallEnded, role: Role) {
    let side = ended.side(role);
    let since_begin = |stage| Some(side.at(stage)?.saturating_sub(ended.started));
    let since_accept = |stage| between(&ended.agent, Stage::Accept, side, stage);
    let step = |begin, end| between(side, begin, side, end);
    for (metric, time) in [
        (Metric::Socket, since_begin(Stage::Socket)),
        (Metric::Welcome, step(Stage::Socket, Stage::Welcome)),
        (Metric::LegOffer, step(Stage::Welcome, Stage::LegOffer)),
        (Metric::LegAnswer, step(Stage::LegOffer, Stage::LegAnswer)),
        (Metric::Ice, step(Stage::LegAnswer, Stage::Ice)),
        (Metric::Dtls, step(Stage::Ice, Stage::Dtls)),
        (Metric::Warm, since_begin(Stage::Dtls)),
        (Metric::CallStarted, since_accept(Stage::CallStarted)),
        (Metric::FirstAudio, since_accept(Stage::FirstAudio)),
    ] {
        if let Some(time) = time {
            metrics.record(metric, Some(role), |h| h.record_time(time));
        }
    }
}

/// From when a call should have begun until both sides see each other (with audio alone: hear).
pub fn setup(ended: &CallEnded) -> Option<Duration> {
    let complete = ended.result == CallResult::Completed;
    let seen = |side: &SideEnded| {
        // A call that failed before its first picture was heard, but never set up.
        side.at(Stage::FirstFrame).or_else(|| side.at(Stage::FirstAudio).filter(|_| complete))
    };
    Some(seen(&ended.shopper)?.max(seen(&ended.agent)?).saturating_sub(ended.scheduled))
}
