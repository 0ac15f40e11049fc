//! What one source of configuration says.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use sfu_node::config::{PublicAddress, ReceiveDelay};
use signaling_wire::{browser::MediaPolicy, text::Name};

use super::{Config, Secret};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// Settings from one source; what it does not mention is left to the source below it.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Configuration file (TOML); the names in it are these flags with underscores
    #[serde(skip)]
    #[arg(long, env = "VITRINE_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Directory of the database, keys and secrets [default: ./vitrine-data]
    #[arg(long, env = "VITRINE_DATA_DIR", value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Environment and file only: it may hold a password.
    #[arg(skip = secret_from("VITRINE_STORE"))]
    pub store: Option<Secret>,
    /// Public address and port: pages, WebSocket, API [default: 0.0.0.0:8080]
    #[arg(long, env = "VITRINE_LISTEN", value_name = "ADDR", global = true)]
    pub listen: Option<SocketAddr>,
    /// Address and port of health and metrics [default: 127.0.0.1:9090]
    #[arg(long, env = "VITRINE_ADMIN_LISTEN", value_name = "ADDR", global = true)]
    pub admin_listen: Option<SocketAddr>,
    /// UDP address and port that media nodes dial [default: 127.0.0.1:7443]
    #[arg(long, env = "VITRINE_CONTROL_LISTEN", value_name = "ADDR", global = true)]
    pub control_listen: Option<SocketAddr>,
    /// Host and port at which other instances reach the control listener of this one
    /// [default: where it listens]
    #[arg(long, env = "VITRINE_CONTROL_ADDRESS", value_name = "HOST:PORT", global = true)]
    pub control_address: Option<String>,
    /// Control listeners of the other instances, for the embedded node, separated by commas
    #[arg(
        long,
        env = "VITRINE_CONTROL_PEERS",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        global = true
    )]
    pub control_peers: Option<Vec<String>>,
    /// Address that people's browsers use, for links [default: http://localhost:PORT]
    #[arg(long, env = "VITRINE_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,
    /// Further origins whose pages may connect, separated by commas
    #[arg(
        long,
        env = "VITRINE_ALLOWED_ORIGINS",
        value_name = "URL",
        value_delimiter = ',',
        global = true
    )]
    pub allowed_origins: Option<Vec<String>>,
    /// Believe X-Forwarded-For; only behind a proxy that sets it [default: false]
    #[arg(
        long,
        env = "VITRINE_TRUST_PROXY",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        global = true
    )]
    pub trust_proxy: Option<bool>,
    /// The shop's name, shown on both pages
    #[arg(long, env = "VITRINE_SHOP", value_name = "NAME", value_parser = parse_name, global = true)]
    pub shop: Option<Name>,
    /// Who a shopper is about to talk to, for example a team
    #[arg(long, env = "VITRINE_HOST", value_name = "NAME", value_parser = parse_name, global = true)]
    pub host: Option<Name>,
    /// When camera and microphone packets may leave the pages: `private` (after Accept) or
    /// `instant` (to the node while it rings, shown to nobody before Accept) [default: private]
    #[arg(
        long,
        env = "VITRINE_MEDIA_POLICY",
        value_name = "POLICY",
        value_parser = parse_media_policy,
        global = true
    )]
    pub media_policy: Option<MediaPolicy>,
    /// Whether a media node runs inside this process [default: true]
    #[arg(long, env = "VITRINE_EMBEDDED_NODE", value_name = "BOOL", global = true)]
    pub embedded_node: Option<bool>,
    /// Region of the embedded node [default: local]
    #[arg(long, env = "VITRINE_REGION", value_name = "NAME", global = true)]
    pub region: Option<String>,
    /// First UDP port for media, one for each worker; 0 lets the system choose [default: 10000]
    #[arg(long, env = "VITRINE_MEDIA_PORT", value_name = "PORT", global = true)]
    pub media_port: Option<u16>,
    /// TCP port for media of pages that cannot use UDP, for example 443; 0: none
    /// [default: the number of the media port]
    #[arg(long, env = "VITRINE_MEDIA_TCP_PORT", value_name = "PORT", global = true)]
    pub media_tcp_port: Option<u16>,
    /// TURN server for pages that reach the media node neither by UDP nor by TCP, separated by
    /// commas, for example turns:turn.example.com:443?transport=tcp
    #[arg(
        long,
        env = "VITRINE_TURN_URLS",
        value_name = "URL",
        value_delimiter = ',',
        global = true
    )]
    pub turn_urls: Option<Vec<String>>,
    /// Environment and file only, like every secret.
    #[arg(skip = secret_from("VITRINE_TURN_SECRET"))]
    pub turn_secret: Option<Secret>,
    /// How long a page's TURN credentials are good for, in seconds [default: 43200]
    #[arg(long, env = "VITRINE_TURN_TTL_S", value_name = "SECONDS", global = true)]
    pub turn_ttl_s: Option<u64>,
    /// Address that the media node listens on: one of several, when another program has the same port on
    /// the others [default: all]
    #[arg(long, env = "VITRINE_MEDIA_BIND", value_name = "IP", global = true)]
    pub media_bind: Option<IpAddr>,
    /// Addresses under which browsers reach the media node, separated by commas
    /// [default: those of this machine]
    #[arg(
        long,
        env = "VITRINE_MEDIA_ADDRESSES",
        value_name = "IP[:PORT]",
        value_delimiter = ',',
        global = true
    )]
    pub media_addresses: Option<Vec<PublicAddress>>,
    /// Worker threads of the media node [default: one for each core]
    #[arg(long, env = "VITRINE_WORKERS", value_name = "N", global = true)]
    pub workers: Option<NonZeroU16>,
    /// Longest time, in microseconds, that media waits for a worker's next look at its socket while little comes,
    /// which saves processor time; at most 2000, 0: never [default: 2000]
    #[arg(long, env = "VITRINE_RECEIVE_DELAY", value_name = "MICROSECONDS", global = true)]
    pub receive_delay: Option<ReceiveDelay>,
    /// Environment and file only: a flag would show the secret to every user of the machine.
    #[arg(skip = secret_from("VITRINE_CLUSTER_SECRET"))]
    pub cluster_secret: Option<Secret>,
    /// MaxMind database with locations (GeoLite2 City): orders media nodes by distance where a page
    /// has not measured [default: none]
    #[arg(long, env = "VITRINE_GEOIP_DATABASE", value_name = "FILE", global = true)]
    pub geoip_database: Option<PathBuf>,
    /// Log filter, for example `info` or `signaling_server=debug` [default: info]
    #[arg(long, env = "VITRINE_LOG", value_name = "FILTER", global = true)]
    pub log: Option<String>,
    /// How log lines look [default: text]
    #[arg(long, env = "VITRINE_LOG_FORMAT", value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
}

fn secret_from(variable: &str) -> Option<Secret> {
    std::env::var(variable).ok().map(Secret::new)
}

fn parse_name(raw: &str) -> Result<Name, String> {
    Name::parse(raw).map_err(|error| error.to_string())
}

fn parse_media_policy(raw: &str) -> Result<MediaPolicy, String> {
    match raw {
        "private" => Ok(MediaPolicy::Private),
        "instant" => Ok(MediaPolicy::Instant),
        _ => Err("a media policy is private or instant".to_owned()),
    }
}

impl Layer {
    /// The keys a configuration file may have.
    pub(super) const KEYS: [&'static str; 28] = [
        "data_dir",
        "store",
        "listen",
        "admin_listen",
        "control_listen",
        "control_address",
        "control_peers",
        "public_url",
        "allowed_origins",
        "trust_proxy",
        "shop",
        "host",
        "media_policy",
        "embedded_node",
        "region",
        "media_port",
        "media_tcp_port",
        "turn_urls",
        "turn_secret",
        "turn_ttl_s",
        "media_bind",
        "media_addresses",
        "workers",
        "receive_delay",
        "cluster_secret",
        "geoip_database",
        "log",
        "log_format",
    ];

    /// Writes what this layer says over `config`.
    pub(super) fn apply(self, config: &mut Config) {
        fn set<T>(slot: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *slot = value;
            }
        }
        set(&mut config.data_dir, self.data_dir);
        set(&mut config.store, self.store.map(Some));
        set(&mut config.listen, self.listen);
        set(&mut config.admin_listen, self.admin_listen);
        set(&mut config.control_listen, self.control_listen);
        set(&mut config.control_address, self.control_address.map(Some));
        set(&mut config.control_peers, self.control_peers);
        set(&mut config.public_url, self.public_url.map(Some));
        set(&mut config.allowed_origins, self.allowed_origins);
        set(&mut config.trust_proxy, self.trust_proxy);
        set(&mut config.shop, self.shop);
        set(&mut config.host, self.host);
        set(&mut config.media_policy, self.media_policy);
        set(&mut config.embedded_node, self.embedded_node);
        set(&mut config.region, self.region);
        set(&mut config.media_port, self.media_port);
        set(&mut config.media_tcp_port, self.media_tcp_port.map(Some));
        set(&mut config.turn_urls, self.turn_urls);
        set(&mut config.turn_secret, self.turn_secret.map(Some));
        set(&mut config.turn_ttl_s, self.turn_ttl_s);
        set(&mut config.media_bind, self.media_bind);
        set(&mut config.media_addresses, self.media_addresses);
        set(&mut config.workers, self.workers.map(Some));
        set(&mut config.receive_delay, self.receive_delay);
        set(&mut config.cluster_secret, self.cluster_secret.map(Some));
        set(&mut config.geoip_database, self.geoip_database.map(Some));
        set(&mut config.log, self.log);
        set(&mut config.log_format, self.log_format);
    }
}
