//! The other end of a leg, made for tests from independent parts: `dimpl` (or `rtc-dtls`) as the
//! DTLS server, `rtc-stun` as the checking ICE agent, `rtc-srtp` for media. [`Calls`], [`Outbox`],
//! [`Protection`] and [`Repair`] are for benches.
#![cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "benches need less of it than tests")
)]

mod calls;
mod dtls_server;
#[cfg(test)]
mod old_dtls_server;
mod outbox;
mod peer;
mod protection;
mod repair;

#[cfg(test)]
pub(crate) use self::old_dtls_server::OldDtlsServer;
pub use self::{
    calls::{Calls, Carried},
    outbox::Outbox,
    protection::Protection,
    repair::Repair,
};
pub(crate) use self::{
    dtls_server::{DtlsServer, Versions},
    peer::{Peer, key_frame, rtp_packet},
};
