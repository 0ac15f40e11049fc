//! What a viewer wants from whoever publishes to it.

use std::time::{Duration, Instant};

use super::{
    Feedback, MediaEvent, MediaLeg,
    leg::ControlDue,
    scarcity::{Picture, Spare},
    uptake::{HELD_BACK, Uptake},
};
use crate::{api::MediaKind, bwe::START_BITRATE};

/// The publisher is to send this share of the target, less repeats: its pictures differ in size, and what is
/// too large waits.
const CAP_SHARE: f64 = 0.95;
/// Repeats take no more than this share of it from video.
const MAX_ASIDE: f64 = 0.5;
/// What browsers reserve for audio out of a limit, in bit/s: Opus at 32 kbit/s, and headers of 72
/// bytes. Only what audio takes beyond (copies of it, RFC 2198) is to be taken off before.
const RESERVED_FOR_AUDIO: f64 = 60_800.0;
/// From the end of the first key frame until something is heard of the way, a round trip later, the publisher is held to
/// this, bit/s: on a narrow way what is sent meanwhile waits behind the key frame. Not sooner: browsers would
/// pace the key frame by it. And not one that has been sending for a while: browsers take a bound back at once only in
/// the first two seconds, later they climb from it.
const UNPROVEN_CAP: f64 = 600_000.0;
/// No publisher is held to less, in bit/s: browsers send video no lower. Below it video pauses.
pub(super) const MIN_CAP: u64 = 50_000;
/// A key frame that did not come is asked for again after this and a round trip.
const KEY_FRAME_PATIENCE: Duration = Duration::from_millis(300);
/// Changes of the bitrate below these shares are not worth a message.
const WORTH_LOWERING: f64 = 0.98;
const WORTH_RAISING: f64 = 1.03;
/// What flows is looked at this often, over so many microseconds.
const LOOK: Duration = Duration::from_millis(100);
const OFFERED_WINDOW: i64 = 500_000;
const ASIDE_WINDOW: i64 = 975_000;

/// Whether a leg watches somebody, and what it misses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wishes {
    forwarding: bool,
    /// A key frame is wanted: ask the publisher's leg at this time.
    key_frame: Option<Instant>,
    told_bitrate: Option<u64>,
    /// The publisher was sending before anybody watched.
    running: bool,
    /// What the publisher should be held to follows from what has not changed since it was told.
    settled: bool,
    picture: Picture,
    flow: Flow,
}

/// What flows, as of the last look, and when the next one is due.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    next: Option<Instant>,
    /// Video from the publisher, and audio and repeats to the peer, bit/s.
    offered: f64,
    audio: f64,
    repeated: f64,
    uptake: Uptake,
}

impl Wishes {
    /// What the publisher was told last, in bit/s.
    pub(super) fn told(&self) -> Option<u64> {
        self.told_bitrate
    }

    /// Video that the publisher sends, bit/s.
    pub(super) fn offered(&self) -> f64 {
        self.flow.offered
    }

    /// Video to the peer is paused.
    pub(super) fn is_paused(&self) -> bool {
        self.picture.is_paused()
    }

    /// The publisher would send more if it were allowed to.
    pub(super) fn wants_more(&self) -> bool {
        let told = self.told_bitrate.unwrap_or(u64::MAX) as f64;
        self.forwarding && (self.is_paused() || self.flow.offered >= HELD_BACK * told)
    }
}

impl MediaLeg {
    /// From now on packets given to [`Self::forward`] go to the peer. Call it at the bridge once
    /// the peer can receive (SRTP keys are there); again when the publisher changes: the peer's
    /// streams go on without a gap.
    pub fn start_forwarding(&mut self, now: Instant) {
        let narrow = if self.wishes.forwarding { None } else { self.stop_asking(now) };
        self.wishes = Wishes { forwarding: true, ..Wishes::default() };
        for stream in &mut self.outbound.streams {
            stream.restart();
        }
        self.outbound.narrow = narrow.is_some();
        self.outbound.estimator.begin(now, narrow);
        self.unsettle();
        self.outbound.run = None;
        self.outbound.start_probe = true;
        self.outbound.starting = true;
        self.outbound.began = Some(now);
        self.outbound.repeats.begin(self.outbound.estimator.bitrate());
        let sends_video = self.negotiated.video.as_ref().is_some_and(|media| media.direction.send);
        self.wishes.key_frame = sends_video.then_some(now);
    }

    /// The publisher had been sending before [`Self::start_forwarding`].
    pub fn joins_running(&mut self) {
        self.wishes.running = true;
        self.unsettle();
    }

    /// Nothing is forwarded any more. What is queued is still sent.
    pub fn stop_forwarding(&mut self) {
        self.wishes.forwarding = false;
        self.wishes.key_frame = None;
        for stream in &mut self.outbound.streams {
            stream.restart();
        }
    }

    /// Whether packets given to [`Self::forward`] go to the peer.
    pub fn is_forwarding(&self) -> bool {
        self.wishes.forwarding
    }

    /// What the publisher's leg should do, if there is anything new. Ask once what inputs have brought is sent.
    pub fn take_feedback(&mut self, now: Instant) -> Option<Feedback> {
        if !self.wishes.forwarding {
            return None;
        }
        self.look(now);
        let key_frame = match self.wishes.key_frame {
            Some(at) if at <= now => {
                let patience = KEY_FRAME_PATIENCE + self.rtt();
                self.wishes.key_frame = Some(now + patience);
                true
            }
            _ => false,
        };
        if self.wishes.settled {
            return key_frame.then_some(Feedback { key_frame, max_bitrate: None });
        }
        // A queue that drains changes it as time passes.
        self.wishes.settled = !self.outbound.estimator.is_congested(now);
        let bitrate = self.cap(now);
        let worth_telling = self.wishes.told_bitrate.is_none_or(|told| {
            let told = told as f64;
            !(told * WORTH_LOWERING..=told * WORTH_RAISING).contains(&(bitrate as f64))
        });
        let max_bitrate = worth_telling.then_some(bitrate);
        self.wishes.told_bitrate = max_bitrate.or(self.wishes.told_bitrate);
        (key_frame || max_bitrate.is_some()).then_some(Feedback { key_frame, max_bitrate })
    }

    /// Applies what the viewer's leg wants.
    pub fn apply_feedback(&mut self, now: Instant, feedback: Feedback) {
        if feedback.key_frame {
            self.inbound.key_frame_asks.want(now);
        }
        if let Some(bitrate) = feedback.max_bitrate {
            self.inbound.cap.set(now, bitrate);
        }
        self.control_due = ControlDue::Unknown;
    }

    /// The estimate of the way to the peer, in bit/s.
    pub fn downlink(&self) -> u64 {
        self.limited(self.outbound.estimator.bitrate())
    }

    /// What should be sent to the peer now, in bit/s: the estimate, or less while a queue drains.
    pub(super) fn send_target(&self, now: Instant) -> u64 {
        if let Some((at, target)) = self.target.get()
            && at == now
        {
            return target;
        }
        let target = self.limited(self.outbound.estimator.target(now));
        self.target.set(Some((now, target)));
        target
    }

    /// Something has changed that says what should be sent, and what the publisher be held to.
    pub(super) fn unsettle(&mut self) {
        self.wishes.settled = false;
        self.target.set(None);
    }

    fn limited(&self, estimate: u64) -> u64 {
        match self.outbound.peer_limit {
            Some(limit) if !self.outbound.has_transport_feedback => limit.min(estimate),
            _ => estimate,
        }
    }

    /// What the publisher is held to, its audio included, as browsers take it: the target, which
    /// leaves room for draining where a queue stands, less repeats, and more by what it does not use of it.
    fn cap(&self, now: Instant) -> u64 {
        if self.wishes.is_paused() {
            return MIN_CAP;
        }
        let has_begun = self.outbound.streams[MediaKind::Video as usize].key_frame.begun;
        // Browsers would pace the key frame by it.
        let hurries = self.begins_narrow(now) && !has_begun;
        let mut target = if hurries { START_BITRATE } else { self.send_target(now) } as f64;
        let is_unproven = !self.wishes.running && self.outbound.estimator.is_unproven(now);
        if has_begun && is_unproven {
            target = target.min(UNPROVEN_CAP);
        }
        let Flow { audio, repeated, uptake, .. } = self.wishes.flow;
        let aside = (repeated + (audio - RESERVED_FOR_AUDIO).max(0.0)).min(MAX_ASIDE * target);
        let share = CAP_SHARE * target - aside;
        let reserved = RESERVED_FOR_AUDIO.min(share);
        ((reserved + uptake.bound(share - reserved)) as u64).max(MIN_CAP)
    }

    /// Looks at what flows, and whether it leaves room for a picture.
    fn look(&mut self, now: Instant) {
        let flow = &mut self.wishes.flow;
        if flow.next.is_some_and(|next| now < next) {
            return;
        }
        flow.next = Some(now + LOOK);
        self.wishes.settled = false;
        let at = self.micros(now);
        let flow = &mut self.wishes.flow;
        flow.offered = self.outbound.offered.rate(at, OFFERED_WINDOW).unwrap_or(flow.offered);
        flow.audio = self.outbound.audio.rate(at, ASIDE_WINDOW).unwrap_or(flow.audio);
        flow.repeated = self.outbound.repeated.rate(at, ASIDE_WINDOW).unwrap_or(flow.repeated);
        if let Some(told) = self.wishes.told_bitrate {
            flow.uptake.learn(now, flow.offered, told as f64 - RESERVED_FOR_AUDIO);
        }
        let known = self.outbound.has_transport_feedback || self.outbound.peer_limit.is_some();
        let spare = Spare {
            bitrate: self.downlink() as f64 - self.wishes.flow.audio - self.wishes.flow.repeated,
            is_used: known && self.wishes.flow.offered > 0.0,
        };
        let Some(state) = self.wishes.picture.update(now, spare) else { return };
        if self.wishes.is_paused() {
            self.counters.video_pauses += 1;
        } else {
            self.need_key_frame(now);
        }
        self.push_event(MediaEvent::Video(state));
    }

    /// The viewer has lost its way in the video.
    pub fn need_key_frame(&mut self, now: Instant) {
        let can_use = !self.wishes.is_paused() && self.section(MediaKind::Video).is_some();
        if self.wishes.forwarding && can_use && self.wishes.key_frame.is_none() {
            self.wishes.key_frame = Some(now);
        }
    }

    /// When to ask the publisher's leg for a key frame.
    pub(super) fn key_frame_wanted(&self) -> Option<Instant> {
        self.wishes.key_frame
    }

    /// A key frame has begun to be forwarded.
    pub(super) fn has_key_frame(&mut self) {
        self.wishes.key_frame = None;
    }
}
