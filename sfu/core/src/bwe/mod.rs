//! What the way to a peer can carry, estimated by the sender from transport-wide feedback.
//!
//! [`Estimator`] is told what is sent and the fate of every packet ([`PacketResult`]) and answers
//! with a bitrate. Its parts, each in a file:
//!
//! * `groups`, `trendline`: does the queueing delay grow?
//! * `queue`, `rivals`: how long is the queue, and is it ours?
//! * `aimd`: the rate that the delay allows.
//! * `loss`, `silence`: the rate that losses allow; telling congestion from a radio link, and from a way that
//!   was gone for a moment.
//! * `probe`, `burst`: short bursts that find out about more, and what they found.
//! * `ahead`: the same before a call begins.
//! * `wary`: a way that has taken back what it gave.
//! * `rate`: bytes in a sliding window.
//!
//! The algorithm is Google Congestion Control (draft-ietf-rmcat-gcc-02) as it is run in libwebrtc,
//! with what a call of exactly two makes possible: decision 0013.

mod ahead;
mod aimd;
mod burst;
mod estimator;
mod groups;
mod loss;
mod probe;
mod queue;
mod rate;
mod rivals;
mod silence;
#[cfg(test)]
mod tests;
mod trendline;
mod wary;

pub use self::{
    ahead::Ahead,
    estimator::{Estimator, Fate, MAX_BITRATE, MIN_BITRATE, PacketResult, START_BITRATE},
    probe::{Probe, ProbeId},
};
pub(crate) use self::{
    loss::LossLimit,
    queue::StandingQueue,
    rate::RateMeter,
    wary::{FULL_QUEUE, Wary},
};

/// Bits of a packet that carries as much as it may: 1,200 bytes, which pass everywhere.
pub(crate) const FULL_PACKET_BITS: f64 = 9_600.0;
