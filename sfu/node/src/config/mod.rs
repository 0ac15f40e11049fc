//! What a node is set up with.
//!
//! [`NodeConfig`] is what [`Node::start`](crate::Node::start) takes. The binary makes it from
//! [`Settings`], which come from defaults < TOML file < environment < flags.

mod layer;
mod public;
mod receive_delay;
mod settings;
#[cfg(test)]
mod tests;

pub use layer::{FileError, Layer};
pub use public::{NotAnAddress, PublicAddress};
pub use receive_delay::{NotADelay, ReceiveDelay};
pub use settings::{LogFormat, SECRET_VARIABLE, Settings, SettingsError};

use std::{net::IpAddr, num::NonZeroU16};

use signaling_wire::ids::NodeId;

use crate::control::ClusterSecret;

/// Everything a node needs to know.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Who it is. Kept over restarts where it matters to operators; a random one works as well.
    pub node: NodeId,
    /// Where it stands, for example `eu-west`.
    pub region: String,
    /// Address that the UDP sockets are bound to.
    pub bind: IpAddr,
    /// UDP port of the first worker; worker `i` has `base_port + i`. 0 takes any free ports.
    pub base_port: u16,
    /// TCP port for pages that UDP does not reach the node from, one for all workers. 0 takes any
    /// free port, `None` is no TCP.
    pub tcp_port: Option<u16>,
    /// UDP port on which other nodes reach this one, for calls between the two. 0 takes any free
    /// port.
    pub relay_port: u16,
    /// Number of workers; `None` is one for each core.
    pub workers: Option<NonZeroU16>,
    /// Addresses that pages can reach the node at, behind NAT for example. Empty: every address of this host's interfaces
    /// that is of the family of `bind` and not link-local, loopback last.
    pub advertise: Vec<PublicAddress>,
    /// Most legs on one worker.
    pub max_legs_per_worker: usize,
    /// Longest that media waits for a worker's next look at its socket.
    pub receive_delay: ReceiveDelay,
    /// Control endpoints of signaling as `host:port`. A name stands for all its addresses; the
    /// node keeps a link to each.
    pub signaling: Vec<String>,
    /// Proves to signaling that this node belongs to the cluster.
    pub secret: ClusterSecret,
}

impl NodeConfig {
    /// A node with any free ports (UDP and TCP) on all IPv4 interfaces, one worker per core, and no signaling.
    pub fn new(node: NodeId, secret: ClusterSecret) -> Self {
        Self {
            node,
            region: DEFAULT_REGION.to_owned(),
            bind: IpAddr::from([0, 0, 0, 0]),
            base_port: 0,
            tcp_port: Some(0),
            relay_port: 0,
            workers: None,
            advertise: Vec::new(),
            max_legs_per_worker: DEFAULT_MAX_LEGS,
            receive_delay: ReceiveDelay::default(),
            signaling: Vec::new(),
            secret,
        }
    }
}

/// The relay port of a node that was given none: the one below its media ports, which grow upwards
/// with the number of workers. Any, if those are any.
#[must_use]
pub fn relay_port_for(base_port: u16) -> u16 {
    base_port.saturating_sub(1)
}

/// Region of a node that was given none: fine as long as there is only one.
const DEFAULT_REGION: &str = "local";

/// Default for [`NodeConfig::max_legs_per_worker`]: twice the calls that one core forwards (some
/// hundreds at 400 packets a second each), as legs wait warm in the queue without media.
const DEFAULT_MAX_LEGS: usize = 2_000;
