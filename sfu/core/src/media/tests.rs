//! Two legs in memory: what a publisher sends comes out for the viewer.

use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::{
    rtp::{Header, Ssrc},
    sdp::{Fingerprint, IceCredentials, LocalParameters, Offer},
};

const CHROMIUM: &str = include_str!("../sdp/fixtures/chromium-156.sdp");
const FIREFOX: &str = include_str!("../sdp/fixtures/firefox-esr.sdp");

pub(super) fn negotiated(offer: &str) -> Negotiated {
    let ice = IceCredentials { ufrag: "abcd".into(), pwd: "a".repeat(24) };
    let local = LocalParameters {
        ice: &ice,
        fingerprint: &Fingerprint::sha256([7; 32]),
        candidates: &["192.0.2.1:5000".parse().unwrap()],
        ssrcs: ssrcs(),
        cname: "node",
        session_id: 1,
        session_version: 1,
    };
    Offer::parse(offer).unwrap().answer(&local).1
}

pub(super) fn ssrcs() -> LocalSsrcs {
    LocalSsrcs { audio: Ssrc(11), video: Ssrc(22), video_rtx: Ssrc(33) }
}

pub(super) fn leg(offer: &str, now: Instant) -> MediaLeg {
    let setup = MediaSetup {
        negotiated: negotiated(offer),
        ssrcs: ssrcs(),
        cname: "node".into(),
        seed: 7,
    };
    MediaLeg::new(setup, now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

#[test]
fn video_begins_at_a_key_frame_and_goes_out_with_the_viewers_numbers() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let mut viewer = leg(FIREFOX, now);
    viewer.start_forwarding(now);
    let ssrc = publisher.negotiated.video.as_ref().unwrap().remote.unwrap().ssrc;
    let vp8 = |sequence: u16, key: bool, marker: bool| {
        let mut packet = vec![0x80, 96 | u8::from(marker) << 7];
        packet.extend(sequence.to_be_bytes());
        packet.extend(3_000u32.to_be_bytes());
        packet.extend(ssrc.0.to_be_bytes());
        packet.extend([0x10, u8::from(!key), 1, 2, 3]);
        packet
    };
    let mut out = [0; MAX_PACKET];
    for (sequence, key, marker) in [(1, false, true), (2, true, true), (3, false, true)] {
        let packet = vp8(sequence, key, marker);
        let incoming = publisher.receive_rtp(now, &packet).unwrap();
        viewer.forward(now, &incoming, &packet);
    }
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstPacket(MediaKind::Video)));
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstKeyFrame));
    let feedback = viewer.take_feedback(now).unwrap();
    assert!(feedback.max_bitrate.is_some());
    publisher.apply_feedback(now, feedback);
    let Some(Outgoing::Rtp(len)) = viewer.poll_packet(now, &mut out) else { panic!() };
    let first = Header::parse(&out[..len]).unwrap();
    assert_eq!(first.payload_type.0, 120);
    assert_eq!(first.ssrc, Ssrc(22));
    let Some(Outgoing::Rtp(len)) = viewer.poll_packet(now, &mut out) else { panic!() };
    let second = Header::parse(&out[..len]).unwrap();
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    assert_eq!(viewer.poll_packet(now, &mut out), None);
    assert_eq!(publisher.poll_packet(now, &mut out).map(|_| ()), Some(()));
}
