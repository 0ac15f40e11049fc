//! The media node inside this process. It dials our control listener like any other node would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sfu_node::{Node, StartError, config::NodeConfig, control::ClusterSecret};
use signaling_desk::store::Store;
use signaling_wire::ids::NodeId;

use super::store_failure;
use crate::{Config, Failure, data_dir::random, failure::plainly};

/// The secret's name in the store under which the node's id is kept, so that it stays the same
/// node over restarts.
const NODE_ID: &str = "embedded-node";

/// Starts the node.
pub(super) async fn start(
    config: &Config,
    store: &dyn Store,
    secret: ClusterSecret,
    control: SocketAddr,
) -> Result<Node, Failure> {
    let id = store.secret(NODE_ID, random::<16>().to_vec()).await.map_err(store_failure)?;
    let id: [u8; 16] =
        id.try_into().map_err(|_| Failure::Machine("the stored node id is damaged".to_owned()))?;
    let node = NodeConfig {
        region: config.region.clone(),
        base_port: config.media_port,
        tcp_port: match config.media_tcp_port {
            None => Some(config.media_port),
            Some(0) => None,
            Some(port) => Some(port),
        },
        workers: config.workers,
        advertise: config.media_addresses.clone(),
        signaling: vec![reachable(control).to_string()],
        ..NodeConfig::new(NodeId::from_bits(u128::from_be_bytes(id)), secret)
    };
    Node::start(node).map_err(|error| match error {
        StartError::Bind { address, source } => Failure::Machine(format!(
            "the media node cannot use UDP {address}: {} (--media-port)",
            plainly(&source)
        )),
        StartError::BindTcp { address, source } => Failure::Machine(format!(
            "the media node cannot use TCP {address}: {} (--media-tcp-port; 0 for none)",
            plainly(&source)
        )),
        StartError::NoAddress => Failure::Machine(
            "this machine has no address that browsers could reach; name one (--media-addresses)"
                .to_owned(),
        ),
        error => Failure::Machine(format!("the media node cannot start: {error}")),
    })
}

/// Where a listener can be reached from the same machine.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}
