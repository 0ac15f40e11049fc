//! Writing an answer.

use std::net::SocketAddr;

use super::{Fingerprint, IceCredentials, LocalSsrcs};

/// What we put into an answer.
#[derive(Debug, Clone, Copy)]
pub struct LocalParameters<'a> {
    /// Our ICE credentials for this leg.
    pub ice: &'a IceCredentials,
    /// Our certificate.
    pub fingerprint: &'a Fingerprint,
    /// Addresses that reach us, best first.
    pub candidates: &'a [SocketAddr],
    /// Our streams' SSRCs; the same in every answer of one leg.
    pub ssrcs: LocalSsrcs,
    /// RTCP canonical name; no colon, space or line break.
    pub cname: &'a str,
    /// `sess-id` of the origin line; the same in every answer of one leg.
    pub session_id: u64,
    /// `sess-version` of the origin line; grows with every answer of one leg.
    pub session_version: u64,
}
