//! The media half of one leg.

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use super::{
    Counters, Feedback, MediaEvent, MediaSetup,
    arrivals::Arrivals,
    asks::{BitrateCap, KeyFrameAsks},
    clock::{NtpClock, PeerClock},
    outbound::{RepeatBudget, Repeats},
    quality::QualityWindow,
    receive::ReceiveStream,
    send::{Rtx, SendStream},
    sent::Sent,
};
use crate::{
    api::MediaKind,
    bwe::Estimator,
    rtp::Ssrc,
    sdp::{Extension, ExtensionMap, LocalSsrcs, Media, Negotiated},
};

/// Round trip that is assumed as long as none was measured.
const DEFAULT_RTT: Duration = Duration::from_millis(100);
/// SSRCs that a peer may bring up by itself in one negotiation. Browsers bring up none beyond
/// those in their offer, or one for each stream.
const MAX_LEARNT: u8 = 16;
/// The publisher is held to this share of what the viewer can take: the rest is for audio, repeats
/// and for draining what has queued.
const CAP_SHARE: f64 = 0.95;
/// A key frame that did not come is asked for again after this and a round trip.
const KEY_FRAME_PATIENCE: Duration = Duration::from_millis(300);
/// Changes of the bitrate below these shares are not worth a message.
const WORTH_LOWERING: f64 = 0.98;
const WORTH_RAISING: f64 = 1.03;

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

    /// Ids of all sections: in a bundle an id means the same everywhere (RFC 9143 §9.1).
    pub(super) inbound_extensions: ExtensionMap,
    /// SSRCs of repeats, by kind.
    pub(super) inbound_repeats: [Option<Ssrc>; 2],
    /// By kind.
    pub(super) inbound: [Option<ReceiveStream>; 2],
    pub(super) learnt: u8,
    pub(super) arrivals: Arrivals,
    pub(super) peer_clock: PeerClock,
    pub(super) key_frame_asks: KeyFrameAsks,
    pub(super) cap: BitrateCap,

    /// By kind.
    pub(super) outbound: [SendStream; 2],
    pub(super) repeats: Repeats,
    pub(super) repeat_budget: RepeatBudget,
    pub(super) sent: Sent,
    pub(super) estimator: Estimator,
    /// REMB of a peer that sends no transport-wide feedback.
    pub(super) peer_limit: Option<u64>,
    pub(super) has_transport_feedback: bool,
    forwarding: bool,
    key_frame_need: KeyFrameNeed,
    told_bitrate: Option<u64>,

    pub(super) report_due: Option<Instant>,
    pub(super) last_media: Instant,
    rtt: Option<Duration>,
}

/// Whether the viewer waits for a key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyFrameNeed {
    None,
    /// Ask the publisher's leg at this time.
    Since(Instant),
}

impl MediaLeg {
    /// A leg's media half. `now` and `wall` are the same moment on both clocks.
    pub fn new(setup: MediaSetup, now: Instant, wall: SystemTime) -> Self {
        let MediaSetup { negotiated, ssrcs, cname, seed } = setup;
        let mut random = Random(seed);
        let rtx = Rtx { ssrc: ssrcs.video_rtx, sequence: random.next() as u16 & 0x7fff };
        let outbound = [
            SendStream::new(MediaKind::Audio, ssrcs.audio, None, random.next()),
            SendStream::new(MediaKind::Video, ssrcs.video, Some(rtx), random.next()),
        ];
        let mut leg = Self {
            negotiated,
            ssrcs,
            cname,
            ntp: NtpClock::new(now, wall),
            counters: Counters::default(),
            quality: QualityWindow::new(now),
            events: VecDeque::new(),
            inbound_extensions: ExtensionMap::default(),
            inbound_repeats: [None; 2],
            inbound: [None, None],
            learnt: 0,
            arrivals: Arrivals::new(now),
            peer_clock: PeerClock::default(),
            key_frame_asks: KeyFrameAsks::default(),
            cap: BitrateCap::default(),
            outbound,
            repeats: Repeats::default(),
            repeat_budget: RepeatBudget::new(now),
            sent: Sent::default(),
            estimator: Estimator::new(now),
            peer_limit: None,
            has_transport_feedback: false,
            forwarding: false,
            key_frame_need: KeyFrameNeed::None,
            told_bitrate: None,
            report_due: None,
            last_media: now,
            rtt: None,
        };
        leg.adopt_streams();
        leg
    }

    /// Takes a new agreement on the same streams (ICE restart, changed directions).
    pub fn renegotiate(&mut self, negotiated: Negotiated) {
        self.negotiated = negotiated;
        self.learnt = 0;
        for stream in &mut self.outbound {
            stream.forget_route();
        }
        self.adopt_streams();
    }

    /// Tells a round trip measured elsewhere (ICE, DTLS), used until RTCP has one.
    pub fn seed_rtt(&mut self, rtt: Duration) {
        self.rtt.get_or_insert(rtt);
    }

    /// Counters since the leg was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// From now on packets given to [`Self::forward`] go to the peer. Call it at the bridge once
    /// the peer can receive (SRTP keys are there); again when the publisher changes: the peer's
    /// streams go on without a gap.
    pub fn start_forwarding(&mut self, now: Instant) {
        self.forwarding = true;
        self.told_bitrate = None;
        for stream in &mut self.outbound {
            stream.restart();
        }
        let sends_video = self.negotiated.video.as_ref().is_some_and(|media| media.direction.send);
        self.key_frame_need =
            if sends_video { KeyFrameNeed::Since(now) } else { KeyFrameNeed::None };
    }

    /// Nothing is forwarded any more. What is queued is still sent.
    pub fn stop_forwarding(&mut self) {
        self.forwarding = false;
        self.key_frame_need = KeyFrameNeed::None;
        for stream in &mut self.outbound {
            stream.restart();
        }
    }

    /// Whether packets given to [`Self::forward`] go to the peer.
    pub fn is_forwarding(&self) -> bool {
        self.forwarding
    }

    /// What the publisher's leg should do, if there is anything new. Ask after each input.
    pub fn take_feedback(&mut self, now: Instant) -> Option<Feedback> {
        if !self.forwarding {
            return None;
        }
        let key_frame = match self.key_frame_need {
            KeyFrameNeed::Since(at) if at <= now => {
                let patience = KEY_FRAME_PATIENCE + self.rtt();
                self.key_frame_need = KeyFrameNeed::Since(now + patience);
                true
            }
            _ => false,
        };
        let bitrate = (self.downlink() as f64 * CAP_SHARE) as u64;
        let worth_telling = self.told_bitrate.is_none_or(|told| {
            let told = told as f64;
            !(told * WORTH_LOWERING..=told * WORTH_RAISING).contains(&(bitrate as f64))
        });
        let max_bitrate = worth_telling.then_some(bitrate);
        self.told_bitrate = max_bitrate.or(self.told_bitrate);
        (key_frame || max_bitrate.is_some()).then_some(Feedback { key_frame, max_bitrate })
    }

    /// Applies what the viewer's leg wants.
    pub fn apply_feedback(&mut self, now: Instant, feedback: Feedback) {
        if feedback.key_frame {
            self.key_frame_asks.want(now);
        }
        if let Some(bitrate) = feedback.max_bitrate {
            self.cap.set(now, bitrate);
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next; a time gone by means now. What is due stays due
    /// until [`Self::poll_packet`] and [`Self::take_feedback`] are drained.
    pub fn next_timeout(&self) -> Option<Instant> {
        let need = match self.key_frame_need {
            KeyFrameNeed::Since(at) => Some(at),
            KeyFrameNeed::None => None,
        };
        let missing = self.inbound.iter().flatten().filter_map(|stream| stream.missing.next_due());
        [need, self.arrivals.due(), self.key_frame_due(), self.cap_due(), self.report_due]
            .into_iter()
            .flatten()
            .chain(missing)
            .min()
    }

    /// The estimate of the way to the peer, in bit/s.
    pub fn downlink(&self) -> u64 {
        let estimate = self.estimator.bitrate();
        match self.peer_limit {
            Some(limit) if !self.has_transport_feedback => limit.min(estimate),
            _ => estimate,
        }
    }

    pub(super) fn section(&self, kind: MediaKind) -> Option<&Media> {
        self.negotiated.media(kind)
    }

    pub(super) fn push_event(&mut self, event: MediaEvent) {
        self.events.push_back(event);
    }

    pub(super) fn rtt(&self) -> Duration {
        self.rtt.unwrap_or(DEFAULT_RTT)
    }

    pub(super) fn measured_rtt(&self) -> Duration {
        self.rtt.unwrap_or_default()
    }

    /// Takes a measured round trip: RFC 6298's smoothing.
    pub(super) fn on_rtt(&mut self, sample: Duration) {
        self.rtt = Some(match self.rtt {
            Some(rtt) => (rtt * 7 + sample) / 8,
            None => sample,
        });
    }

    /// The viewer has lost its way in the video.
    pub(super) fn need_key_frame(&mut self, now: Instant) {
        if self.forwarding && self.key_frame_need == KeyFrameNeed::None {
            self.key_frame_need = KeyFrameNeed::Since(now);
        }
    }

    /// A key frame has begun to be forwarded.
    pub(super) fn has_key_frame(&mut self) {
        self.key_frame_need = KeyFrameNeed::None;
    }

    /// May a stream be bound to an SSRC that the offer did not have?
    pub(super) fn may_learn(&mut self) -> bool {
        let allowed = self.learnt < MAX_LEARNT;
        self.learnt = self.learnt.saturating_add(1);
        allowed
    }

    /// Makes streams for the SSRCs of the offer; those known already keep their state.
    fn adopt_streams(&mut self) {
        let sections = [self.negotiated.audio.as_ref(), self.negotiated.video.as_ref()];
        let mut extensions = ExtensionMap::default();
        for media in sections.into_iter().flatten() {
            for extension in Extension::ALL {
                if let Some(id) = media.extensions.id(extension) {
                    extensions.insert(id, extension);
                }
            }
            let Some(remote) = media.remote else { continue };
            let slot = media.kind as usize;
            if self.inbound[slot].as_ref().is_none_or(|stream| stream.ssrc != remote.ssrc) {
                self.inbound[slot] = Some(ReceiveStream::new(remote.ssrc));
            }
            self.inbound_repeats[slot] = remote.rtx.or(self.inbound_repeats[slot]);
        }
        self.inbound_extensions = extensions;
    }
}

/// SplitMix64: numbers that need to differ, not to be secret.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
