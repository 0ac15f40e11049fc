//! What a viewer wants from whoever publishes to it.

use std::time::{Duration, Instant};

use super::{Feedback, MediaLeg};

/// The publisher is held to this share of what the viewer can take: the rest is for audio, repeats
/// and for draining what has queued.
const CAP_SHARE: f64 = 0.95;
/// A key frame that did not come is asked for again after this and a round trip.
const KEY_FRAME_PATIENCE: Duration = Duration::from_millis(300);
/// Changes of the bitrate below these shares are not worth a message.
const WORTH_LOWERING: f64 = 0.98;
const WORTH_RAISING: f64 = 1.03;

/// Whether a leg watches somebody, and what it misses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wishes {
    forwarding: bool,
    /// A key frame is wanted: ask the publisher's leg at this time.
    key_frame: Option<Instant>,
    told_bitrate: Option<u64>,
}

impl Wishes {
    /// What the publisher was told last, in bit/s.
    pub(super) fn told(&self) -> Option<u64> {
        self.told_bitrate
    }
}

impl MediaLeg {
    /// From now on packets given to [`Self::forward`] go to the peer. Call it at the bridge once
    /// the peer can receive (SRTP keys are there); again when the publisher changes: the peer's
    /// streams go on without a gap.
    pub fn start_forwarding(&mut self, now: Instant) {
        self.wishes.forwarding = true;
        self.wishes.told_bitrate = None;
        for stream in &mut self.outbound.streams {
            stream.restart();
        }
        let sends_video = self.negotiated.video.as_ref().is_some_and(|media| media.direction.send);
        self.wishes.key_frame = sends_video.then_some(now);
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

    /// What the publisher's leg should do, if there is anything new. Ask after each input.
    pub fn take_feedback(&mut self, now: Instant) -> Option<Feedback> {
        if !self.wishes.forwarding {
            return None;
        }
        let key_frame = match self.wishes.key_frame {
            Some(at) if at <= now => {
                let patience = KEY_FRAME_PATIENCE + self.rtt();
                self.wishes.key_frame = Some(now + patience);
                true
            }
            _ => false,
        };
        let bitrate = (self.downlink() as f64 * CAP_SHARE) as u64;
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
    }

    /// The estimate of the way to the peer, in bit/s.
    pub fn downlink(&self) -> u64 {
        let estimate = self.outbound.estimator.bitrate();
        match self.outbound.peer_limit {
            Some(limit) if !self.outbound.has_transport_feedback => limit.min(estimate),
            _ => estimate,
        }
    }

    /// The viewer has lost its way in the video.
    pub(super) fn need_key_frame(&mut self, now: Instant) {
        if self.wishes.forwarding && self.wishes.key_frame.is_none() {
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
