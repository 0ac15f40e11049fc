//! Short bursts that find out whether the way carries more than is sent.
//!
//! In a call of two, more is of use only when the publisher is held back by what the viewer's leg
//! allows, so only then the leg probes. The first key frame of a call is a probe by itself: it is
//! sent at a multiple of the estimate anyway.

use std::time::{Duration, Instant};

use super::{
    MAX_BITRATE,
    burst::{Found, Seen},
};

/// A probe is this long, so that jitter of a few milliseconds does not make up its result.
const LENGTH: Duration = Duration::from_millis(20);
/// …and has at least so many bytes, four full packets: between two or three jitter decides, and makes a narrow way look like a
/// wide one.
const LEAST_BYTES: u32 = 4_800;
/// What is probed for, in multiples of the estimate.
const FACTOR: f64 = 2.0;
/// No higher than this as long as the publisher does not send at least half of it: two streams of
/// 720p.
const ENOUGH: f64 = 4_000_000.0;
/// A result of at least this share of the probe's rate is followed by the next probe at once.
const CONTINUE: f64 = 0.7;
/// Time between probes: at first, and at most while they find nothing.
const INTERVAL: Duration = Duration::from_secs(2);
const MAX_INTERVAL: Duration = Duration::from_secs(3);
const INTERVAL_GROWTH: f64 = 1.5;
/// After a cut the queue must drain first.
const AFTER_CUT: Duration = Duration::from_millis(800);
/// After a cut this share of what was good before is probed for, if that is more.
const RECOVERY: f64 = 0.85;
/// Where the queue is not empty, it is looked at again after this.
const POSTPONED: Duration = Duration::from_millis(100);
/// A probe whose feedback has not come by then is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Share of a probe's packets and bytes that must arrive.
const MIN_DELIVERED: f64 = 0.8;
/// A full way that carries less than this in multiples of what is known is as full as it was…
const KNOWN: f64 = 1.4;
/// …but who is below this share of what is known, after an outage, may go back to that one.
const FAR_BELOW: f64 = 0.86;
const KNOWN_SHARE: f64 = 0.9;
/// A probe that says nothing, because jitter has pressed it together, is soon sent again.
const RETRY: Duration = Duration::from_millis(500);
/// One that has told too little is made again, once, with so many bytes: enough to lower the estimate…
const SOLID_BYTES: u32 = 12_000;
/// …if that was less than this share of what was thought: a little less is jitter…
pub(super) const MUCH_LESS: f64 = 0.7;
/// …and of a start this share must arrive: of a way that loses something has to be known as well.
pub(super) const START_DELIVERED: f64 = 0.5;

/// Names a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeId(u16);

impl ProbeId {
    /// What is sent before a call.
    pub const AHEAD: Self = Self(u16::MAX);
}

/// A burst to send: at this rate, until both have been reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    /// Its name.
    pub id: ProbeId,
    /// Bit/s.
    pub bitrate: f64,
    /// Least bytes.
    pub bytes: u32,
}

/// Decides when to probe and reads the results.
#[derive(Debug, Clone)]
pub(super) struct Probes {
    next_id: u16,
    running: Option<Running>,
    /// When the next one may begin.
    next: Instant,
    interval: Duration,
    /// The former one found more: go on from there at once.
    again: bool,
    /// What was good before the last cut.
    before_cut: Option<f64>,
    /// The first key frame told too little, and what is made in its place is due.
    starts_anew: bool,
}

/// What a probe is for, and so what its result counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The first key frame: counts in both directions.
    Start,
    /// Made in its place: counts in both directions, downwards only if it is much less.
    StartAnew,
    /// Finds out whether there is more.
    More,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    probe: Probe,
    kind: Kind,
    since: Instant,
    /// Packets and bytes sent, once all are.
    sent: Option<(u32, u32)>,
    seen: Seen,
}

impl Probes {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next_id: 0,
            running: None,
            next: now,
            interval: INTERVAL,
            again: false,
            before_cut: None,
            starts_anew: false,
        }
    }

    /// When the next probe may begin, if more is of use.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.running {
            Some(running) => Some(running.since + PATIENCE),
            None => Some(self.next),
        }
    }

    /// The next probe, if it is time. `offered` is what the publisher sends, `most` what would be used, bit/s.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        estimate: f64,
        offered: f64,
        most: f64,
    ) -> Option<Probe> {
        if let Some(running) = self.running
            && now.saturating_duration_since(running.since) >= PATIENCE
        {
            self.running = None;
            self.done(now, false);
            self.start_anew_after(running.kind, now);
        }
        if self.running.is_some() || now < self.next {
            return None;
        }
        if self.starts_anew {
            return Some(self.begin(now, estimate, Kind::StartAnew));
        }
        let most = ENOUGH.max(FACTOR * offered).min(MAX_BITRATE as f64).min(most);
        let recovery = self.before_cut.map_or(0.0, |before| RECOVERY * before);
        let bitrate = (FACTOR * estimate).max(recovery).min(most);
        if bitrate < estimate * 1.1 {
            self.done(now, false);
            return None;
        }
        Some(self.begin(now, bitrate, Kind::More))
    }

    /// The first key frame is sent, at this bitrate.
    pub(super) fn start(&mut self, now: Instant, bitrate: f64) -> Probe {
        self.begin(now, bitrate, Kind::Start)
    }

    /// What the first key frame was to find out is still to be found out.
    pub(super) fn starts_anew(&self) -> bool {
        self.starts_anew || self.running.is_some_and(|running| running.kind == Kind::StartAnew)
    }

    /// What `ended` has told nothing: of a start another one is made, once.
    fn start_anew_after(&mut self, ended: Kind, now: Instant) {
        if ended == Kind::Start {
            self.starts_anew = true;
            self.next = now;
        }
    }

    /// The first key frame is under way, or what is made in its place.
    pub(super) fn is_starting(&self) -> bool {
        self.running.is_some_and(|running| running.kind != Kind::More)
    }

    fn begin(&mut self, now: Instant, bitrate: f64, kind: Kind) -> Probe {
        let id = ProbeId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let least = if kind == Kind::StartAnew { SOLID_BYTES } else { LEAST_BYTES };
        let bytes = ((bitrate * LENGTH.as_secs_f64() / 8.0) as u32).max(least);
        let probe = Probe { id, bitrate, bytes };
        self.again = false;
        self.before_cut = None;
        self.starts_anew = false;
        self.running = Some(Running { probe, kind, since: now, sent: None, seen: Seen::default() });
        probe
    }

    /// All packets of a probe have been sent.
    pub(super) fn sent(&mut self, id: ProbeId, packets: u32, bytes: u32) {
        if let Some(running) = self.running.as_mut().filter(|running| running.probe.id == id) {
            running.sent = Some((packets, bytes));
        }
    }

    /// It is not a good time: a queue stands.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.next = self.next.max(now + POSTPONED);
    }

    /// The estimate was cut: probing waits for the queue to drain.
    pub(super) fn cut(&mut self, now: Instant, before: f64) {
        self.running = None;
        self.again = false;
        self.starts_anew = false;
        self.interval = INTERVAL;
        self.before_cut = Some(self.before_cut.map_or(before, |known| known.max(before)));
        self.next = now + AFTER_CUT;
    }

    /// The fate of a packet of a probe.
    pub(super) fn add(&mut self, id: ProbeId, sent: Instant, size: u16, arrival: Option<i64>) {
        let Some(running) = self.running.as_mut().filter(|running| running.probe.id == id) else {
            return;
        };
        running.seen.add(sent, size, arrival);
    }

    /// After a feedback: the bitrate that a completed probe has proven, if it says anything new.
    /// `known` is what the way carried at the latest overuse, if that is known.
    pub(super) fn result(
        &mut self,
        now: Instant,
        estimate: f64,
        known: Option<f64>,
    ) -> Option<f64> {
        let running = self.running?;
        let is_start = self.is_starting();
        let (packets, bytes) = match running.sent {
            // What was reported lost may still come; a probe does not wait for it.
            Some(sent) if running.seen.packets + running.seen.lost >= sent.0 => sent,
            _ if is_start && running.seen.shows_narrow() => {
                (running.seen.packets, running.seen.bytes)
            }
            _ => return None,
        };
        self.running = None;
        // On a way shared with others a burst takes more than its share: a full way says nothing
        // new until it carries much more than at the latest overuse.
        let share = if is_start { START_DELIVERED } else { MIN_DELIVERED };
        let seen = running.seen.rate(packets, bytes, share);
        let found = seen.and_then(|found| match known {
            Some(known) if found.is_full && found.rate < KNOWN * known && !is_start => {
                let is_far_below = estimate < FAR_BELOW * known;
                let rate = found.rate.min(KNOWN_SHARE * known);
                is_far_below.then_some(Found { rate, ..found })
            }
            _ => Some(found),
        });
        let better = found.filter(|found| found.rate > estimate);
        self.again = better.is_some_and(|found| found.rate >= CONTINUE * running.probe.bitrate);
        self.done(now, better.is_some());
        if seen.is_none() && running.seen.lost == 0 {
            self.next = now + RETRY;
        }
        let is_less = |found: &Found, share: f64| found.is_full && found.rate < share * estimate;
        let is_vague =
            seen.is_none_or(|found| is_less(&found, MUCH_LESS) && !running.seen.is_solid());
        if is_vague {
            self.start_anew_after(running.kind, now);
        }
        let share = if running.kind == Kind::StartAnew { MUCH_LESS } else { 1.0 };
        let counts_down =
            |found: &Found| is_start && is_less(found, share) && running.seen.is_solid();
        better.or(found.filter(counts_down)).map(|found| found.rate)
    }

    fn done(&mut self, now: Instant, success: bool) {
        self.interval = if success {
            INTERVAL
        } else {
            self.interval.mul_f64(INTERVAL_GROWTH).min(MAX_INTERVAL)
        };
        self.next = if self.again { now } else { now + self.interval };
    }
}
