//! One source of settings: the TOML file, or flags and environment.

use std::{fs, io, net::IpAddr, net::SocketAddr, num::NonZeroU16, path::Path, path::PathBuf};

use serde::Deserialize;
use signaling_wire::ids::NodeId;

use super::{public::PublicAddress, receive_delay::ReceiveDelay, settings::LogFormat};

/// Settings that a source gives; what it leaves out comes from the source below it.
///
/// The same keys in the file (`base_port`), in the environment (`VITRINE_SFU_BASE_PORT`) and as
/// flags (`--base-port`).
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Id of this node, `node_…`; default: random at every start
    #[arg(long, global = true, env = "VITRINE_SFU_NODE_ID", value_name = "ID")]
    pub node_id: Option<NodeId>,
    /// File that keeps the id over restarts; written at the first start
    #[arg(long, global = true, env = "VITRINE_SFU_NODE_ID_FILE", value_name = "PATH")]
    pub node_id_file: Option<PathBuf>,
    /// Region this node stands in, for example `eu-west`
    #[arg(long, global = true, env = "VITRINE_SFU_REGION", value_name = "NAME")]
    pub region: Option<String>,
    /// Address that the media sockets are bound to
    #[arg(long, global = true, env = "VITRINE_SFU_BIND", value_name = "IP")]
    pub bind: Option<IpAddr>,
    /// UDP port of the first worker; each further worker takes the next one
    #[arg(long, global = true, env = "VITRINE_SFU_BASE_PORT", value_name = "PORT")]
    pub base_port: Option<u16>,
    /// TCP port for pages that cannot use UDP, for example 443; 0: none; default: the number of the
    /// first UDP port
    #[arg(long, global = true, env = "VITRINE_SFU_TCP_PORT", value_name = "PORT")]
    pub tcp_port: Option<u16>,
    /// UDP port on which other nodes reach this one, for calls between the two; default: the one
    /// below the first media port
    #[arg(long, global = true, env = "VITRINE_SFU_RELAY_PORT", value_name = "PORT")]
    pub relay_port: Option<u16>,
    /// Number of workers; default: one for each core
    #[arg(long, global = true, env = "VITRINE_SFU_WORKERS", value_name = "N")]
    pub workers: Option<NonZeroU16>,
    /// Addresses that pages reach this node at, for example behind 1:1 NAT. With a port it is that of
    /// the first worker, each further one has the next. Default: those of this host's interfaces
    #[arg(
        long,
        global = true,
        env = "VITRINE_SFU_ADVERTISE",
        value_name = "IP[:PORT]",
        value_delimiter = ','
    )]
    pub advertise: Option<Vec<PublicAddress>>,
    /// Most legs on one worker
    #[arg(long, global = true, env = "VITRINE_SFU_MAX_LEGS_PER_WORKER", value_name = "N")]
    pub max_legs_per_worker: Option<usize>,
    /// Longest time, in microseconds, that media waits for a worker's next look at its socket while little comes,
    /// which saves processor time; at most 2000, 0: never [default: 2000]
    #[arg(long, global = true, env = "VITRINE_SFU_RECEIVE_DELAY", value_name = "MICROSECONDS")]
    pub receive_delay: Option<ReceiveDelay>,
    /// Control endpoints of signaling; a name stands for all its addresses
    #[arg(
        long,
        global = true,
        env = "VITRINE_SFU_SIGNALING",
        value_name = "HOST:PORT",
        value_delimiter = ','
    )]
    pub signaling: Option<Vec<String>>,
    /// File with the cluster secret (or give the secret itself in VITRINE_SFU_CLUSTER_SECRET)
    #[arg(long, global = true, env = "VITRINE_SFU_CLUSTER_SECRET_FILE", value_name = "PATH")]
    pub cluster_secret_file: Option<PathBuf>,
    /// Listener for health and metrics
    #[arg(long, global = true, env = "VITRINE_SFU_ADMIN", value_name = "IP:PORT")]
    pub admin: Option<SocketAddr>,
    /// Longest time, in seconds, that a node which was told to stop waits for its calls to move to
    /// other nodes [default: 300]
    #[arg(long, global = true, env = "VITRINE_SFU_DRAIN_DEADLINE", value_name = "SECONDS")]
    pub drain_deadline: Option<u32>,
    /// Log lines for people or for machines
    #[arg(long, global = true, env = "VITRINE_SFU_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// Log filter, for example `info` or `sfu_node=debug,info`
    #[arg(long, global = true, env = "VITRINE_SFU_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// A file of settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not to be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, or with a key that does not exist.
    #[error("{path}: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

impl Layer {
    /// Reads a TOML file.
    pub fn from_file(path: &Path) -> Result<Self, FileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|source| FileError::Invalid {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// This layer on top of `below`.
    pub fn over(self, below: Self) -> Self {
        Self {
            node_id: self.node_id.or(below.node_id),
            node_id_file: self.node_id_file.or(below.node_id_file),
            region: self.region.or(below.region),
            bind: self.bind.or(below.bind),
            base_port: self.base_port.or(below.base_port),
            tcp_port: self.tcp_port.or(below.tcp_port),
            relay_port: self.relay_port.or(below.relay_port),
            workers: self.workers.or(below.workers),
            advertise: self.advertise.or(below.advertise),
            max_legs_per_worker: self.max_legs_per_worker.or(below.max_legs_per_worker),
            receive_delay: self.receive_delay.or(below.receive_delay),
            signaling: self.signaling.or(below.signaling),
            cluster_secret_file: self.cluster_secret_file.or(below.cluster_secret_file),
            admin: self.admin.or(below.admin),
            drain_deadline: self.drain_deadline.or(below.drain_deadline),
            log_format: self.log_format.or(below.log_format),
            log: self.log.or(below.log),
        }
    }
}
