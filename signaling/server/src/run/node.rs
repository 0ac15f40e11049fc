//! The media node inside this process. It dials our control listener like any other node would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sfu_node::{
    Node, StartError,
    config::{NodeConfig, relay_port_for},
    control::ClusterSecret,
};

use crate::{Config, Failure, data_dir::DataDir, failure::plainly, storage::Storage};

/// Starts the node.
pub(super) async fn start(
    config: &Config,
    storage: &Storage,
    data: &DataDir,
    secret: ClusterSecret,
    control: SocketAddr,
) -> Result<Node, Failure> {
    let id = storage.node_id(data).await?;
    let mut signaling = vec![reachable(control).to_string()];
    signaling.extend(config.control_peers.iter().cloned());
    let node = NodeConfig {
        region: config.region.clone(),
        bind: config.media_bind,
        base_port: config.media_port,
        relay_port: relay_port_for(config.media_port),
        tcp_port: match config.media_tcp_port {
            None => Some(config.media_port),
            Some(0) => None,
            Some(port) => Some(port),
        },
        workers: config.workers,
        receive_delay: config.receive_delay,
        advertise: config.media_addresses.clone(),
        signaling,
        ..NodeConfig::new(id, secret)
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
