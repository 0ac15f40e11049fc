//! The effective settings of the `sfu` binary.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize, Serializer};
use signaling_wire::ids::NodeId;

use super::{
    DEFAULT_MAX_LEGS, DEFAULT_REGION, Layer, NodeConfig, PublicAddress, ReceiveDelay,
    relay_port_for,
};
use crate::control::{ClusterSecret, SecretError};

/// The secret itself, for those who have no file. Never a flag: anyone on the host can read those.
pub const SECRET_VARIABLE: &str = "VITRINE_SFU_CLUSTER_SECRET";

/// Default of `base_port`.
const DEFAULT_BASE_PORT: u16 = 10_000;

/// Default of `admin`: this host only, as it answers anybody.
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_091);

/// Default of `drain_deadline`, in seconds. Calls move within seconds where there is a node to move
/// to; where there is none, most calls end by themselves within this time.
const DEFAULT_DRAIN_DEADLINE: u32 = 300;

/// Log lines for people or for machines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings that contradict themselves or lack something.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody to serve.
    #[error("`signaling` is missing: give at least one HOST:PORT")]
    NoSignaling,
    /// Not an address to dial.
    #[error("`signaling`: {0:?} is not HOST:PORT")]
    BadSignaling(String),
    /// No secret at all.
    #[error("no cluster secret: set `cluster_secret_file` or {SECRET_VARIABLE}")]
    NoSecret,
    /// Two of them.
    #[error("`cluster_secret_file` and {SECRET_VARIABLE} are both set: keep one")]
    TwoSecrets,
    /// A secret that is no use.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Two ids.
    #[error("`node_id` and `node_id_file` are both set: keep one")]
    TwoIds,
    /// The id cannot be kept.
    #[error("cannot keep the node's id in {path}: {source}")]
    IdFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No name for a region.
    #[error("`region` must have 1 to {MAX_REGION} characters")]
    BadRegion,
    /// A node that carries nothing.
    #[error("`max_legs_per_worker` must be at least 2, one call")]
    NoLegs,
    /// A variable that looks like a setting and is none.
    #[error("unknown setting in the environment: {0}")]
    UnknownVariable(String),
}

/// Longest name of a region; it is a label in metrics and logs.
const MAX_REGION: usize = 64;

/// Everything that the `sfu` binary runs with.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// See [`Layer::node_id`].
    pub node_id: Option<NodeId>,
    /// See [`Layer::node_id_file`].
    pub node_id_file: Option<PathBuf>,
    /// See [`Layer::region`].
    pub region: String,
    /// See [`Layer::bind`].
    pub bind: IpAddr,
    /// See [`Layer::base_port`].
    pub base_port: u16,
    /// See [`Layer::tcp_port`]. None: no TCP. 0, as the UDP port may be: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_port: Option<u16>,
    /// See [`Layer::relay_port`].
    pub relay_port: u16,
    /// See [`Layer::workers`].
    pub workers: Option<NonZeroU16>,
    /// See [`Layer::advertise`].
    pub advertise: Vec<PublicAddress>,
    /// See [`Layer::max_legs_per_worker`].
    pub max_legs_per_worker: usize,
    /// See [`Layer::receive_delay`].
    pub receive_delay: ReceiveDelay,
    /// See [`Layer::signaling`].
    pub signaling: Vec<String>,
    /// See [`Layer::cluster_secret_file`].
    pub cluster_secret_file: Option<PathBuf>,
    /// The secret, printed as a remark only.
    #[serde(serialize_with = "redacted")]
    pub cluster_secret: ClusterSecret,
    /// See [`Layer::admin`].
    pub admin: SocketAddr,
    /// See [`Layer::drain_deadline`].
    pub drain_deadline: u32,
    /// See [`Layer::log_format`].
    pub log_format: LogFormat,
    /// See [`Layer::log`].
    pub log: String,
}

fn redacted<S: Serializer>(_: &ClusterSecret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("(redacted)")
}

impl Settings {
    /// Fills in the defaults and checks everything; `secret` is the value of [`SECRET_VARIABLE`].
    pub fn new(layer: Layer, secret: Option<&str>) -> Result<Self, SettingsError> {
        let signaling = layer.signaling.unwrap_or_default();
        if signaling.is_empty() {
            return Err(SettingsError::NoSignaling);
        }
        if let Some(bad) = signaling.iter().find(|name| !is_host_and_port(name)) {
            return Err(SettingsError::BadSignaling(bad.clone()));
        }
        if layer.node_id.is_some() && layer.node_id_file.is_some() {
            return Err(SettingsError::TwoIds);
        }
        let region = layer.region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        if region.is_empty() || region.chars().count() > MAX_REGION {
            return Err(SettingsError::BadRegion);
        }
        let max_legs_per_worker = layer.max_legs_per_worker.unwrap_or(DEFAULT_MAX_LEGS);
        if max_legs_per_worker < 2 {
            return Err(SettingsError::NoLegs);
        }
        let cluster_secret = match (&layer.cluster_secret_file, secret) {
            (Some(_), Some(_)) => return Err(SettingsError::TwoSecrets),
            (Some(path), None) => ClusterSecret::from_file(path)?,
            (None, Some(text)) => ClusterSecret::new(text)?,
            (None, None) => return Err(SettingsError::NoSecret),
        };
        let base_port = layer.base_port.unwrap_or(DEFAULT_BASE_PORT);
        Ok(Self {
            node_id: layer.node_id,
            node_id_file: layer.node_id_file,
            region,
            bind: layer.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            base_port,
            tcp_port: layer.tcp_port.map_or(Some(base_port), |port| (port > 0).then_some(port)),
            relay_port: layer.relay_port.unwrap_or_else(|| relay_port_for(base_port)),
            workers: layer.workers,
            advertise: layer.advertise.unwrap_or_default(),
            max_legs_per_worker,
            receive_delay: layer.receive_delay.unwrap_or_default(),
            signaling,
            cluster_secret_file: layer.cluster_secret_file,
            cluster_secret,
            admin: layer.admin.unwrap_or(DEFAULT_ADMIN),
            drain_deadline: layer.drain_deadline.unwrap_or(DEFAULT_DRAIN_DEADLINE),
            log_format: layer.log_format.unwrap_or_default(),
            log: layer.log.unwrap_or_else(|| "info".to_owned()),
        })
    }

    /// How long a node that was told to stop waits for its calls to move.
    pub fn drain_deadline(&self) -> Duration {
        Duration::from_secs(self.drain_deadline.into())
    }

    /// What the node itself needs of it. Reads or writes the file with the node's id.
    pub fn into_node(self) -> Result<NodeConfig, SettingsError> {
        let node = match (self.node_id, &self.node_id_file) {
            (Some(id), _) => id,
            (None, Some(path)) => kept_id(path)
                .map_err(|source| SettingsError::IdFile { path: path.clone(), source })?,
            (None, None) => NodeId::random(&mut rand::rng()),
        };
        Ok(NodeConfig {
            node,
            region: self.region,
            bind: self.bind,
            base_port: self.base_port,
            tcp_port: self.tcp_port,
            relay_port: self.relay_port,
            workers: self.workers,
            advertise: self.advertise,
            max_legs_per_worker: self.max_legs_per_worker,
            receive_delay: self.receive_delay,
            signaling: self.signaling,
            secret: self.cluster_secret,
        })
    }
}

fn is_host_and_port(name: &str) -> bool {
    name.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn kept_id(path: &Path) -> io::Result<NodeId> {
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = NodeId::random(&mut rand::rng());
            fs::write(path, format!("{id}\n"))?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}
