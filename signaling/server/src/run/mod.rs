//! Starting and stopping the server.
//!
//! [`Server::start`] brings everything up in the order in which it depends on each other, and
//! fails with a sentence; [`Server::stop`] takes it down again so that the next start continues.
//! [`until_stopped`] is what `signaling run` does around it.

mod listen;
mod node;
mod signals;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::StdRng};
use sfu_node::control::ClusterSecret;
use signaling_desk::{
    Desk, Input, Rules,
    store::{AgentProfile, Store, StoreError},
};
use signaling_wire::{ids::AgentId, text::Name};
use tokio::task::JoinHandle;

use self::listen::Listener;
use crate::{
    Failure,
    admin::{self, Admin},
    app::App,
    bucket::Bucket,
    config::Config,
    control::{Nodes, endpoint::Endpoint, health},
    data_dir::DataDir,
    desk_task,
    http::{self, ApiKeys, FailureLimit},
    issuer::{Issuer, LinkOrder},
    keys,
    legs::{DeskEvents, Legs},
    metrics::{MeteredStore, Metrics},
    outlet::Hands,
    store::Sqlite,
    tokens::Tokens,
    ws::Sockets,
};

pub use self::signals::until_stopped;

/// How long pages may take to hear that the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Name of the agent of a first start. Shoppers see it until somebody adds real agents.
const FIRST_AGENT: &str = "Agent";

/// A running server.
pub struct Server {
    app: Arc<App>,
    data: DataDir,
    public: Listener,
    admin: Listener,
    control: Endpoint,
    node: Option<sfu_node::Node>,
    desk: JoinHandle<()>,
    sqlite: Sqlite,
}

impl Server {
    /// Starts everything. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// A sentence about what the machine or the configuration does not allow.
    pub async fn start(config: Config) -> Result<Self, Failure> {
        let data = DataDir::open(&config.data_dir)?;
        let sqlite =
            Sqlite::open(&data.database()).map_err(|error| Failure::Machine(error.to_string()))?;
        let metrics = Arc::new(Metrics::new());
        let store: Arc<dyn Store> =
            Arc::new(MeteredStore::new(sqlite.clone(), Arc::clone(&metrics)));
        // Ports next: they are what fails most often, and nothing has happened yet.
        let public = listen::bind("listen", config.listen).await?;
        let admin = listen::bind("admin_listen", config.admin_listen).await?;
        let base_url = config.base_url(public.address().port());
        let secret = cluster_secret(&config, &data)?;
        let api_keys = ApiKeys::new(&data.api_key()?, data.clone());
        let tokens = Arc::new(Tokens::new(keys::load(&*store).await.map_err(store_failure)?));
        let issuer = Arc::new(Issuer::new(Arc::clone(&tokens), base_url.clone()));

        let nodes = Arc::new(Nodes::default());
        let (legs, mut given_up) = Legs::new(Arc::clone(&nodes));
        let legs = Arc::new(legs);
        let sockets = Arc::new(Sockets::default());
        let hands = Hands {
            sockets: Arc::clone(&sockets),
            legs: Arc::clone(&legs),
            issuer: Arc::clone(&issuer),
            shop: config.shop.clone(),
            host: config.host.clone(),
            media_policy: config.media_policy,
            metrics: Arc::clone(&metrics),
        };
        let restored = store.restore().await.map_err(store_failure)?;
        let desk =
            Desk::restore(Rules::default(), StdRng::from_os_rng(), desk_task::now(), restored);
        let (handle, desk) = desk_task::spawn(desk, Arc::clone(&store), hands);

        let leg_desk = handle.clone();
        tokio::spawn(async move {
            while let Some(leg) = given_up.recv().await {
                leg_desk.send(Input::LegLost { leg }).await;
            }
        });
        tokio::spawn(health::watch(Arc::clone(&nodes), handle.clone()));
        let events = Arc::new(DeskEvents { legs: Arc::clone(&legs), desk: handle.clone() });
        let control =
            Endpoint::start(config.control_listen, secret.clone(), Arc::clone(&nodes), events)?;
        let node = if config.embedded_node {
            Some(node::start(&config, &*store, secret, control.address()).await?)
        } else {
            None
        };

        let app = Arc::new(App {
            config,
            store,
            desk: handle,
            sockets,
            legs,
            nodes,
            tokens,
            issuer,
            api_keys,
            failures: FailureLimit::default(),
            metrics,
            stopping: AtomicBool::new(false),
            key_reloads: Mutex::new(Bucket::new(1.0, KEY_RELOADS_PER_SECOND, Instant::now())),
        });
        data.note_address(&base_url)?;
        let monitor = node.as_ref().map(sfu_node::Node::monitor);
        let admin = admin.serve(admin::router(Admin { app: Arc::clone(&app), node: monitor }));
        let public = public.serve(http::router(Arc::clone(&app)));
        Ok(Self { app, data, public, admin, control, node, desk, sqlite })
    }

    /// What the request handlers share.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Where everything is kept.
    #[must_use]
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// Where pages and API are.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.public.address()
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Where nodes dial.
    #[must_use]
    pub fn control_address(&self) -> SocketAddr {
        self.control.address()
    }

    /// What somebody at the terminal needs to try a call. The first start has an agent made.
    ///
    /// # Errors
    /// A sentence when the store does not answer.
    pub async fn first_steps(&self) -> Result<FirstSteps, Failure> {
        let app = &self.app;
        let agent = first_agent(&*app.store).await.map_err(store_failure)?;
        let unsigned = || Failure::Machine("links cannot be signed".to_owned());
        let now = app.now();
        Ok(FirstSteps {
            console: app.issuer.sign_in(agent.id, now).ok_or_else(unsigned)?.url,
            shopper: app.issuer.link(LinkOrder::default(), now).map_err(|_| unsigned())?.url,
        })
    }

    /// Waits until a node takes calls, but not for ever.
    pub async fn wait_for_node(&self, patience: Duration) -> bool {
        const LOOK_AGAIN: Duration = Duration::from_millis(20);
        let wait = async {
            while self.app.nodes.states().serving == 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(patience, wait).await.is_ok()
    }

    /// Stops everything. Pages are told to come back, and what happened is stored.
    pub async fn stop(self) {
        self.app.stopping.store(true, Ordering::Relaxed);
        self.app.desk.send(Input::Shutdown).await;
        if let Err(error) = self.desk.await {
            tracing::error!(%error, "the desk failed");
        }
        let farewell = async {
            while !self.app.sockets.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("some pages did not hear that the server stops");
        }
        self.public.stop().await;
        if let Some(node) = self.node {
            node.stop().await;
        }
        self.control.close().await;
        self.admin.stop().await;
        self.sqlite.close().await;
    }
}

/// Addresses that let somebody at the terminal try a call.
#[derive(Debug, Clone)]
pub struct FirstSteps {
    /// The agent console; signs in, once.
    pub console: String,
    /// A shopper link.
    pub shopper: String,
}

/// How often an unknown key id may make the store be asked for new keys.
const KEY_RELOADS_PER_SECOND: f64 = 1.0;

fn cluster_secret(config: &Config, data: &DataDir) -> Result<ClusterSecret, Failure> {
    let secret = match &config.cluster_secret {
        Some(secret) => secret.clone(),
        None => data.cluster_secret()?,
    };
    ClusterSecret::new(secret.expose()).map_err(|error| Failure::Config(error.to_string()))
}

/// The agent whose console is printed; made when there is none.
async fn first_agent(store: &dyn Store) -> Result<AgentProfile, StoreError> {
    if let Some(agent) = store.agents().await?.into_iter().next() {
        return Ok(agent);
    }
    let agent = AgentProfile {
        id: AgentId::random(&mut rand::rng()),
        name: Name::parse(FIRST_AGENT).unwrap_or_default(),
        languages: Vec::new(),
        skills: Vec::new(),
    };
    store.put_agent(agent.clone()).await?;
    Ok(agent)
}

pub(crate) fn store_failure(error: StoreError) -> Failure {
    Failure::Machine(error.to_string())
}
