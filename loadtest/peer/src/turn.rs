//! As much of TURN (RFC 8656) as a client of a relay without authentication needs.

use std::net::{Ipv4Addr, SocketAddr};

use rand::Rng;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER_LEN: usize = 20;
const ALLOCATE: u16 = 0x0003;
const CHANNEL_BIND: u16 = 0x0009;
/// Class bits of a success response.
const SUCCESS: u16 = 0x0100;
const CHANNEL_NUMBER: u16 = 0x000c;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const XOR_RELAYED_ADDRESS: u16 = 0x0016;
const REQUESTED_TRANSPORT: u16 = 0x0019;
/// UDP, as in IP's protocol field.
const UDP: [u8; 4] = [17, 0, 0, 0];
/// The one channel of an allocation.
pub const CHANNEL: [u8; 2] = [0x40, 0x00];
/// Channel number and length before the data.
pub const CHANNEL_HEADER_LEN: usize = 4;

fn request(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = vec![0; HEADER_LEN];
    message[..2].copy_from_slice(&kind.to_be_bytes());
    message[4..8].copy_from_slice(&COOKIE);
    rand::rng().fill(&mut message[8..HEADER_LEN]);
    for (kind, value) in attributes {
        // Every value we send is a multiple of four bytes.
        message.extend(kind.to_be_bytes());
        message.extend((value.len() as u16).to_be_bytes());
        message.extend_from_slice(value);
    }
    let len = (message.len() - HEADER_LEN) as u16;
    message[2..4].copy_from_slice(&len.to_be_bytes());
    message
}

/// Asks for a relayed address.
pub fn allocate() -> Vec<u8> {
    request(ALLOCATE, &[(REQUESTED_TRANSPORT, &UDP)])
}

/// Binds the channel to a peer, which gives it permission as well.
pub fn bind_channel(peer: SocketAddr) -> Vec<u8> {
    let [high, low] = CHANNEL;
    let address = xor_address(peer);
    request(CHANNEL_BIND, &[(CHANNEL_NUMBER, &[high, low, 0, 0]), (XOR_PEER_ADDRESS, &address)])
}

fn xor_address(address: SocketAddr) -> Vec<u8> {
    let port = address.port() ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]]);
    let mut value = vec![0, 1];
    value.extend(port.to_be_bytes());
    if let std::net::IpAddr::V4(ip) = address.ip() {
        value.extend(ip.octets().iter().zip(COOKIE).map(|(byte, mask)| byte ^ mask));
    }
    value
}

/// Whether `answer` is to `request`: the transaction ids are the same.
pub fn answers(answer: &[u8], request: &[u8]) -> bool {
    answer.len() >= HEADER_LEN && answer[8..HEADER_LEN] == request[8..HEADER_LEN]
}

/// Whether an answer says yes.
pub fn is_success(answer: &[u8]) -> bool {
    answer.first_chunk().is_some_and(|kind| u16::from_be_bytes(*kind) & 0x0110 == SUCCESS)
}

/// The relayed address that an answer gives.
pub fn relayed_address(answer: &[u8]) -> Option<SocketAddr> {
    let mut rest = answer.get(HEADER_LEN..).filter(|_| is_success(answer))?;
    while let Some(&[a, b, c, d]) = rest.first_chunk() {
        let len = usize::from(u16::from_be_bytes([c, d]));
        let value = rest.get(4..4 + len)?;
        if u16::from_be_bytes([a, b]) == XOR_RELAYED_ADDRESS {
            let &[_, 1, p, q, e, f, g, h] = value.first_chunk()? else { return None };
            let port = u16::from_be_bytes([p ^ COOKIE[0], q ^ COOKIE[1]]);
            let ip = Ipv4Addr::new(e ^ COOKIE[0], f ^ COOKIE[1], g ^ COOKIE[2], h ^ COOKIE[3]);
            return Some(SocketAddr::from((ip, port)));
        }
        rest = rest.get(4 + len.next_multiple_of(4)..)?;
    }
    None
}
