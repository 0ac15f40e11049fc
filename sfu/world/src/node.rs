//! The node: the real media halves of two legs, warm and then bridged as [`sfu_core::Core`] bridges them.
//!
//! ICE, DTLS and SRTP are left out: their keys are random, and nothing in them decides on a
//! bitrate. Their bytes are counted on the links.

use std::time::{Duration, Instant, SystemTime};

use sfu_core::media::{MAX_PACKET, MediaEvent, MediaLeg, MediaSetup, Onward, Outgoing};

use crate::{
    page::{Sends, wire},
    time::{Time, millis},
};

/// A leg that stays due is looked at again after this, as the core does.
const GRANULARITY: Duration = millis(1);

/// Virtual time on the core's clock. Only differences count there.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose beginning is now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    fn instant(self, at: Time) -> Instant {
        self.origin + at.elapsed()
    }

    fn time(self, at: Instant) -> Time {
        Time::ZERO + at.saturating_duration_since(self.origin)
    }
}

/// A page should try for more.
#[derive(Debug, Clone, Copy)]
pub struct Try {
    /// For no more than this, bit/s; `None` where what the way carries does not show.
    pub up_to: Option<u64>,
}

/// Two bridged legs.
#[derive(Debug)]
pub struct Node {
    clock: Clock,
    /// One for each page.
    pub legs: [MediaLeg; 2],
    /// The page at this side should try for more.
    tries: [Option<Try>; 2],
    buffer: Box<[u8; MAX_PACKET]>,
}

impl Node {
    /// Legs that are warm at `now`, with the round trips that their handshakes showed.
    pub fn new(clock: Clock, now: Time, rtts: [Duration; 2], seed: u64) -> Self {
        let at = clock.instant(now);
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + now.elapsed();
        let leg = |side: usize| {
            let setup = MediaSetup {
                negotiated: wire::negotiated(),
                ssrcs: wire::NODE,
                cname: "node".into(),
                seed: seed.wrapping_mul(2).wrapping_add(side as u64),
            };
            let mut leg = MediaLeg::new(setup, at, wall);
            leg.seed_rtt(rtts[side]);
            leg
        };
        Self { clock, legs: [leg(0), leg(1)], tries: [None; 2], buffer: Box::new([0; MAX_PACKET]) }
    }

    /// Joins the legs.
    pub fn bridge(&mut self, now: Time) {
        let at = self.clock.instant(now);
        for leg in &mut self.legs {
            leg.start_forwarding(at);
        }
    }

    /// Takes a packet from the page at `side`.
    pub fn receive(&mut self, now: Time, side: usize, kind: Sends, packet: &[u8]) {
        let now = self.clock.instant(now);
        match kind {
            Sends::Rtp => {
                if let Some(incoming) = self.legs[side].receive_rtp(now, packet) {
                    let onward = self.legs[side].onward(now, &incoming);
                    if onward == Onward::Go {
                        self.legs[1 - side].forward(now, &incoming, packet);
                    } else {
                        self.legs[side].keep(now, &incoming, packet);
                    }
                    if onward == Onward::GoWithKept {
                        for (incoming, packet) in self.legs[side].take_kept(now).packets() {
                            self.legs[1 - side].forward(now, incoming, packet);
                        }
                    }
                    self.exchange(now, 1 - side);
                }
            }
            Sends::Rtcp => {
                self.legs[side].receive_rtcp(now, packet);
                self.exchange(now, side);
            }
        }
    }

    /// Carries what the viewer at `side` wants to its publisher.
    fn exchange(&mut self, now: Instant, side: usize) {
        while let Some(event) = self.legs[side].poll_event() {
            if let MediaEvent::Room { up_to } = event {
                self.tries[side] = Some(Try { up_to });
            }
        }
        if let Some(feedback) = self.legs[side].take_feedback(now) {
            self.legs[1 - side].apply_feedback(now, feedback);
        }
    }

    /// Whether the page at `side` should try for more, since this was asked last.
    pub fn take_try(&mut self, side: usize) -> Option<Try> {
        self.tries[side].take()
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub fn next_timeout(&self, now: Time) -> Time {
        let due = self.legs.iter().filter_map(MediaLeg::next_timeout).min();
        due.map_or(Time::NEVER, |due| self.clock.time(due).max(now + GRANULARITY))
    }

    /// Does what is due. Drain [`Self::poll`] afterwards.
    pub fn handle_timeout(&mut self, now: Time) {
        let now = self.clock.instant(now);
        for side in [0, 1] {
            if self.legs[side].next_timeout().is_some_and(|due| due <= now) {
                self.legs[side].handle_timeout(now);
                self.exchange(now, side);
            }
        }
    }

    /// The next packet for the page at `side`.
    pub fn poll(&mut self, now: Time, side: usize) -> Option<(Sends, &[u8])> {
        let outgoing =
            self.legs[side].poll_packet(self.clock.instant(now), &mut self.buffer[..])?;
        let (kind, len) = match outgoing {
            Outgoing::Rtp(len) => (Sends::Rtp, len),
            Outgoing::Rtcp(len) => (Sends::Rtcp, len),
        };
        Some((kind, &self.buffer[..len]))
    }
}
