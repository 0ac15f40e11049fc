//! Legs as they are agreed with browsers, for tests and the fuzzer.

use std::time::{Duration, Instant, SystemTime};

use super::{MediaLeg, MediaSetup};
use crate::{
    rtp::Ssrc,
    sdp::{Fingerprint, IceCredentials, LocalParameters, LocalSsrcs, Negotiated, Offer},
};

pub(crate) const CHROMIUM: &str = include_str!("../sdp/fixtures/chromium-156.sdp");
pub(crate) const FIREFOX: &str = include_str!("../sdp/fixtures/firefox-esr.sdp");

/// Our streams.
pub(crate) const NODE: LocalSsrcs =
    LocalSsrcs { audio: Ssrc(11), video: Ssrc(22), video_rtx: Ssrc(33) };

/// What is agreed on an offer.
pub(crate) fn negotiated(offer: &str) -> Negotiated {
    let ice = IceCredentials { ufrag: "abcd".into(), pwd: "a".repeat(24) };
    let local = LocalParameters {
        ice: &ice,
        fingerprint: &Fingerprint::sha256([7; 32]),
        candidates: &["192.0.2.1:5000".parse().expect("an address")],
        tcp_candidates: &[],
        ssrcs: NODE,
        cname: "node",
        session_id: 1,
        session_version: 1,
    };
    Offer::parse(offer).expect("an offer").answer(&local).1
}

/// A leg with streams of ours.
pub(crate) fn leg_of(negotiated: Negotiated, ssrcs: LocalSsrcs, now: Instant) -> MediaLeg {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_007);
    MediaLeg::new(MediaSetup { negotiated, ssrcs, cname: "node".into(), seed: 7 }, now, wall)
}

/// A request for packets of the stream `media`: the first, and those after it that `mask` has bits for.
pub(crate) fn nack(media: u32, first: u16, mask: u16) -> Vec<u8> {
    let mut packet = vec![0x81, 205, 0, 3, 0, 0, 0, 1];
    packet.extend(media.to_be_bytes());
    packet.extend(first.to_be_bytes());
    packet.extend(mask.to_be_bytes());
    packet
}
