//! Peers against independent code and against each other.

use std::time::Instant;

use ::stun::crypto::providers::AwsLcRsCrypto;
use srtp::{config::Config, context::Context, protection_profile::ProtectionProfile};

use super::{
    Credentials, Happening, Peer,
    media::{Kind, PACKETS_PER_FRAME, Stamp, Stream},
    receive::{Header, Receiver},
    repair::{RoundTrip, name, named, ntp},
    sdp::Remote,
    srtp::{MATERIAL_LEN, Session},
    stun,
};

const MATERIAL: [u8; MATERIAL_LEN] = {
    let mut material = [0; MATERIAL_LEN];
    let mut i = 0;
    while i < MATERIAL_LEN {
        material[i] = i as u8 * 3;
        i += 1;
    }
    material
};

/// `rtc-srtp`'s view of the DTLS client's side: what it opens with.
fn independent() -> Context {
    let profile = ProtectionProfile::AeadAes128Gcm;
    let mut config = Config { profile, ..Config::default() };
    config.set_session_keys_from_keying_material(&MATERIAL, true).unwrap();
    let (key, salt) = (&config.keys.remote_master_key, &config.keys.remote_master_salt);
    Context::new(key, salt, profile, None, None, &AwsLcRsCrypto).unwrap()
}

#[test]
fn frames_are_what_they_say_and_open_elsewhere() {
    let server = Session::new(&MATERIAL, false);
    let mut elsewhere = independent();
    let mut stream = Stream::new(Kind::Video, 9, 70_000);
    let (mut sequence, mut run) = (65_534, Vec::new());
    let size = stream.frame(&server.local, &mut sequence, 1_234_567_890_123, &mut run);
    assert_eq!(run.len(), PACKETS_PER_FRAME * size);
    assert_eq!(sequence, 4, "transport-wide numbers go on over the wrap");
    for (number, packet) in run.chunks(size).enumerate() {
        let header = Header::read(packet).unwrap();
        let expected = 65_534u16.wrapping_add(number as u16);
        assert_eq!(header.transport_sequence, Some(expected));
        let plain = elsewhere.decrypt_rtp(packet).unwrap();
        let stamp = Stamp::read(&plain[header.len..]).unwrap();
        assert_eq!(stamp, Stamp { sent: 1_234_567_890_123, number: number as u32, leg: 9 });
        assert_eq!(plain[1] >> 7 == 1, number + 1 == PACKETS_PER_FRAME, "the marker ends a frame");
    }
}

#[test]
fn rtcp_opens_elsewhere() {
    let server = Session::new(&MATERIAL, false);
    let report = [&[0x80, 201, 0, 1][..], &[0, 0, 0, 7]].concat();
    let mut sealed = report.clone();
    server.local.seal_rtcp(&mut sealed, 5);
    assert_eq!(independent().decrypt_rtcp(&sealed).unwrap(), report[..]);
}

#[test]
fn what_one_end_seals_the_other_opens_and_nothing_else() {
    let (server, client) = (Session::new(&MATERIAL, false), Session::new(&MATERIAL, true));
    let mut stream = Stream::new(Kind::Audio, 1, 1_000);
    let mut receiver = Receiver::default();
    let mut sequence = 0;
    for at in 0..200_000 {
        let mut packet = Vec::new();
        stream.frame(&server.local, &mut sequence, at, &mut packet);
        let header = Header::read(&packet).unwrap();
        assert!(receiver.open(&client.remote, &header, &mut packet, at), "over three wraps");
    }
    let mut packet = Vec::new();
    stream.frame(&server.local, &mut sequence, 1, &mut packet);
    packet[40] ^= 1;
    let header = Header::read(&packet).unwrap();
    assert!(!receiver.open(&client.remote, &header, &mut packet, 1));
}

#[test]
fn feedback_covers_what_arrived_once() {
    let (server, client) = (Session::new(&MATERIAL, false), Session::new(&MATERIAL, true));
    let mut stream = Stream::new(Kind::Video, 1, 1_000);
    let mut receiver = Receiver::default();
    let (mut sequence, mut run) = (0, Vec::new());
    let size = stream.frame(&server.local, &mut sequence, 1, &mut run);
    for (number, packet) in run.chunks_mut(size).enumerate().filter(|(number, _)| *number != 2) {
        let header = Header::read(packet).unwrap();
        assert!(receiver.open(&client.remote, &header, packet, 64_000 + number as u64 * 500));
    }
    let mut feedback = Vec::new();
    assert!(receiver.feedback(7, &mut feedback));
    let message = sfu_core::rtcp::Messages::new(&feedback).next();
    let Some(Ok(sfu_core::rtcp::Message::TransportFeedback(feedback))) = message else {
        panic!("{message:?}");
    };
    let arrivals: Vec<_> = feedback.statuses().map(|status| status.arrival).collect();
    let expected = [0, 500, -1, 1_500, 2_000, 2_500];
    assert_eq!(arrivals, expected.map(|at| (at >= 0).then_some(64_000 + at)));
    assert!(!receiver.feedback(7, &mut Vec::new()), "nothing new");
}

#[test]
fn the_first_udp_candidate_is_taken() {
    let sdp = "a=ice-ufrag:u\r\na=ice-pwd:p\r\n\
               a=candidate:1 1 tcp 1 192.0.2.9 9 typ host tcptype passive\r\n\
               a=candidate:2 1 udp 2 192.0.2.1 50000 typ host\r\n";
    assert_eq!(Remote::parse(sdp).unwrap().address.to_string(), "192.0.2.1:50000");
    assert!(Remote::parse("a=ice-ufrag:u\r\n").is_none());
}

#[test]
fn a_check_is_answered_and_the_answer_understood() {
    let named = |name: &str| Credentials { ufrag: name.to_owned(), pwd: format!("{name:0>24}") };
    let (one, other) = (named("one"), named("other"));
    let from = "192.0.2.1:7".parse().unwrap();
    let stun::Received::Answer(answer) = stun::receive(&stun::check(&one, &other), from, &other)
    else {
        panic!("no answer");
    };
    assert!(matches!(stun::receive(&answer, from, &one), stun::Received::Answered));
}

#[test]
fn what_is_lost_is_asked_for_and_comes_again() {
    let from = "192.0.2.1:7".parse().unwrap();
    let mut one = Peer::keyed(1, Some(Session::new(&MATERIAL, false)));
    let mut other = Peer::keyed(2, Some(Session::new(&MATERIAL, true)));
    let happens = |peer: &mut Peer, at: u64, packet: &mut [u8], out: &mut Vec<Vec<u8>>| {
        peer.receive(Instant::now(), at, from, packet, out)
    };
    // The first frame begins a key frame; of the second, packets 7 and 8 are lost.
    for lost in [0..0, 1..3] {
        let mut run = Vec::new();
        let size = one.frame(Kind::Video, 1, &mut run).unwrap();
        for (_, packet) in run.chunks_mut(size).enumerate().filter(|(n, _)| !lost.contains(n)) {
            let happening = happens(&mut other, 1, packet, &mut Vec::new());
            assert!(matches!(happening, Happening::Media(_)), "{happening:?}");
        }
    }
    // Until it is known a round trip is a tenth of a second.
    let mut request = |at| other.ask(at);
    let asked = request(1_000_000).unwrap();
    assert!(request(100_999_999).is_none(), "the answer may be under way");
    let again = request(101_000_000).unwrap();

    let mut out = Vec::new();
    assert_eq!(happens(&mut one, 2_000_000, &mut asked.clone(), &mut out), Happening::Asked(2));
    let late = happens(&mut one, 101_999_999, &mut again.clone(), &mut out);
    assert_eq!(late, Happening::Asked(0), "they may be under way");
    assert_eq!(happens(&mut one, 102_000_000, &mut again.clone(), &mut out), Happening::Asked(2));
    let numbers: Vec<_> = out
        .iter_mut()
        .map(|packet| match happens(&mut other, 3, packet, &mut Vec::new()) {
            Happening::Media(stamp) => Some(stamp.number),
            Happening::Repair => None,
            happening => panic!("{happening:?}"),
        })
        .collect();
    assert_eq!(numbers, [Some(7), Some(8), None, None], "nobody lacks the second ones");
    assert!(!other.lacks());
}

#[test]
fn a_request_names_what_the_node_reads() {
    let missing = [65_530, 65_531, 10, 11, 300];
    let mut message = vec![0x81, 205, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8];
    name(&missing, &mut message);
    assert_eq!(message.len(), 12 + 3 * 4, "a pair reaches sixteen further");
    message[3] = 5;
    assert_eq!(named(&message[12..]).collect::<Vec<_>>(), missing);
    let message = sfu_core::rtcp::Messages::new(&message).next();
    let Some(Ok(sfu_core::rtcp::Message::Nack { lost, .. })) = message else {
        panic!("{message:?}");
    };
    assert_eq!(lost[..], missing);
}

#[test]
fn a_round_trip_is_what_a_report_says() {
    let mut round_trip = RoundTrip::default();
    let (seconds, fraction) = ntp(1_700_000_000_250_000_000);
    assert_eq!((seconds, fraction), (1_700_000_000 + 2_208_988_800u64 as u32, 1 << 30));
    let sent = seconds << 16 | fraction >> 16;
    let mut block = [0; 24];
    block[16..20].copy_from_slice(&sent.to_be_bytes());
    block[20..].copy_from_slice(&65_536u32.to_be_bytes());
    // A second at the other side, and half of one on the way.
    round_trip.take_blocks(&block, sent.wrapping_add(65_536 + 32_768));
    assert_eq!(round_trip.get(), 500_000);
}
