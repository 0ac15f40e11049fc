//! Offers in, answers out.
//!
//! [`Offer::parse`] turns a page's SDP into typed, bounded values; [`Offer::answer`] writes our
//! answer and the [`Negotiated`] session that both ends now agree on. Parsing the grammar is
//! `rtc-sdp`'s work; what the lines mean for a call is decided here.
//!
//! The shape of a session is fixed: at most one audio and one video section are served, bundled on
//! one ICE-lite, DTLS-active transport (RFC 8445, RFC 8842, RFC 9143). Every other section is
//! rejected in place.

mod answer;
mod attributes;
mod codec;
mod extension;
mod fingerprint;
mod negotiated;
mod offer;
mod section;
#[cfg(test)]
mod tests;

pub use self::{
    answer::LocalParameters,
    codec::{Codec, H264Profile, PacketizationMode},
    extension::{Extension, ExtensionMap},
    fingerprint::{Fingerprint, HashAlgorithm},
    negotiated::{
        Direction, IceCredentials, LocalSsrcs, Media, Negotiated, PayloadMapping, RemoteStream,
    },
    offer::{Offer, OfferError},
};
