//! Datagrams that the kernel dropped because a worker did not take them in time.
//!
//! Linux counts them for each socket in `/proc/self/net/udp`; nothing else tells of them, and a
//! full receive buffer looks like packet loss to everyone.

use std::{collections::HashMap, fs, net::SocketAddr};

/// Drops of each local address's socket; empty where the system does not tell.
pub(crate) fn receive_drops() -> HashMap<SocketAddr, u64> {
    ["/proc/self/net/udp", "/proc/self/net/udp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| table.lines().skip(1).filter_map(row).collect::<Vec<_>>())
        .collect()
}

/// The local address (second field) and the drops (last field) of one socket.
fn row(line: &str) -> Option<(SocketAddr, u64)> {
    let local = line.split_ascii_whitespace().nth(1)?;
    let drops = line.split_ascii_whitespace().next_back()?.parse().ok()?;
    Some((address(local)?, drops))
}

/// Addresses are printed as 32-bit words of the machine's own byte order, ports as numbers.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    if !matches!(ip.len(), 8 | 32) {
        return None;
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    let bytes: Vec<u8> = ip
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok())
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    match bytes.len() {
        4 => Some((<[u8; 4]>::try_from(bytes).ok()?, port).into()),
        16 => Some((<[u8; 16]>::try_from(bytes).ok()?, port).into()),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    /// The kernel prints the table in pieces: a socket that another test closes meanwhile shifts the rest, and one row
    /// is passed over. The next look has it.
    fn drops_of(local: SocketAddr) -> u64 {
        (0..100).find_map(|_| receive_drops().get(&local).copied()).expect("a row of its own")
    }

    #[test]
    fn own_sockets_are_found_and_their_drops_counted() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(any) else { continue };
            let local = socket.local_addr().unwrap();
            assert_eq!(drops_of(local), 0, "{local}");
            // Far more than any default receive buffer holds, and nobody reads.
            let sender = UdpSocket::bind(any).unwrap();
            while drops_of(local) == 0 {
                sender.send_to(&[0; 8_000], local).unwrap();
            }
        }
    }

    #[test]
    fn junk_is_no_row() {
        for junk in ["", "x", "1: 0100007F", "1: 0100007F:zz 0", "1: 01:00 5", "1: :: 5"] {
            assert_eq!(row(junk), None, "{junk:?}");
        }
    }
}
