//! A whole deployment in this process, on ports of its own and with a data directory of its own.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use loadtest::{
    drive::{
        Clock, Target,
        api::{Api, ApiKey},
        call::{self, Setup},
        detour::Detour,
    },
    flow::Plan,
    media::Profile,
    report::CallReport,
};
use signaling_server::{Config, Server};
use tempfile::TempDir;
use tokio::sync::watch;

/// The server under test.
pub struct Deployment {
    pub server: Server,
    data: TempDir,
}

/// Enough for a busy machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

impl Deployment {
    pub async fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let config = Config {
            data_dir: data.path().to_owned(),
            listen: free,
            admin_listen: free,
            control_listen: free,
            media_port: 0,
            media_addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            ..Config::default()
        };
        let server = Server::start(config).await.expect("the server starts");
        assert!(server.wait_for_node(PATIENCE).await, "the embedded node registers");
        Self { server, data }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub fn api_key(&self) -> String {
        self.server.data().api_key().expect("the API key").expose().to_owned()
    }

    pub fn api(&self) -> Api {
        Api::new(self.target(), ApiKey::new(&self.api_key()))
    }

    fn target(&self) -> Target {
        Target::parse(&self.url()).expect("an address")
    }

    /// Makes a call of which both sides talk for `hold`.
    pub async fn call(&self, hold: Duration, detour: Option<Arc<dyn Detour>>) -> CallReport {
        let api = self.api();
        let guests = api.guests().await.expect("a link and an agent");
        let setup = Setup {
            target: self.target(),
            plan: Plan { hold, patience: PATIENCE },
            profile: Profile::default(),
            clock: Clock::start(),
            stop: watch::channel(false).1,
            detour,
        };
        let report = call::run(setup, &guests).await;
        api.remove_agent(guests.agent_id).await.expect("the agent goes");
        report
    }

    /// The text of an admin page.
    pub async fn admin(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.server.admin_address());
        let answer = reqwest::get(url).await.expect("the admin listener answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.expect("text")
    }

    /// Adds up a metric over the lines that have all of `labels`.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.admin("/metrics").await;
        text.lines()
            .filter(|line| {
                let rest = line.strip_prefix(name).unwrap_or_default();
                rest.starts_with(['{', ' '])
                    && labels
                        .iter()
                        .all(|(key, value)| rest.contains(&format!("{key}=\"{value}\"")))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}
