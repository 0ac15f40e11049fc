//! Addresses that pages reach a node at.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A public address of a node, which may be another than its sockets are bound to: a host behind
/// 1:1 NAT, or behind a NAT that maps ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicAddress {
    ip: IpAddr,
    /// The public port of the first worker; each further worker has the next one. None: the ports
    /// are those of the sockets.
    base_port: Option<u16>,
}

/// Not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write IP or IP:PORT, for example 203.0.113.7 or 203.0.113.7:40000")]
pub struct NotAnAddress;

impl PublicAddress {
    /// The address itself.
    pub(crate) fn ip(self) -> IpAddr {
        self.ip
    }

    /// Where pages reach the socket of worker `index`, which has this local port. None when the
    /// mapped ports run out of numbers.
    pub(crate) fn of_worker(self, index: u16, local_port: u16) -> Option<SocketAddr> {
        let port = match self.base_port {
            Some(base) => base.checked_add(index)?,
            None => local_port,
        };
        Some(SocketAddr::new(self.ip, port))
    }

    /// Where pages reach the node's TCP port. What maps the first UDP port maps the TCP port of the
    /// same number; any other one keeps its number.
    pub(crate) fn of_tcp(self, local_port: u16, first_udp_port: u16) -> SocketAddr {
        let mapped = self.base_port.filter(|_| local_port == first_udp_port);
        SocketAddr::new(self.ip, mapped.unwrap_or(local_port))
    }
}

impl From<IpAddr> for PublicAddress {
    fn from(ip: IpAddr) -> Self {
        Self { ip, base_port: None }
    }
}

impl FromStr for PublicAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        let mapped: SocketAddr = text.parse().map_err(|_| NotAnAddress)?;
        if mapped.port() == 0 {
            return Err(NotAnAddress);
        }
        Ok(Self { ip: mapped.ip(), base_port: Some(mapped.port()) })
    }
}

impl fmt::Display for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base_port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

impl Serialize for PublicAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
