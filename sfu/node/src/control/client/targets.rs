//! Which addresses are which signaling instances.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::lookup_host;

use crate::node::LinkId;

/// A signaling instance, by its addresses: tried in this order, linked through one of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Target {
    first: SocketAddr,
    other: Option<SocketAddr>,
}

/// Something for each address family that a target has.
#[derive(Debug)]
pub(super) struct Families<T> {
    v4: Option<T>,
    v6: Option<T>,
}

impl<T> Families<T> {
    /// That of an address.
    pub(super) fn of(&self, address: SocketAddr) -> Option<&T> {
        if address.is_ipv4() { self.v4.as_ref() } else { self.v6.as_ref() }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.v4.iter().chain(&self.v6)
    }
}

impl Target {
    /// The name of the link, whichever address it goes to.
    pub(super) fn id(&self) -> LinkId {
        self.first
    }

    /// Its addresses in the order in which they are tried.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.first).chain(self.other)
    }

    /// Makes something for each family, from the address that sockets of it are bound to.
    pub(super) fn families<T>(
        &self,
        make: impl Fn(SocketAddr) -> io::Result<T>,
    ) -> io::Result<Families<T>> {
        let has = |v4: bool| self.addresses().any(|address| address.is_ipv4() == v4);
        let v4 = has(true).then(|| make(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))));
        let v6 = has(false).then(|| make(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))));
        Ok(Families { v4: v4.transpose()?, v6: v6.transpose()? })
    }
}

/// The instances that these names stand for.
pub(super) async fn resolve(names: &[String]) -> BTreeSet<Target> {
    let mut all = BTreeSet::new();
    for name in names {
        match lookup_host(name).await {
            Ok(addresses) => all.extend(instances(addresses)),
            Err(error) => tracing::warn!(%name, %error, "cannot resolve a signaling name"),
        }
    }
    all
}

/// The instances behind the addresses of one name. One address of each family is one host with
/// both. Of several of both nobody knows which belong together, and linked through both families an
/// instance would have the node twice: then only IPv4 is dialed.
fn instances(addresses: impl Iterator<Item = SocketAddr>) -> Vec<Target> {
    let addresses: BTreeSet<SocketAddr> = addresses.collect();
    let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv4);
    match (&v4[..], &v6[..]) {
        (&[first], &[other]) => vec![Target { first, other: Some(other) }],
        _ => {
            let dialed = if v4.is_empty() { v6 } else { v4 };
            dialed.into_iter().map(|first| Target { first, other: None }).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn dialed(texts: &[&str]) -> Vec<Vec<SocketAddr>> {
        let instances = instances(addresses(texts).into_iter());
        instances.iter().map(|target| target.addresses().collect()).collect()
    }

    #[test]
    fn a_host_with_both_families_is_one_instance_and_falls_back_to_ipv6() {
        assert_eq!(
            dialed(&["[2001:db8::1]:7443", "192.0.2.1:7443"]),
            [addresses(&["192.0.2.1:7443", "[2001:db8::1]:7443"])]
        );
    }

    #[test]
    fn every_address_of_one_family_is_an_instance_once() {
        let one = "192.0.2.1:7443";
        assert_eq!(
            dialed(&[one, "192.0.2.2:7443", one]),
            [addresses(&[one]), addresses(&["192.0.2.2:7443"])]
        );
        let (one, other) = ("[2001:db8::1]:7443", "[2001:db8::2]:7443");
        assert_eq!(dialed(&[other, one]), [addresses(&[one]), addresses(&[other])]);
    }

    #[test]
    fn of_several_of_both_families_only_ipv4_is_dialed() {
        let all = ["192.0.2.1:7443", "192.0.2.2:7443", "[2001:db8::1]:7443", "[2001:db8::2]:7443"];
        assert_eq!(dialed(&all), [addresses(&all[..1]), addresses(&all[1..2])]);
    }

    #[tokio::test]
    async fn all_names_are_resolved_and_a_bad_one_takes_nothing_from_the_others() {
        let names = ["127.0.0.1:1", "nowhere.invalid:1", "127.0.0.2:1"].map(str::to_owned);
        let ids: Vec<_> = resolve(&names).await.iter().map(Target::id).collect();
        assert_eq!(ids, addresses(&["127.0.0.1:1", "127.0.0.2:1"]));
    }
}
