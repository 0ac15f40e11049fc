//! The media half of a leg: everything between decrypted and not yet encrypted packets.
//!
//! A [`MediaLeg`] is publisher and viewer in one. As a publisher's leg it takes the peer's packets
//! apart ([`MediaLeg::receive_rtp`]) and asks for what is missing; as a viewer's leg it sends the
//! other side's media on ([`MediaLeg::forward`]) and repeats what the peer did not get. Whoever
//! owns two legs of a call moves [`Incoming`] and [`Feedback`] between them:
//!
//! ```text
//! publisher's leg ── receive_rtp ──► Incoming ──► forward ── viewer's leg
//! publisher's leg ◄── apply_feedback ◄── Feedback ◄── take_feedback ── viewer's leg
//! ```
//!
//! A publisher whom nobody watches yet keeps the video since its last key frame
//! ([`MediaLeg::keep`]); the viewer's leg starts with it ([`MediaLeg::take_kept`]).
//!
//! A forwarded packet is written once, with the viewer's header, into the ring that also serves
//! repeats; only the transport-wide number and the send time are filled in when it leaves. Start
//! reading at `leg.rs`; `inbound.rs`, `outbound.rs`, `wishes.rs`, `control.rs` and `reports.rs` are its parts;
//! `opener.rs` makes the loss of the first packet show to the viewer, `head.rs` finds that of the publisher's.
//!
//! What waits to be sent is paced and bounded (decision 0014): `pacer.rs` says when a packet may
//! leave, `admission.rs` and `backlog.rs` which frames are dropped when too much waits, `numbering.rs`
//! how that leaves no gap, `padding.rs` fills probes, `scarcity.rs` pauses video where only audio fits.
//! What is lost is asked for by `missing.rs` and sent again by `repeats.rs`; `repair_time.rs` and
//! `patience.rs` let the viewer wait for what is repaired on the publisher's way (decision 0030), and
//! for no longer than pictures are late there (`lateness.rs`, decision 0061).
//!
//! A publisher's feedback is written by `arrivals.rs`, and passes over what its way loses by itself (`forgiven.rs`, decision
//! 0066); `brake.rs` holds it to what that way carries.
//!
//! Before a call `ahead.rs` asks what the way to the peer carries (decision 0064).
//!
//! `glance.rs` fetches what the packets of a batch need before they are taken.

mod admission;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod agreed;
mod ahead;
mod arrivals;
mod asks;
mod backlog;
mod brake;
pub(crate) mod cache;
mod clock;
mod control;
mod counters;
mod dispersion;
mod fall;
mod forgiven;
mod glance;
mod head;
mod header;
mod held_up;
mod inbound;
mod incoming;
mod kept;
mod key_progress;
mod lateness;
mod leg;
mod missing;
mod numbering;
mod opener;
mod outbound;
mod pacer;
mod padding;
mod patience;
mod quality;
mod receive;
mod red;
pub mod relay;
mod repair_time;
mod repeats;
mod reports;
mod room;
mod scarcity;
mod send;
mod sent;
#[cfg(test)]
mod tests;
mod uptake;
mod wishes;

pub(crate) use self::glance::Run;
pub use self::{counters::Counters, head::Onward, incoming::Incoming, kept::Kept, leg::MediaLeg};
use crate::{
    api::{MediaKind, VideoState},
    sdp::{LocalSsrcs, Negotiated},
};

/// Largest plaintext RTP or RTCP packet that is taken or made, in bytes: an Ethernet frame less
/// IPv6, UDP and an SRTP tag, rounded down. Browsers stay below 1,250.
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

/// What a viewer's leg wants from the publisher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// A key frame, as soon as the publisher's leg may ask for one.
    pub key_frame: bool,
    /// The publisher should send no more than this, in bit/s.
    pub max_bitrate: Option<u64>,
}

/// A packet to protect and send, and its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing {
    /// An RTP packet.
    Rtp(usize),
    /// An RTCP packet, compound or reduced-size (RFC 5506).
    Rtcp(usize),
}

/// Something worth telling about a leg: what is forwarded *to* it, if nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaEvent {
    /// The first packet of a kind since [`MediaLeg::start_forwarding`] was forwarded.
    FirstPacket(MediaKind),
    /// The first complete key frame since [`MediaLeg::start_forwarding`] was sent.
    FirstKeyFrame,
    /// Video was paused or flows again.
    Video(VideoState),
    /// The peer's way to the node may carry more than the peer has found out: it should try.
    Room {
        /// No more than this, bit/s; `None` where what the way carries does not show.
        up_to: Option<u64>,
    },
}
