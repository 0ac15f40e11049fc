//! What strangers send to a media port.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    thread::sleep,
    time::{Duration, Instant},
};

use rand::{Rng, RngCore, SeedableRng, rngs::SmallRng};
use signaling_wire::browser::Role;

use crate::tap::{Class, Taps};

/// Datagrams between two breaths: the point is what they say, not how many they are.
const BURST: usize = 20;
const BREATH: Duration = Duration::from_millis(2);
/// A node lets eight datagrams wait for a leg's DTLS, and looks at its socket after two milliseconds at the latest.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a thief waits for what is not theirs.
const THEFT: Duration = Duration::from_secs(2);
const SEED: u64 = 2;

/// Sends with breaths.
struct Sender<'a> {
    send: &'a dyn Fn(&[u8]),
    sent: usize,
}

impl<'a> Sender<'a> {
    fn new(send: &'a dyn Fn(&[u8])) -> Self {
        Self { send, sent: 0 }
    }

    fn say(&mut self, datagram: &[u8]) {
        (self.send)(datagram);
        self.sent += 1;
        if self.sent.is_multiple_of(BURST) {
            sleep(BREATH);
        }
    }

    /// What has been said is looked at before the next is.
    fn pause(&self) {
        sleep(PAUSE);
    }
}

/// Everything, in a stranger's name and in each leg's own, to the node of each leg.
pub(crate) fn attack(taps: &Taps) {
    for side in [Role::Shopper, Role::Agent] {
        let node = taps.node(side);
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let as_stranger = |datagram: &[u8]| {
            stranger.send_to(datagram, node).unwrap();
        };
        let as_leg = |datagram: &[u8]| taps.inject(side, datagram);
        let checks = taps.captured(side, Class::Stun);
        for send in [&as_stranger as &dyn Fn(&[u8]), &as_leg] {
            let mut sender = Sender::new(send);
            noise(&mut sender);
            forged_checks(&mut sender, &checks);
            forged_dtls(&mut sender);
            for class in Class::ALL {
                let captured = taps.captured(side, class);
                truncated(&mut sender, &captured);
                changed(&mut sender, &captured);
                replayed(&mut sender, &captured);
            }
        }
    }
}

/// Says again, from elsewhere, every check that the leg of `side` has said, and counts what the
/// node then sends there that is not an answer to a check.
pub(crate) fn steal(taps: &Taps, side: Role) -> usize {
    let thief = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    thief.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let node: SocketAddr = taps.node(side);
    for check in taps.captured(side, Class::Stun) {
        thief.send_to(&check, node).unwrap();
    }
    let mut stolen = 0;
    let mut buffer = [0; 2_048];
    let end = Instant::now() + THEFT;
    while Instant::now() < end {
        if let Ok((len, _)) = thief.recv_from(&mut buffer)
            && buffer[..len].first().is_some_and(|first| *first > 3)
        {
            stolen += 1;
        }
    }
    stolen
}

/// Random bytes, also behind first bytes of every protocol.
fn noise(sender: &mut Sender<'_>) {
    let mut rng = SmallRng::seed_from_u64(SEED);
    for round in 0..1_000usize {
        let mut datagram = vec![0; rng.random_range(0..1_400)];
        rng.fill_bytes(&mut datagram);
        if let Some(first) = datagram.first_mut()
            && round.is_multiple_of(2)
        {
            *first = [0, 1, 20, 22, 23, 25, 128, 144][round / 2 % 8];
        }
        sender.say(&datagram);
    }
}

/// Every beginning of a good datagram.
fn truncated(sender: &mut Sender<'_>, captured: &[Vec<u8>]) {
    for datagram in captured.iter().take(2) {
        for len in 0..datagram.len() {
            sender.say(&datagram[..len]);
        }
    }
}

/// Good datagrams with one bit changed.
fn changed(sender: &mut Sender<'_>, captured: &[Vec<u8>]) {
    let mut rng = SmallRng::seed_from_u64(SEED);
    for datagram in captured {
        let mut datagram = datagram.clone();
        let at = rng.random_range(0..datagram.len());
        datagram[at] ^= 1 << rng.random_range(0..8);
        sender.say(&datagram);
    }
}

fn replayed(sender: &mut Sender<'_>, captured: &[Vec<u8>]) {
    for datagram in captured.iter().chain(captured) {
        sender.say(datagram);
    }
}

/// STUN attribute types (RFC 8489 §18.3).
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const FINGERPRINT: u16 = 0x8028;
const STUN_HEADER: usize = 20;

/// Good checks with another user name fragment, and with another password, each with a correct
/// fingerprint; after the latter a handshake, as if the check had opened the door.
fn forged_checks(sender: &mut Sender<'_>, checks: &[Vec<u8>]) {
    for check in checks {
        for (attribute, range) in [(USERNAME, 0..4), (MESSAGE_INTEGRITY, 0..20)] {
            let mut forged = check.clone();
            let Some(value) = find(&forged, attribute) else { continue };
            for byte in &mut forged[value..][range] {
                // Another letter or digit is still a well-formed user name.
                *byte = if *byte == b'x' { b'y' } else { b'x' };
            }
            seal(&mut forged);
            sender.say(&forged);
            sender.say(&client_hello(&NULL_CIPHER));
        }
    }
}

/// Where the value of an attribute begins.
fn find(message: &[u8], wanted: u16) -> Option<usize> {
    let mut at = STUN_HEADER;
    while let Some(header) = message.get(at..at + 4) {
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if kind == wanted {
            return Some(at + 4);
        }
        at += 4 + len.next_multiple_of(4);
    }
    None
}

/// Makes the fingerprint right again.
fn seal(message: &mut [u8]) {
    if let Some(value) = find(message, FINGERPRINT) {
        let sum = rtc::stun::fingerprint::fingerprint_value(&message[..value - 4]);
        message[value..value + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

/// TLS_RSA_WITH_NULL_SHA256 and TLS_NULL_WITH_NULL_NULL.
const NULL_CIPHER: [u8; 4] = [0x00, 0x3b, 0x00, 0x00];
/// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.
const GOOD_CIPHER: [u8; 2] = [0xc0, 0x2b];

/// Handshakes nobody asked for, and ends of handshakes nobody had.
fn forged_dtls(sender: &mut Sender<'_>) {
    for _ in 0..20 {
        sender.say(&client_hello(&NULL_CIPHER));
        sender.say(&client_hello(&GOOD_CIPHER));
        // ServerHello, HelloVerifyRequest, Certificate, Finished: of nobody's handshake, empty.
        for kind in [2, 3, 11, 20] {
            sender.say(&handshake(kind, &[]));
        }
        sender.pause();
        sender.say(&record(ALERT, &[2, 40]));
        sender.say(&record(ALERT, &[1, 0]));
        sender.say(&record(CHANGE_CIPHER_SPEC, &[1]));
        sender.say(&record(HANDSHAKE, &[]));
        sender.pause();
    }
}

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// A DTLS 1.2 record in clear (RFC 6347 §4.1).
fn record(content: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9];
    record.extend_from_slice(&(body.len() as u16).to_be_bytes());
    record.extend_from_slice(body);
    record
}

/// A whole handshake message in one record (RFC 6347 §4.2.2).
fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = &(body.len() as u32).to_be_bytes()[1..];
    record(HANDSHAKE, &[&[kind], len, &[0, 0], &[0, 0, 0], len, body].concat())
}

fn client_hello(ciphers: &[u8]) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[0x5a; 32]);
    // No session, no cookie.
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&(ciphers.len() as u16).to_be_bytes());
    body.extend_from_slice(ciphers);
    // No compression.
    body.extend_from_slice(&[1, 0]);
    handshake(1, &body)
}
