//! Starting and stopping the server.
//!
//! [`Server::start`] brings everything up in the order in which it depends on each other, and
//! fails with a sentence; [`Server::stop`] takes it down again so that the next start continues.
//! [`until_stopped`] is what `signaling run` does around it.

mod listen;
mod node;
mod office;
mod signals;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sfu_node::control::ClusterSecret;
use signaling_desk::{
    Input,
    store::{AgentProfile, Store, StoreError},
};
use signaling_wire::{browser::ByeReason, ids::AgentId, text::Name};
use tokio::{sync::watch, task::JoinHandle};

use self::listen::Listener;
use crate::{
    Failure,
    admin::{self, Admin},
    app::App,
    bucket::Bucket,
    cluster::{Campaign, Peers, Standing},
    config::Config,
    control::{
        Nodes,
        endpoint::{Callers, Endpoint},
    },
    data_dir::{DataDir, random},
    desk_task::End,
    geo::Geo,
    http::{self, ApiKeys, FailureLimit},
    issuer::{Issuer, LinkOrder},
    keys,
    lead::{Lead, Leads},
    legs::DeskEvents,
    metrics::{MeteredStore, Metrics},
    storage::{Storage, failure as store_failure},
    tokens::Tokens,
    turn::Turn,
};

pub(crate) use self::office::Office;
pub use self::signals::until_stopped;

/// How long pages may take to hear that the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Name of the agent of a first start. Shoppers see it until somebody adds real agents.
const FIRST_AGENT: &str = "Agent";

/// Its id's name among the secrets.
const FIRST_AGENT_ID: &str = "first-agent";

/// A running server.
pub struct Server {
    app: Arc<App>,
    data: DataDir,
    public: Listener,
    admin: Listener,
    control: Endpoint,
    node: Option<sfu_node::Node>,
    desk: Seat,
    storage: Storage,
}

/// What keeps the desk of this process, or its place among several instances.
enum Seat {
    /// The only one: its desk.
    Alone(JoinHandle<End>),
    /// One of several.
    Among { stop: watch::Sender<bool>, campaign: JoinHandle<()> },
}

impl Server {
    /// Starts everything. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// A sentence about what the machine or the configuration does not allow.
    pub async fn start(config: Config) -> Result<Self, Failure> {
        let data = DataDir::open(&config.data_dir)?;
        let geo = config.geoip_database.as_deref().map(Geo::open).transpose()?;
        let storage = Storage::open(&config, &data).await?;
        let metrics = Arc::new(Metrics::new());
        let store: Arc<dyn Store> =
            Arc::new(MeteredStore::new(storage.store(), Arc::clone(&metrics)));
        // Ports next: they are what fails most often, and nothing has happened yet.
        let public = listen::bind("listen", config.listen).await?;
        let admin = listen::bind("admin_listen", config.admin_listen).await?;
        let control = Endpoint::bind(config.control_listen)?;
        let base_url = config.base_url(public.address().port());
        let secret = cluster_secret(&config, &storage).await?;
        let api_keys = ApiKeys::load(storage.clone()).await?;
        let tokens = Arc::new(Tokens::new(keys::load(&*store).await.map_err(store_failure)?));
        let issuer = Arc::new(Issuer::new(Arc::clone(&tokens), base_url.clone()));

        let office = Office {
            nodes: Arc::new(Nodes::new(geo)),
            sockets: Arc::default(),
            issuer: Arc::clone(&issuer),
            shop: config.shop.clone(),
            host: config.host.clone(),
            media_policy: config.media_policy,
            metrics: Arc::clone(&metrics),
            turn: Turn::from_config(&config).map(Arc::new),
        };
        let (sender, lead) = Leads::new();
        let (desk, standing) = match &storage {
            Storage::Embedded(..) => {
                let opened = office.open(Arc::clone(&store), None).await;
                let (here, ended) = opened.map_err(store_failure)?;
                sender.send_replace(Lead::Here(here));
                (Seat::Alone(ended), None)
            }
            Storage::Shared(postgres) => {
                let (standing, seen) = watch::channel(Standing::default());
                let (stop, stopping) = watch::channel(false);
                let campaign = Campaign {
                    me: hex::encode(random::<8>()),
                    address: config
                        .control_address
                        .clone()
                        .unwrap_or_else(|| control.address().to_string()),
                    store: postgres.clone(),
                    office: office.clone(),
                    secret: secret.clone(),
                    lead: sender,
                    standing,
                };
                (Seat::Among { stop, campaign: tokio::spawn(campaign.run(stopping)) }, Some(seen))
            }
        };

        let Office { nodes, sockets, .. } = office;
        let app = Arc::new(App {
            config,
            store,
            lead: lead.clone(),
            standing,
            sockets,
            seconds: Arc::default(),
            nodes: Arc::clone(&nodes),
            tokens,
            issuer,
            api_keys,
            failures: FailureLimit::default(),
            metrics,
            stopping: AtomicBool::new(false),
            key_reloads: Mutex::new(Bucket::new(1.0, KEY_RELOADS_PER_SECOND, Instant::now())),
        });
        control.serve(Callers {
            secret: secret.clone(),
            nodes,
            events: Arc::new(DeskEvents { lead }),
            peers: match &storage {
                Storage::Embedded(..) => None,
                Storage::Shared(_) => Some(Peers::new(Arc::clone(&app), secret.clone())),
            },
        });
        let node = if app.config.embedded_node {
            Some(node::start(&app.config, &storage, &data, secret, control.address()).await?)
        } else {
            None
        };
        data.note_address(&base_url)?;
        let monitor = node.as_ref().map(sfu_node::Node::monitor);
        let admin = admin.serve(admin::router(Admin { app: Arc::clone(&app), node: monitor }));
        let public = public.serve(http::router(Arc::clone(&app)));
        Ok(Self { app, data, public, admin, control, node, desk, storage })
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

    /// The store, and the secrets that go with it.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
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
        match self.desk {
            Seat::Alone(desk) => {
                if let Some(here) = self.app.lead.here() {
                    here.desk.send(Input::Shutdown).await;
                }
                if let Err(error) = desk.await {
                    tracing::error!(%error, "the desk failed");
                }
            }
            Seat::Among { stop, campaign } => {
                stop.send_replace(true);
                if let Err(error) = campaign.await {
                    tracing::error!(%error, "the campaign failed");
                }
                // Those whose desk is in another instance.
                self.app.sockets.close_all(ByeReason::Restarting);
            }
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
        self.storage.close().await;
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

async fn cluster_secret(config: &Config, storage: &Storage) -> Result<ClusterSecret, Failure> {
    let secret = match &config.cluster_secret {
        Some(secret) => secret.clone(),
        None => storage.cluster_secret().await?,
    };
    ClusterSecret::new(secret.expose()).map_err(|error| Failure::Config(error.to_string()))
}

/// The agent whose console is printed; made when there is none.
async fn first_agent(store: &dyn Store) -> Result<AgentProfile, StoreError> {
    if let Some(agent) = store.agents().await?.into_iter().next() {
        return Ok(agent);
    }
    // Instances that start together on an empty database make the same one.
    let id = store.secret(FIRST_AGENT_ID, random::<16>().to_vec()).await?;
    let id = id.try_into().map_err(|_| StoreError::Damaged(FIRST_AGENT_ID.to_owned()))?;
    let agent = AgentProfile {
        id: AgentId::from_bits(u128::from_be_bytes(id)),
        name: Name::parse(FIRST_AGENT).unwrap_or_default(),
        languages: Vec::new(),
        skills: Vec::new(),
    };
    store.put_agent(agent.clone()).await?;
    Ok(agent)
}
