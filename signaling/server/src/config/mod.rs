//! Configuration: built-in defaults < TOML file < environment (`VITRINE_…`) < flags.
//!
//! [`Layer`] is what one source says (everything optional); [`Config`] is the effective result.
//! The same names are used everywhere: `public_url` in the file, `VITRINE_PUBLIC_URL`,
//! `--public-url`. Secrets have no flag: an argument list is readable by every user of a machine.

mod environment;
mod file;
mod layer;
mod secret;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    path::PathBuf,
};

use serde::Serialize;
use sfu_node::{
    config::{PublicAddress, ReceiveDelay},
    control::ClusterSecret,
};
use signaling_wire::{browser::MediaPolicy, text::Name};

pub use self::{
    environment::unknown_variables,
    layer::{Layer, LogFormat},
    secret::Secret,
};
use crate::Failure;

/// The effective configuration.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// Directory of the database, keys and secrets.
    pub data_dir: PathBuf,
    /// Address of the PostgreSQL database that several instances share; none for SQLite in the data
    /// directory. It may hold a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<Secret>,
    /// Public listener: pages, WebSocket, API.
    pub listen: SocketAddr,
    /// Admin listener: health and metrics.
    pub admin_listen: SocketAddr,
    /// Control listener (QUIC over UDP) that media nodes dial.
    pub control_listen: SocketAddr,
    /// Where other instances reach the control listener of this one, when that is not the address
    /// it listens on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_address: Option<String>,
    /// Control listeners of the other instances: the embedded node dials them as well.
    pub control_peers: Vec<String>,
    /// Address people's browsers use, without a trailing slash. It goes into links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Origins besides the server's own whose pages may open the WebSocket.
    pub allowed_origins: Vec<String>,
    /// Take a client's address from the last `X-Forwarded-For` entry. Only behind a proxy that
    /// sets it: anyone else could choose their address.
    pub trust_proxy: bool,
    /// The shop's name, shown on both pages.
    pub shop: Name,
    /// Who a shopper is about to talk to.
    pub host: Name,
    /// When media may leave the pages.
    pub media_policy: MediaPolicy,
    /// Whether a media node runs inside this process.
    pub embedded_node: bool,
    /// Region of the embedded node.
    pub region: String,
    /// First UDP port of the embedded node's media; worker `i` uses the port `i` above it.
    /// 0 lets the system choose.
    pub media_port: u16,
    /// TCP port of the embedded node's media, for pages that cannot use UDP. None: the number of
    /// `media_port`; 0: no TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_tcp_port: Option<u16>,
    /// TURN server for pages that reach their node neither by UDP nor by TCP. Empty: none.
    pub turn_urls: Vec<String>,
    /// What the TURN server knows as well, to make credentials for pages with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_secret: Option<Secret>,
    /// How long a page's TURN credentials are good for, in seconds. A console keeps those of its
    /// hello, so the default is a long shift.
    pub turn_ttl_s: u64,
    /// Address that the embedded node listens on.
    pub media_bind: IpAddr,
    /// Addresses under which browsers reach the embedded node. Empty: those of this machine.
    pub media_addresses: Vec<PublicAddress>,
    /// Worker threads of the embedded node. None: one for each core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<NonZeroU16>,
    /// Longest that media waits for a worker's next look at its socket.
    pub receive_delay: ReceiveDelay,
    /// What nodes prove knowledge of. None: kept in the data directory, created on first start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_secret: Option<Secret>,
    /// MaxMind database with locations. None: distances are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geoip_database: Option<PathBuf>,
    /// Log filter, for example `info` or `signaling_server=debug`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            data_dir: PathBuf::from("./vitrine-data"),
            store: None,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080),
            admin_listen: SocketAddr::new(loopback, 9090),
            control_listen: SocketAddr::new(loopback, 7443),
            control_address: None,
            control_peers: Vec::new(),
            public_url: None,
            allowed_origins: Vec::new(),
            trust_proxy: false,
            shop: name("Vitrine"),
            host: name("Our team"),
            media_policy: MediaPolicy::Private,
            embedded_node: true,
            region: "local".to_owned(),
            media_port: 10_000,
            media_tcp_port: None,
            turn_urls: Vec::new(),
            turn_secret: None,
            turn_ttl_s: 12 * 3_600,
            media_bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            media_addresses: Vec::new(),
            workers: None,
            receive_delay: ReceiveDelay::default(),
            cluster_secret: None,
            geoip_database: None,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

impl Config {
    /// The effective configuration from flags and environment (`over`) and the file they name.
    ///
    /// # Errors
    /// A sentence when the file cannot be read, names an unknown key, or a value is impossible.
    pub fn load(over: Layer) -> Result<Self, Failure> {
        let file = match &over.config {
            Some(path) => file::read(path)?,
            None => Layer::default(),
        };
        let mut config = Self::default();
        file.apply(&mut config);
        over.apply(&mut config);
        config.check()?;
        Ok(config)
    }

    fn check(&mut self) -> Result<(), Failure> {
        if let Some(url) = &mut self.public_url {
            let scheme_ok = url.starts_with("https://") || url.starts_with("http://");
            if !scheme_ok || url.contains(['#', '?', ' ']) {
                return Err(Failure::Config(format!(
                    "public_url must look like https://calls.example.com, not {url:?}"
                )));
            }
            url.truncate(url.trim_end_matches('/').len());
        }
        if let Some(secret) = &self.cluster_secret {
            ClusterSecret::new(secret.expose())
                .map_err(|error| Failure::Config(format!("cluster_secret: {error}")))?;
        }
        let unreachable = self.control_listen.ip().is_unspecified();
        if self.store.is_some() && unreachable && self.control_address.is_none() {
            return Err(Failure::Config(
                "with a store that instances share they have to reach each other: set \
                 control_address to the name or address of this machine and its control port"
                    .to_owned(),
            ));
        }
        self.check_turn().map_err(Failure::Config)
    }

    fn check_turn(&self) -> Result<(), String> {
        let is_turn = |url: &&String| url.starts_with("turn:") || url.starts_with("turns:");
        if let Some(url) = self.turn_urls.iter().find(|url| !is_turn(url)) {
            return Err(format!(
                "turn_urls must look like turns:turn.example.com:443?transport=tcp, not {url:?}"
            ));
        }
        match (self.turn_urls.is_empty(), &self.turn_secret) {
            (false, None) => Err("turn_secret is missing: turn_urls need one".to_owned()),
            (true, Some(_)) => Err("turn_urls are missing: turn_secret is for them".to_owned()),
            _ => Ok(()),
        }
    }

    /// Where browsers find this server when it listens on `port`.
    #[must_use]
    pub fn base_url(&self, port: u16) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None if self.listen.ip().is_unspecified() || self.listen.ip().is_loopback() => {
                format!("http://localhost:{port}")
            }
            None => format!("http://{}", SocketAddr::new(self.listen.ip(), port)),
        }
    }

    /// Whether browsers reach the server over TLS (a proxy in front of it ends it).
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// A name from the source code, which is known to fit.
fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_default()
}
