use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Association, Certificate, HANDSHAKE_TIMEOUT, Output, Profiles};
use crate::{
    api::{DtlsVersion, SrtpProfile},
    sdp::Fingerprint,
    srtp::KeyingMaterial,
    testing::{DtlsServer, OldDtlsServer, Versions},
};

const STEP: Duration = Duration::from_millis(10);

/// What an association has reported.
#[derive(Default)]
struct Seen {
    packets: Vec<Vec<u8>>,
    established: Option<(DtlsVersion, SrtpProfile, KeyingMaterial)>,
    failed: bool,
    peer_closed: bool,
}

fn drain(client: &mut Association, now: Instant, seen: &mut Seen) -> Instant {
    let mut buffer = [0; 2_048];
    loop {
        match client.poll(&mut buffer, now) {
            Output::Packet(len) => seen.packets.push(buffer[..len].to_vec()),
            Output::Established { version, profile, material } => {
                seen.established = Some((version, profile, material));
            }
            Output::Failed => seen.failed = true,
            Output::PeerClosed => seen.peer_closed = true,
            Output::Idle(at) => return at,
        }
    }
}

/// Runs both ends for `steps` round trips, without loss.
fn run(client: &mut Association, server: &mut DtlsServer, mut now: Instant, steps: u32) -> Seen {
    let mut seen = Seen::default();
    for _ in 0..steps {
        client.handle_timeout(now);
        drain(client, now, &mut seen);
        for packet in std::mem::take(&mut seen.packets) {
            server.handle(now, &packet);
        }
        for packet in server.poll(now) {
            client.handle_packet(now, &packet);
            drain(client, now, &mut seen);
        }
        now += STEP;
    }
    seen
}

fn pair(versions: Versions, now: Instant) -> (Association, DtlsServer, Certificate) {
    let server = DtlsServer::new(versions, now);
    let certificate = Certificate::generate();
    let client = connect(&certificate, Profiles::Gcm128, &server, now);
    (client, server, certificate)
}

fn connect(
    certificate: &Certificate,
    profiles: Profiles,
    server: &DtlsServer,
    now: Instant,
) -> Association {
    Association::connect(certificate, profiles, vec![server.fingerprint().clone()], now)
}

#[test]
fn agrees_with_servers_of_any_version() {
    for (versions, expected) in [
        (Versions::Only1_2, DtlsVersion::V1_2),
        (Versions::Only1_3, DtlsVersion::V1_3),
        (Versions::Both, DtlsVersion::V1_3),
    ] {
        let now = Instant::now();
        let (mut client, mut server, certificate) = pair(versions, now);
        let seen = run(&mut client, &mut server, now, 10);
        let (version, profile, material) = seen.established.expect("keys");
        assert_eq!(version, expected);
        let (server_profile, exported) = server.keys.expect("keys");
        assert_eq!(profile, server_profile);
        let exported = KeyingMaterial::new(profile, &exported).expect("the right length");
        assert!(material.same_as(&exported));
        let shown = server.client_certificate.expect("a client certificate");
        assert_eq!(&Fingerprint::sha256(shown), certificate.fingerprint());
        assert!(!seen.failed);
    }
}

#[test]
fn offers_one_profile_or_all() {
    let certificate = Certificate::generate();
    for (versions, cookie) in [
        (Versions::Only1_2, false),
        (Versions::Only1_2, true),
        (Versions::Only1_3, false),
        (Versions::Only1_3, true),
    ] {
        let agreed = |profiles| {
            let now = Instant::now();
            let mut server = DtlsServer::with_cookie(cookie, versions, now);
            let mut client = connect(&certificate, profiles, &server, now);
            let seen = run(&mut client, &mut server, now, 10);
            let (_, profile, _) = seen.established.expect("keys");
            profile
        };
        assert_eq!(agreed(Profiles::Gcm128), SrtpProfile::AeadAes128Gcm);
        // The server's first choice.
        assert_eq!(agreed(Profiles::All), SrtpProfile::AeadAes256Gcm);
    }
}

#[test]
fn server_without_gcm_needs_the_wider_offer() {
    let certificate = Certificate::generate();
    let meet = |profiles| {
        let mut now = Instant::now();
        let mut server = OldDtlsServer::new();
        let announced = vec![server.fingerprint().clone()];
        let mut client = Association::connect(&certificate, profiles, announced, now);
        let mut seen = Seen::default();
        while seen.established.is_none() && !seen.failed {
            client.handle_timeout(now);
            let due = drain(&mut client, now, &mut seen);
            let sent = std::mem::take(&mut seen.packets);
            now = if sent.is_empty() { due.max(now + STEP) } else { now + STEP };
            for reply in sent.iter().flat_map(|packet| server.handle(now, packet)) {
                client.handle_packet(now, &reply);
            }
        }
        seen
    };
    let narrow = meet(Profiles::Gcm128);
    assert!(narrow.failed && narrow.established.is_none());
    let (_, profile, _) = meet(Profiles::All).established.expect("keys");
    assert_eq!(profile, SrtpProfile::AesCm128HmacSha1_80);
}

#[test]
fn another_certificate_than_announced_fails() {
    for versions in [Versions::Only1_2, Versions::Only1_3] {
        let now = Instant::now();
        let mut server = DtlsServer::new(versions, now);
        let announced = vec![Fingerprint::sha256([7; 32])];
        let certificate = Certificate::generate();
        let mut client = Association::connect(&certificate, Profiles::Gcm128, announced, now);
        let seen = run(&mut client, &mut server, now, 10);
        assert!(seen.failed);
        assert!(seen.established.is_none());
    }
}

#[test]
fn a_lost_flight_is_repeated_soon() {
    let now = Instant::now();
    let (mut client, mut server, _) = pair(Versions::Both, now);
    let mut lost = Seen::default();
    client.handle_timeout(now);
    let again = drain(&mut client, now, &mut lost);
    assert_eq!(lost.packets.len(), 1, "the ClientHello");
    assert!(again - now < Duration::from_millis(200));
    let seen = run(&mut client, &mut server, again, 10);
    assert!(seen.established.is_some());
}

#[test]
fn without_an_answer_only_time_fails_it() {
    let start = Instant::now();
    let (mut client, _, _) = pair(Versions::Both, start);
    let mut seen = Seen::default();
    let mut now = start;
    while !seen.failed {
        assert!(now - start <= HANDSHAKE_TIMEOUT + STEP);
        client.handle_timeout(now);
        // A fatal handshake_failure alert that anyone could have sent.
        let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40];
        assert!(!client.handle_packet(now, &alert));
        now = drain(&mut client, now, &mut seen).max(now + STEP);
    }
    assert!(now - start >= HANDSHAKE_TIMEOUT / 2);
}

#[test]
fn close_notify_travels_both_ways() {
    for versions in [Versions::Only1_2, Versions::Only1_3] {
        let now = Instant::now();
        let (mut client, mut server, _) = pair(versions, now);
        run(&mut client, &mut server, now, 10);
        let later = now + Duration::from_secs(1);
        server.close();
        let seen = run(&mut client, &mut server, later, 2);
        assert!(seen.peer_closed);

        let (mut client, mut server, _) = pair(versions, now);
        run(&mut client, &mut server, now, 10);
        client.close();
        run(&mut client, &mut server, later, 2);
        assert!(server.closed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn junk_before_during_and_after_does_not_end_it(
        junk in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..20),
        first in 20..64_u8,
    ) {
        let now = Instant::now();
        let (mut client, mut server, _) = pair(Versions::Both, now);
        let mut seen = Seen::default();
        let mut spoil = |client: &mut Association, now| {
            for datagram in &junk {
                let mut datagram = datagram.clone();
                if let Some(byte) = datagram.first_mut() {
                    *byte = first;
                }
                client.handle_packet(now, &datagram);
                drain(client, now, &mut seen);
            }
            prop_assert!(!seen.failed && !seen.peer_closed);
            Ok(())
        };
        spoil(&mut client, now)?;
        let established = run(&mut client, &mut server, now, 1);
        spoil(&mut client, now + STEP)?;
        let later = run(&mut client, &mut server, now + 2 * STEP, 60);
        prop_assert!(established.established.or(later.established).is_some());
        spoil(&mut client, now + Duration::from_secs(2))?;
    }
}
