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
        call::{self, Legs, Setup},
        detour::Detour,
    },
    flow::Plan,
    media::Profile,
    report::CallReport,
};
use signaling_server::{Config, Server};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

/// The server under test.
pub(crate) struct Deployment {
    pub(crate) server: Server,
    data: TempDir,
}

/// Enough for a busy machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// A call under way.
pub(crate) struct Call {
    stop: watch::Sender<bool>,
    report: JoinHandle<CallReport>,
}

impl Call {
    pub(crate) fn is_over(&self) -> bool {
        self.report.is_finished()
    }

    /// Ends the call and tells how it was.
    pub(crate) async fn end(self) -> CallReport {
        let _ = self.stop.send(true);
        self.report.await.expect("the call's task ends well")
    }
}

impl Deployment {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let config = Config {
            data_dir: data.path().to_owned(),
            listen: free,
            admin_listen: free,
            control_listen: free,
            media_port: 0,
            media_addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()],
            ..Config::default()
        };
        let server = Server::start(config).await.expect("the server starts");
        assert!(server.wait_for_node(PATIENCE).await, "the embedded node registers");
        Self { server, data }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) fn api_key(&self) -> String {
        self.server.data().api_key().expect("the API key").expose().to_owned()
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(self.target(), ApiKey::new(&self.api_key()))
    }

    pub(crate) fn target(&self) -> Target {
        Target::parse(&self.url()).expect("an address")
    }

    /// Makes a call that goes on until it is told to end, and judges it.
    pub(crate) async fn call(&self, detour: Option<Arc<dyn Detour>>) -> Call {
        let api = self.api();
        let guests = api.guests().await.expect("a link and an agent");
        let (stop, stopped) = watch::channel(false);
        let setup = Setup {
            target: self.target(),
            plan: Plan { hold: FOR_EVER, patience: PATIENCE, video: true },
            profile: Profile::default(),
            clock: Clock::start(),
            stop: stopped,
            legs: Legs::Full { detour },
            from: [None; 2],
        };
        let report = tokio::spawn(async move {
            let report = call::run(setup, &guests).await;
            api.remove_agent(guests.agent.id).await.expect("the agent goes");
            report
        });
        Call { stop, report }
    }

    /// The text of an admin page.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.server.admin_address());
        let answer = reqwest::get(url).await.expect("the admin listener answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.expect("text")
    }

    /// Adds up a metric over the lines that have all of `labels`.
    pub(crate) async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
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

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}
