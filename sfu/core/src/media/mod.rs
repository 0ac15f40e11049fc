//! The media half of a leg: everything between decrypted and not yet encrypted packets.
//!
//! A [`MediaLeg`] is publisher and viewer in one. As a publisher's leg it takes the peer's packets
//! apart ([`MediaLeg::receive_rtp`]) and asks for what is missing; as a viewer's leg it sends the
//! other side's media on ([`MediaLeg::forward`]) and repairs what the peer did not get. Whoever
//! owns two legs of a call moves [`Incoming`] and [`Feedback`] between them:
//!
//! ```text
//! publisher ── receive_rtp ──► Incoming ──► forward ── viewer
//! publisher ◄── apply_feedback ◄── Feedback ◄── take_feedback ── viewer
//! ```

use std::time::{Duration, Instant, SystemTime};

use crate::{
    api::{MediaKind, Quality},
    sdp::{LocalSsrcs, Negotiated},
};

/// Largest plaintext RTP or RTCP packet that is taken or made, in bytes. An Ethernet frame less
/// IPv6, UDP and the SRTP tag; browsers stay below 1,250.
pub const MAX_PACKET: usize = 1_420;

/// How a leg's media half is set up.
#[derive(Debug, Clone)]
pub struct MediaSetup {
    /// The agreed session.
    pub negotiated: Negotiated,
    /// Our SSRCs, as in the answer.
    pub ssrcs: LocalSsrcs,
    /// Our RTCP canonical name, as in the answer.
    pub cname: String,
    /// Random: first sequence numbers and timestamps come from it.
    pub seed: u64,
}

/// A publisher's packet, taken apart. Goes to the viewer's leg with the bytes it was read from.
#[derive(Debug, Clone)]
pub struct Incoming {
    kind: MediaKind,
}

impl Incoming {
    /// Audio or video.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }
}

/// What a viewer's leg wants from the publisher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// A key frame, as soon as the publisher's leg may ask for one.
    pub key_frame: bool,
    /// The publisher should send no more than this, in bit/s.
    pub max_bitrate: Option<u64>,
}

/// A packet to protect and send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing {
    /// An RTP packet of this many bytes.
    Rtp(usize),
    /// An RTCP packet of this many bytes.
    Rtcp(usize),
}

/// Something worth telling about the stream that is forwarded *to* this leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaEvent {
    /// The first packet of a kind since [`MediaLeg::start_forwarding`] was forwarded.
    FirstPacket(MediaKind),
    /// The first complete key frame since [`MediaLeg::start_forwarding`] was forwarded.
    FirstKeyFrame,
}

/// The media half of one leg.
#[derive(Debug)]
pub struct MediaLeg {
    _p: (),
}

#[allow(unused_variables)]
impl MediaLeg {
    /// A leg's media half. `now` and `wall` are the same moment on both clocks.
    pub fn new(setup: MediaSetup, now: Instant, wall: SystemTime) -> Self {
        unreachable!()
    }

    /// Takes a new agreement on the same streams (ICE restart, changed directions).
    pub fn renegotiate(&mut self, negotiated: Negotiated) {
        unreachable!()
    }

    /// Tells a round trip measured elsewhere (ICE, DTLS), used until RTCP has one.
    pub fn seed_rtt(&mut self, rtt: Duration) {}

    /// Takes a decrypted RTP packet from the peer. `None` when there is nothing to forward: it was
    /// a duplicate, a probe, or dropped and counted.
    pub fn receive_rtp(&mut self, now: Instant, packet: &[u8]) -> Option<Incoming> {
        None
    }

    /// Takes a decrypted RTCP packet, compound or reduced-size, from the peer.
    pub fn receive_rtcp(&mut self, now: Instant, packet: &[u8]) {}

    /// From now on packets given to [`Self::forward`] go to the peer. Call it at the bridge once
    /// the peer can receive (SRTP keys are there); again when the publisher changes: the peer's
    /// streams go on without a gap.
    pub fn start_forwarding(&mut self, now: Instant) {}

    /// Nothing is forwarded any more. What is queued is still sent.
    pub fn stop_forwarding(&mut self, now: Instant) {}

    /// Queues a packet of the other leg for our peer. `packet` is what the other leg's
    /// [`Self::receive_rtp`] was given.
    pub fn forward(&mut self, now: Instant, incoming: &Incoming, packet: &[u8]) {}

    /// What the publisher's leg should do, if there is anything new. Ask after each input.
    pub fn take_feedback(&mut self, now: Instant) -> Option<Feedback> {
        None
    }

    /// Applies what the viewer's leg wants.
    pub fn apply_feedback(&mut self, now: Instant, feedback: Feedback) {}

    /// The next event.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        None
    }

    /// Writes the next packet to send into `out`, which holds at least [`MAX_PACKET`] bytes.
    pub fn poll_packet(&mut self, now: Instant, out: &mut [u8]) -> Option<Outgoing> {
        None
    }

    /// When to call [`Self::handle_timeout`] next.
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due; packets may be ready afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {}

    /// Quality since the last call of this.
    pub fn take_quality(&mut self, now: Instant) -> Quality {
        Quality::default()
    }
}
