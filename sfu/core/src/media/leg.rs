//! The media half of one leg.

use std::{
    cell::Cell,
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use super::{
    Counters, MediaEvent, MediaSetup, clock::NtpClock, inbound::Inbound, outbound::Outbound,
    quality::QualityWindow, wishes::Wishes,
};
use crate::{
    api::MediaKind,
    bwe::StandingQueue,
    sdp::{LocalSsrcs, Media, Negotiated},
};

/// Round trip that is assumed as long as none was measured.
const DEFAULT_RTT: Duration = Duration::from_millis(100);

/// When feedback to the peer is due. What it follows from changes with what comes in, seldom while
/// packets leave.
#[derive(Debug, Clone, Copy)]
pub(super) enum ControlDue {
    /// Something has changed since it was looked at.
    Unknown,
    /// Then.
    At(Option<Instant>),
}

/// The media half of one leg.
#[derive(Debug, Clone)]
pub struct MediaLeg {
    pub(super) negotiated: Negotiated,
    pub(super) ssrcs: LocalSsrcs,
    pub(super) cname: String,
    pub(super) ntp: NtpClock,
    pub(super) counters: Counters,
    pub(super) quality: QualityWindow,
    events: VecDeque<MediaEvent>,

    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    pub(super) wishes: Wishes,

    started: Instant,
    /// A moment and what [`Self::micros`] makes of it: a batch of packets has one.
    latest: Cell<(Instant, i64)>,
    /// The same for what should be sent to the peer, in bit/s.
    pub(super) target: Cell<Option<(Instant, u64)>>,
    pub(super) report_due: Option<Instant>,
    pub(super) control_due: ControlDue,
    pub(super) last_media: Instant,
    /// More comes to the node than it can take: see [`Self::set_behind`].
    pub(super) behind: bool,
    rtt: Option<Duration>,
    /// The round trips so far, in microseconds, of which the shortest met no queue.
    rounds: StandingQueue,
}

impl MediaLeg {
    /// A leg's media half. `now` and `wall` are the same moment on both clocks.
    pub fn new(setup: MediaSetup, now: Instant, wall: SystemTime) -> Self {
        let MediaSetup { negotiated, ssrcs, cname, seed } = setup;
        let mut leg = Self {
            negotiated,
            ssrcs,
            cname,
            ntp: NtpClock::new(now, wall),
            counters: Counters::default(),
            quality: QualityWindow::new(now),
            events: VecDeque::new(),
            inbound: Inbound::new(),
            outbound: Outbound::new(now, &ssrcs, seed),
            wishes: Wishes::default(),
            started: now,
            latest: Cell::new((now, 0)),
            target: Cell::new(None),
            report_due: None,
            control_due: ControlDue::Unknown,
            last_media: now,
            behind: false,
            rtt: None,
            rounds: StandingQueue::default(),
        };
        leg.inbound.adopt_streams(&leg.negotiated);
        leg
    }

    /// Takes a new agreement on the same streams (ICE restart, changed directions).
    pub fn renegotiate(&mut self, negotiated: Negotiated) {
        self.negotiated = negotiated;
        self.control_due = ControlDue::Unknown;
        for stream in &mut self.outbound.streams {
            stream.renegotiate(self.negotiated.media(stream.kind));
        }
        self.inbound.adopt_streams(&self.negotiated);
    }

    /// Tells a round trip measured elsewhere (ICE, DTLS), used until RTCP has one.
    pub fn seed_rtt(&mut self, rtt: Duration) {
        self.rtt.get_or_insert(rtt);
        self.control_due = ControlDue::Unknown;
    }

    /// More comes to the node than it can take, or that is over. What is missing meanwhile was lost at the node itself,
    /// and a repeat of it would take the place of something new: nothing is asked for.
    pub fn set_behind(&mut self, now: Instant, behind: bool) {
        if std::mem::replace(&mut self.behind, behind) && !behind {
            for stream in self.inbound.streams.iter_mut().flatten() {
                stream.missing.release(now);
            }
            self.control_due = ControlDue::Unknown;
        }
    }

    /// Counters since the leg was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next; a time gone by means now. What is due stays due
    /// until [`Self::poll_packet`] and [`Self::take_feedback`] are drained.
    pub fn next_timeout(&self) -> Option<Instant> {
        let control = match self.control_due {
            ControlDue::At(due) => due,
            ControlDue::Unknown => self.next_control(),
        };
        [self.key_frame_wanted(), control, self.report_due, self.pacing_due()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn section(&self, kind: MediaKind) -> Option<&Media> {
        self.negotiated.media(kind)
    }

    pub(super) fn push_event(&mut self, event: MediaEvent) {
        self.events.push_back(event);
    }

    /// A moment in microseconds since the leg was made.
    pub(super) fn micros(&self, at: Instant) -> i64 {
        let (latest, micros) = self.latest.get();
        if at == latest {
            return micros;
        }
        let micros = at.saturating_duration_since(self.started).as_micros() as i64;
        self.latest.set((at, micros));
        micros
    }

    pub(super) fn rtt(&self) -> Duration {
        self.rtt.unwrap_or(DEFAULT_RTT)
    }

    pub(super) fn measured_rtt(&self) -> Duration {
        self.rtt.unwrap_or_default()
    }

    /// The round trip without the queues that stand in its way now or stood there a moment ago.
    pub(super) fn shortest_rtt(&self) -> Duration {
        let shortest =
            self.rounds.shortest().map(|micros| Duration::from_micros(micros.unsigned_abs()));
        shortest.map_or(self.rtt(), |shortest| shortest.min(self.rtt()))
    }

    /// Takes a measured round trip: RFC 6298's smoothing.
    pub(super) fn on_rtt(&mut self, now: Instant, sample: Duration) {
        self.rounds.add(sample.as_micros() as i64);
        self.rounds.update(now);
        self.rtt = Some(match self.rtt {
            Some(rtt) => (rtt * 7 + sample) / 8,
            None => sample,
        });
    }
}
