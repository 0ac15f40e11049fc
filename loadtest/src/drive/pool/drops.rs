//! What the kernel dropped because a socket's buffer was full: packets that nobody else lost.

use std::collections::HashMap;

/// Drops of this machine's IPv4 UDP sockets that have any, by local port. Empty where there is no
/// Linux's `/proc`.
pub(super) fn by_port() -> HashMap<u16, u64> {
    std::fs::read_to_string("/proc/net/udp").map(|table| read(&table)).unwrap_or_default()
}

/// Reads the table of proc(5): the second column is the local address and port in hexadecimal, the
/// last one counts the drops.
fn read(table: &str) -> HashMap<u16, u64> {
    let socket = |line: &str| {
        let drops = line.rsplit(' ').find(|word| !word.is_empty())?.parse().ok()?;
        let (_, port) = line.split_ascii_whitespace().nth(1)?.split_once(':')?;
        Some((u16::from_str_radix(port, 16).ok()?, drops))
    };
    table.lines().skip(1).filter_map(socket).filter(|(_, drops)| *drops > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_with_drops_are_listed() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
                     uid  timeout inode ref pointer drops             \n\
                     101: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000 \
                     0 0 42 2 0000000000000000 7         \n\
                     102: 00000000:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000 \
                     0 0 43 2 0000000000000000 0         \n";
        assert_eq!(read(table), HashMap::from([(0x1f90, 7)]));
        assert_eq!(read(""), HashMap::new());
    }
}
