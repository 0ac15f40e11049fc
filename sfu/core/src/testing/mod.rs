//! The other end of a leg, made for tests from independent parts: `dimpl` as the DTLS server,
//! `rtc-stun` as the checking ICE agent, `rtc-srtp` for media.

mod dtls_server;
mod peer;

pub(crate) use self::{
    dtls_server::{DtlsServer, Versions},
    peer::{Peer, key_frame, rtp_packet},
};
