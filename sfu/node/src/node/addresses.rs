//! Under which addresses pages reach this node.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use crate::config::PublicAddress;

/// The addresses to offer for sockets bound to `bind`: those configured, else `bind` itself, else
/// (bound to all) every address of this host of that family.
pub(super) fn advertised(
    bind: IpAddr,
    configured: &[PublicAddress],
) -> io::Result<Vec<PublicAddress>> {
    if !configured.is_empty() {
        return Ok(configured.to_vec());
    }
    if !bind.is_unspecified() {
        return Ok(vec![bind.into()]);
    }
    let interfaces = if_addrs::get_if_addrs()?;
    let usable = order(interfaces.into_iter().map(|interface| interface.ip()), bind);
    Ok(usable.into_iter().map(PublicAddress::from).collect())
}

/// Keeps what a page can use, loopback last: it serves a browser on this very machine when no
/// other path does.
fn order(addresses: impl Iterator<Item = IpAddr>, bind: IpAddr) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses
        .filter(|address| address.is_ipv4() == bind.is_ipv4() && !is_link_local(*address))
        .collect();
    addresses.sort_by_key(|address| (address.is_loopback(), *address));
    addresses.dedup();
    addresses
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// The candidates of the socket of worker `index`, which has this local port.
pub(super) fn candidates(addresses: &[PublicAddress], index: u16, port: u16) -> Vec<SocketAddr> {
    addresses.iter().filter_map(|address| address.of_worker(index, port)).collect()
}

/// The candidates of the node's TCP port.
pub(super) fn tcp_candidates(
    addresses: &[PublicAddress],
    port: u16,
    first_udp_port: u16,
) -> Vec<SocketAddr> {
    addresses.iter().map(|address| address.of_tcp(port, first_udp_port)).collect()
}

/// Where other nodes reach the relay port, which has the same number outside.
pub(super) fn relay(addresses: &[PublicAddress], port: u16) -> Vec<SocketAddr> {
    addresses.iter().map(|address| SocketAddr::new(address.ip(), port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn usable_addresses_of_the_family_with_loopback_last() {
        let found =
            parse(&["127.0.0.1", "::1", "192.168.1.5", "169.254.3.4", "fe80::1", "10.0.0.2"]);
        let v4 = order(found.iter().copied(), parse(&["0.0.0.0"])[0]);
        assert_eq!(v4, parse(&["10.0.0.2", "192.168.1.5", "127.0.0.1"]));
        let v6 = order(found.into_iter(), parse(&["::"])[0]);
        assert_eq!(v6, parse(&["::1"]));
    }

    #[test]
    fn configuration_then_bind_address_win() {
        let (bind, public) = (parse(&["10.0.0.2"])[0], parse(&["203.0.113.7"])[0].into());
        assert_eq!(advertised(bind, &[public]).unwrap(), [public]);
        assert_eq!(advertised(bind, &[]).unwrap(), [bind.into()]);
    }

    #[test]
    fn a_mapping_gives_each_worker_its_public_port() {
        let public = ["203.0.113.7:40000", "2001:db8::7"].map(|text| text.parse().unwrap());
        let texts = |index, port| -> Vec<String> {
            candidates(&public, index, port).iter().map(SocketAddr::to_string).collect()
        };
        assert_eq!(texts(0, 10_000), ["203.0.113.7:40000", "[2001:db8::7]:10000"]);
        assert_eq!(texts(2, 10_002), ["203.0.113.7:40002", "[2001:db8::7]:10002"]);
        let tcp =
            |port| tcp_candidates(&public, port, 10_000).iter().map(SocketAddr::port).collect();
        let (same, other): (Vec<u16>, Vec<u16>) = (tcp(10_000), tcp(443));
        assert_eq!((same, other), (vec![40_000, 10_000], vec![443, 443]));
    }
}
