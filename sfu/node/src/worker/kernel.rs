//! Datagrams that the kernel dropped because a worker did not take them in time.
//!
//! Linux counts them for each socket in `/proc/self/net/udp`; nothing else tells of them, and a
//! full receive buffer looks like packet loss to everyone.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// What has been dropped for one socket, as far as it is known.
///
/// It never goes back. The kernel's table may pass a row over, and its own count begins anew after 32 bits; two who ask
/// at a time may learn of it in another order.
#[derive(Debug, Default)]
pub(crate) struct ReceiveDrops(AtomicU64);

impl ReceiveDrops {
    /// All so far, by what the kernel has counted, if it tells.
    pub(crate) fn total(&self, counted: Option<u32>) -> u64 {
        let goes_on = |known: u64| {
            let more = counted?.wrapping_sub(known as u32);
            // Half of the range and more is an older count.
            (more <= u32::MAX / 2).then_some(known + u64::from(more))
        };
        let _ = self.0.fetch_update(Relaxed, Relaxed, goes_on);
        self.0.load(Relaxed)
    }
}

/// Drops of each local address's socket, in 32 bits; empty where the system does not tell. Now and then a socket that
/// is there is not found: the kernel prints the table in pieces, and one that is closed meanwhile shifts the rest.
pub(crate) fn receive_drops() -> HashMap<SocketAddr, u32> {
    ["/proc/self/net/udp", "/proc/self/net/udp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| table.lines().skip(1).filter_map(row).collect::<Vec<_>>())
        .collect()
}

/// The local address (second field) and the drops (last field) of one socket.
fn row(line: &str) -> Option<(SocketAddr, u32)> {
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

    /// Other tests close sockets meanwhile: the next look has it.
    fn drops_of(local: SocketAddr) -> u32 {
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
    fn what_was_dropped_never_goes_back() {
        let drops = ReceiveDrops::default();
        assert_eq!(drops.total(None), 0);
        assert_eq!(drops.total(Some(7)), 7);
        assert_eq!(drops.total(None), 7, "a row that was passed over");
        assert_eq!(drops.total(Some(5)), 7, "an older look");
        assert_eq!(drops.total(Some(2_000_000_000)), 2_000_000_000);
        assert_eq!(drops.total(Some(4_000_000_000)), 4_000_000_000);
        assert_eq!(drops.total(Some(u32::MAX)), u64::from(u32::MAX));
        assert_eq!(drops.total(Some(2)), u64::from(u32::MAX) + 3, "the kernel's count begins anew");
    }

    #[test]
    fn junk_is_no_row() {
        for junk in ["", "x", "1: 0100007F", "1: 0100007F:zz 0", "1: 01:00 5", "1: :: 5"] {
            assert_eq!(row(junk), None, "{junk:?}");
        }
    }
}
