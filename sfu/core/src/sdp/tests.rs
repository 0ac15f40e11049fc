use super::*;
use crate::rtp::{PayloadType, Ssrc};

const CHROMIUM: &str = include_str!("fixtures/chromium-156.sdp");

fn answer(text: &str) -> (String, Negotiated) {
    let offer = Offer::parse(text).unwrap();
    let ice = IceCredentials { ufrag: "abcd".into(), pwd: "a".repeat(24) };
    offer.answer(&LocalParameters {
        ice: &ice,
        fingerprint: &Fingerprint::sha256([7; 32]),
        candidates: &["192.0.2.1:5000".parse().unwrap(), "[2001:db8::1]:5000".parse().unwrap()],
        ssrcs: LocalSsrcs { audio: Ssrc(1), video: Ssrc(2), video_rtx: Ssrc(3) },
        cname: "node",
        session_id: 42,
        session_version: 1,
    })
}

#[test]
fn t() {
    let (text, negotiated) = answer(CHROMIUM);
    println!("{text}");
    println!("{negotiated:#?}");
    assert_eq!(negotiated.video.unwrap().payloads[0].payload_type, PayloadType(96));
}
