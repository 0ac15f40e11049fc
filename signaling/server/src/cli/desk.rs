//! Commands about links, agents and keys. They work next to a running server, on the same data.

use std::sync::Arc;

use signaling_desk::store::{AgentProfile, Store};
use signaling_wire::{claims::Context, ids::AgentId, text::Name};

use super::{LinkArgs, output};
use crate::{
    Config, Failure,
    data_dir::DataDir,
    desk_task::now,
    issuer::{Issuer, LinkOrder},
    keys,
    storage::{Storage, failure as store_failure},
    tokens::Tokens,
};

struct Office {
    store: Arc<dyn Store>,
    issuer: Issuer,
}

impl Office {
    async fn open(config: &Config) -> Result<Self, Failure> {
        let data = DataDir::open(&config.data_dir)?;
        let store = Storage::open_beside(config, &data).await?.store();
        let tokens = Arc::new(Tokens::new(keys::load(&*store).await.map_err(store_failure)?));
        let base_url = match (&config.public_url, data.noted_address()) {
            (None, Some(noted)) => noted,
            _ => config.base_url(config.listen.port()),
        };
        Ok(Self { store, issuer: Issuer::new(tokens, base_url) })
    }

    fn print_sign_in(&self, agent: AgentId) -> Result<(), Failure> {
        let link = self
            .issuer
            .sign_in(agent, now())
            .ok_or_else(|| Failure::Machine("the link cannot be signed".to_owned()))?;
        output::line(&link.url);
        Ok(())
    }
}

pub(super) async fn link(config: Config, args: LinkArgs) -> Result<(), Failure> {
    let office = Office::open(&config).await?;
    let usual = LinkOrder::default();
    let order = LinkOrder {
        queue: args.queue.unwrap_or(usual.queue),
        lifetime: args.expires,
        max_uses: args.uses,
        region: args.region,
        skills: args.skill,
        priority: args.priority,
        synthetic: false,
        context: Context {
            name: args.name,
            order: args.order,
            product: args.product,
            language: args.language,
            page: args.page,
            extra: Default::default(),
        },
    };
    let link =
        office.issuer.link(order, now()).map_err(|error| Failure::Config(error.to_string()))?;
    output::line(&link.url);
    Ok(())
}

pub(super) async fn add_agent(
    config: Config,
    name: Name,
    languages: Vec<Name>,
    skills: Vec<Name>,
) -> Result<(), Failure> {
    let office = Office::open(&config).await?;
    let agent = AgentProfile { id: AgentId::random(&mut rand::rng()), name, languages, skills };
    office.store.put_agent(agent.clone()).await.map_err(store_failure)?;
    output::line(&agent.id.to_string());
    office.print_sign_in(agent.id)
}

pub(super) async fn list_agents(config: Config) -> Result<(), Failure> {
    let office = Office::open(&config).await?;
    for agent in office.store.agents().await.map_err(store_failure)? {
        output::agent(&agent);
    }
    Ok(())
}

pub(super) async fn sign_in_link(config: Config, id: AgentId) -> Result<(), Failure> {
    let office = Office::open(&config).await?;
    match office.store.agent(id).await.map_err(store_failure)? {
        Some(agent) => office.print_sign_in(agent.id),
        None => Err(Failure::Config(format!("there is no agent {id}; see: signaling agent list"))),
    }
}

pub(super) async fn api_key(config: Config, new: bool) -> Result<(), Failure> {
    let data = DataDir::open(&config.data_dir)?;
    let storage = Storage::open_beside(&config, &data).await?;
    let key = if new { storage.new_api_key().await? } else { storage.api_key().await? };
    output::line(key.expose());
    Ok(())
}

pub(super) async fn rotate_keys(config: Config) -> Result<(), Failure> {
    let office = Office::open(&config).await?;
    let keys = keys::rotate(&*office.store).await.map_err(store_failure)?;
    output::line(&format!("tokens are signed with {} from now on", keys.newest()));
    Ok(())
}
