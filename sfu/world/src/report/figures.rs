//! The figures of one run.

use super::freeze;
use crate::{
    case::{Case, Fall, Figure, Judged, Rise},
    meter::{LinkRecord, Record},
    net::FlowId,
};

/// After a fall, no more may be sent than this share of what gets through…
const FITS: f64 = 1.0;
/// …over so many seconds.
const FITS_OVER: f64 = 0.5;
/// The queue is short below this many seconds…
const SHORT: f64 = 0.050;
/// …for so long.
const SHORT_OVER: f64 = 0.5;
/// Times are looked for in steps of so many seconds.
const STEP: f64 = 0.05;

/// Figures of one run; shares from 0 to 1, times in seconds. Infinite: never.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Fresh media (and other flows) as a share of the capacity.
    pub utilisation: f64,
    /// Fresh media, bit/s.
    pub media: f64,
    /// Wait in the narrow link's queue, median.
    pub queue_p50: f64,
    /// The same, 95th percentile.
    pub queue_p95: f64,
    /// Dropped by the full queue.
    pub congestion_loss: f64,
    /// Lost otherwise on the narrow link.
    pub link_loss: f64,
    /// Share of the time that the picture stood still.
    pub freeze: f64,
    /// From capture to completeness at the viewer, 95th percentile.
    pub frame_p95: f64,
    /// From capture to the screen, 95th percentile.
    pub shown_p95: f64,
    /// Frames shown in a second.
    pub fps: f64,
    /// Share of audio concealed.
    pub concealed: f64,
    /// The longest time after a fall until no more is sent than gets through.
    pub down: Option<f64>,
    /// The longest time after a fall until the queue is short.
    pub drain: Option<f64>,
    /// The longest time after a rise until it is used.
    pub up: Option<f64>,
    /// The lowest Jain's index.
    pub jain: Option<f64>,
    /// The lowest rate of a flow as a share of its fair one.
    pub share: Option<f64>,
    /// From the end of a dark time to the first frame.
    pub picture: Option<f64>,
}

impl Figures {
    /// Figures of a run of a case.
    pub fn new(case: &Case, record: &Record) -> Self {
        let judged = &case.judged;
        let Some(link) = record.link(judged.link) else { return Self::default() };
        let mut figures = Self::default();
        figures.rates(judged, record, link);
        figures.packets(judged, record);
        figures.pictures(judged, record);
        figures.changes(judged, record, link);
        figures.sharing(judged, record);
        figures
    }

    fn rates(&mut self, judged: &Judged, record: &Record, link: &LinkRecord) {
        let excused = |at: f64| {
            let after = |from: f64| (from..from + judged.grace).contains(&at);
            judged.rises.iter().any(|rise| after(rise.at))
                || judged.dark.is_some_and(|(from, to)| (from..to + judged.grace).contains(&at))
        };
        let most = if judged.others.is_empty() { judged.most } else { f64::INFINITY };
        let (mut could, mut did, mut media, mut secs) = (0.0, 0.0, 0.0, 0.0);
        for sample in &link.samples {
            if sample.at < judged.from || sample.at >= judged.to || excused(sample.at) {
                continue;
            }
            let bytes =
                |flow: &FlowId| record.flow(*flow).delivered.bytes(sample.at, sample.at + STEP);
            let of_media: f64 = judged.media.iter().map(bytes).sum();
            could += sample.capacity.min(most) * STEP;
            media += of_media * 8.0;
            did += (of_media + judged.others.iter().map(bytes).sum::<f64>()) * 8.0;
            secs += STEP;
        }
        if could > 0.0 {
            self.utilisation = did / could;
            self.media = media / secs;
        }
    }

    fn packets(&mut self, judged: &Judged, record: &Record) {
        let mut waits: Vec<f32> = Vec::new();
        let (mut packets, mut dropped, mut lost) = (0, 0, 0);
        for flow in judged.media.iter().map(|flow| record.flow(*flow)) {
            let counts = |&&(at, _): &&(f32, f32)| f64::from(at) >= judged.from;
            waits.extend(flow.waits.iter().filter(counts).map(|&(_, wait)| wait));
            packets += flow.packets;
            dropped += flow.dropped;
            lost += flow.lost;
        }
        self.queue_p50 = percentile(&mut waits, 0.5);
        self.queue_p95 = percentile(&mut waits, 0.95);
        let share = |count: u64| count as f64 / packets.max(1) as f64;
        self.congestion_loss = share(dropped);
        self.link_loss = share(lost);
    }

    fn pictures(&mut self, judged: &Judged, record: &Record) {
        let (mut frozen, mut secs, mut frames) = (0.0, 0.0, 0);
        let (mut played, mut concealed) = (0, 0);
        let (mut delays, mut latencies): (Vec<f32>, Vec<f32>) = Default::default();
        for (index, flow) in judged.media.iter().map(|flow| record.flow(*flow)).enumerate() {
            // Only the first flow has a dark time.
            let dark = judged.dark.filter(|_| index == 0);
            let first = flow.shown.first().map_or(record.secs, |shown| shown.at.as_secs());
            // A picture that never came stood still all the time.
            frozen += freeze::total(&flow.shown, record.secs, dark) + first - flow.start;
            frozen -= (first - flow.start).min(FIRST_PICTURE);
            secs += record.secs - flow.start - dark.map_or(0.0, |(from, to)| to - from);
            frames += flow.shown.len();
            delays.extend(flow.shown.iter().map(|shown| shown.delay.as_secs_f32()));
            latencies.extend(flow.shown.iter().map(|shown| shown.latency.as_secs_f32()));
            played += flow.heard.played;
            concealed += flow.heard.concealed;
        }
        self.freeze = frozen / secs.max(1.0);
        self.fps = frames as f64 / secs.max(1.0);
        self.frame_p95 = percentile(&mut delays, 0.95);
        self.shown_p95 = percentile(&mut latencies, 0.95);
        self.concealed = concealed as f64 / (played + concealed).max(1) as f64;
        self.picture = judged.dark.map(|(_, to)| {
            let shown = judged.media.first().map(|flow| &record.flow(*flow).shown);
            let next = shown.and_then(|shown| shown.iter().find(|shown| shown.at.as_secs() >= to));
            next.map_or(f64::INFINITY, |shown| shown.at.as_secs() - to)
        });
    }

    fn changes(&mut self, judged: &Judged, record: &Record, link: &LinkRecord) {
        let worst =
            |worst: Option<f64>, value: f64| Some(worst.map_or(value, |w: f64| w.max(value)));
        let flows: Vec<FlowId> = judged.media.iter().chain(&judged.others).copied().collect();
        let offered = |from: f64, to: f64| -> f64 {
            flows.iter().map(|flow| record.flow(*flow).offered.rate(from, to)).sum()
        };
        for &Fall { at, to } in &judged.falls {
            let until = judged.next_change(at).unwrap_or(record.secs);
            let fits = |t: f64| offered(t, t + FITS_OVER) <= FITS * to;
            self.down = worst(self.down, time_until(at, until - FITS_OVER, fits));
            let short = |t: f64| {
                let in_time = link.samples.iter().filter(|s| (t..t + SHORT_OVER).contains(&s.at));
                in_time.map(|sample| sample.backlog).fold(0.0, f64::max) < SHORT
            };
            self.drain = worst(self.drain, time_until(at, until - SHORT_OVER, short));
        }
        for &Rise { at, flow, to, over } in &judged.rises {
            let until = judged.next_change(at).unwrap_or(record.secs);
            let flows = flow.map_or_else(|| judged.media.clone(), |flow| vec![flow]);
            let used = |t: f64| -> bool {
                flows.iter().map(|flow| record.flow(*flow).delivered.rate(t, t + over)).sum::<f64>()
                    >= to
            };
            self.up = worst(self.up, time_until(at, until - over, used));
        }
    }

    fn sharing(&mut self, judged: &Judged, record: &Record) {
        for shared in &judged.shared {
            let rates: Vec<f64> = shared
                .flows
                .iter()
                .map(|flow| record.flow(*flow).delivered.rate(shared.from, shared.to))
                .collect();
            let (sum, squares) =
                rates.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
            if rates.len() > 1 && squares > 0.0 {
                let jain = sum * sum / (rates.len() as f64 * squares);
                self.jain = Some(self.jain.map_or(jain, |least| least.min(jain)));
            }
            let least = rates.iter().copied().fold(f64::INFINITY, f64::min) / shared.fair;
            self.share = Some(self.share.map_or(least, |known| known.min(least)));
        }
    }

    /// A figure that has a goal.
    pub fn get(&self, figure: Figure) -> f64 {
        let or_zero = |value: Option<f64>| value.unwrap_or(0.0);
        match figure {
            Figure::Utilisation => self.utilisation,
            Figure::QueueP95 => self.queue_p95,
            Figure::CongestionLoss => self.congestion_loss,
            Figure::Freeze => self.freeze,
            Figure::Down => or_zero(self.down),
            Figure::Drain => or_zero(self.drain),
            Figure::Up => or_zero(self.up),
            Figure::Jain => or_zero(self.jain),
            Figure::Share => or_zero(self.share),
            Figure::Concealed => self.concealed,
            Figure::Picture => or_zero(self.picture),
        }
    }
}

/// A first picture within this many seconds is no freeze.
const FIRST_PICTURE: f64 = 1.0;

impl Judged {
    fn next_change(&self, at: f64) -> Option<f64> {
        let falls = self.falls.iter().map(|fall| fall.at);
        let rises = self.rises.iter().map(|rise| rise.at);
        falls.chain(rises).filter(|&next| next > at).min_by(f64::total_cmp)
    }
}

fn time_until(from: f64, to: f64, reached: impl Fn(f64) -> bool) -> f64 {
    let steps = ((to - from) / STEP) as u32;
    let found = (0..=steps).map(|step| f64::from(step) * STEP).find(|&t| reached(from + t));
    found.unwrap_or(f64::INFINITY)
}

fn percentile(values: &mut [f32], part: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * part).round() as usize;
    let (_, value, _) = values.select_nth_unstable_by(at, f32::total_cmp);
    f64::from(*value)
}
