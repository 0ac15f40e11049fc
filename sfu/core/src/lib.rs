//! The media core of a Vitrine node, without sockets, clock or threads.
//!
//! A [`Core`] owns the legs and calls of one worker. The shell feeds it and drains it:
//!
//! * in: [`Core::handle_datagram`], [`Core::handle_frame`] for TCP, [`Core::handle_command`],
//!   [`Core::handle_timeout`], each with the time as an argument;
//! * out, after every input, until empty: [`Core::poll_transmit`] or [`Core::transmit_into`],
//!   [`Core::poll_event`]; then
//!   [`Core::next_timeout`] says when to come back.
//!
//! The way of a packet: datagram → leg by source address → class by first byte (RFC 7983) → SRTP
//! opened in place → arrival noted for TWCC → header rewritten in place for the other leg → SRTP
//! sealed in place → transmit queue.
//!
//! Start reading at [`api`] for the values, then at [`Core`].

pub mod api;
pub mod bwe;
mod core;
mod dtls;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod ice;
mod leg;
pub mod media;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod srtp;
pub mod tcp;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use self::{
    core::{Core, CoreStats, Drops, ReleasedLeg, Traffic},
    dtls::Certificate,
    media::{
        Counters,
        relay::{self, RelayCounters},
    },
};
