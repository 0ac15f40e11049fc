//! What a packet is, as far as somebody on the way can tell: for losing exactly that one.

use anyhow::{Error, bail};
use std::str::FromStr;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// RFC 8489 section 5.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Speech stays below this many bytes of UDP payload, a picture's packets mostly do not.
const LARGE: usize = 600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A binding request: a connectivity check.
    StunRequest,
    StunResponse,
    /// Any DTLS record, of any version.
    Dtls,
    DtlsClientHello,
    DtlsServerHello,
    /// Any RTP packet.
    Rtp,
    /// An RTP packet too large for speech: of a picture.
    RtpLarge,
    /// A TCP segment that carries something.
    TcpData,
}

impl FromStr for Class {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Ok(match name {
            "stun-request" => Self::StunRequest,
            "stun-response" => Self::StunResponse,
            "dtls" => Self::Dtls,
            "dtls-client-hello" => Self::DtlsClientHello,
            "dtls-server-hello" => Self::DtlsServerHello,
            "rtp" => Self::Rtp,
            "rtp-large" => Self::RtpLarge,
            "tcp-data" => Self::TcpData,
            _ => bail!("there is no class of packets {name:?}"),
        })
    }
}

impl Class {
    /// Whether an IPv4 packet is one of these.
    pub fn matches(self, packet: &[u8]) -> bool {
        match self {
            Self::TcpData => tcp_payload(packet).is_some_and(|bytes| bytes > 0),
            _ => udp_payload(packet).is_some_and(|payload| self.is(payload)),
        }
    }

    fn is(self, payload: &[u8]) -> bool {
        // Told apart by the first byte: RFC 7983, RFC 9443 for the rest.
        let first = payload.first().copied().unwrap_or(u8::MAX);
        let stun =
            |kind: [u8; 2]| payload.get(..2) == Some(&kind) && payload.get(4..8) == Some(&MAGIC_COOKIE);
        // The hellos are never encrypted: a handshake record (22), epoch 0, then the message's type.
        let hello = |kind: u8| first == 22 && payload.get(13) == Some(&kind);
        // RTCP shares the first byte; its types are 192 to 223 (RFC 5761 section 4).
        let rtp =
            || (128..192).contains(&first) && payload.get(1).is_some_and(|kind| !(192..224).contains(kind));
        match self {
            Self::StunRequest => stun([0x00, 0x01]),
            Self::StunResponse => stun([0x01, 0x01]),
            Self::Dtls => (20..64).contains(&first),
            Self::DtlsClientHello => hello(1),
            Self::DtlsServerHello => hello(2),
            Self::Rtp => rtp(),
            Self::RtpLarge => payload.len() >= LARGE && rtp(),
            Self::TcpData => false,
        }
    }
}

/// What follows the IP header, if the packet is of this protocol and no later fragment.
fn transport(packet: &[u8], protocol: u8) -> Option<&[u8]> {
    let header = usize::from(packet.first()? & 15) * 4;
    let offset = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    (packet.get(9) == Some(&protocol) && offset == 0).then(|| packet.get(header..total.min(packet.len())))?
}

/// What a UDP datagram carries.
pub fn udp_payload(packet: &[u8]) -> Option<&[u8]> {
    transport(packet, UDP)?.get(8..)
}

/// How many bytes a TCP segment carries.
pub fn tcp_payload(packet: &[u8]) -> Option<usize> {
    let segment = transport(packet, TCP)?;
    segment.len().checked_sub(usize::from(segment.get(12)? >> 4) * 4)
}

/// A packet that will be lost: the `nth` of a class from now on.
#[derive(Debug)]
pub struct Drop {
    class: Class,
    left: u32,
}

impl Drop {
    pub fn nth(class: Class, nth: u32) -> Self {
        Self { class, left: nth.max(1) }
    }

    /// Counts a packet; true for the one to lose, after which this is of no more use.
    pub fn takes(&mut self, packet: &[u8]) -> bool {
        if self.left > 0 && self.class.matches(packet) {
            self.left -= 1;
            return self.left == 0;
        }
        false
    }

    /// Whether its packet came and was lost.
    pub fn done(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
