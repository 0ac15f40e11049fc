//! What a desk in this process works with: opened once where there is one instance, and whenever
//! this instance takes over where there are several.

use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng};
use signaling_desk::{
    Desk, Input, Rules,
    store::{Store, StoreError},
};
use signaling_wire::{browser::MediaPolicy, text::Name};
use tokio::task::JoinHandle;

use crate::{
    control::{Nodes, health},
    desk_task::{self, End},
    issuer::Issuer,
    lead::Here,
    legs::Legs,
    metrics::Metrics,
    outlet::Hands,
    store::postgres::Term,
    turn::Turn,
    ws::Sockets,
};

/// What desks work with.
#[derive(Debug, Clone)]
pub(crate) struct Office {
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) shop: Name,
    pub(crate) host: Name,
    pub(crate) media_policy: MediaPolicy,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) turn: Option<Arc<Turn>>,
}

impl Office {
    /// Opens a desk that carries on where the last one stopped. The handle ends with the desk.
    pub(crate) async fn open(
        &self,
        store: Arc<dyn Store>,
        term: Option<Term>,
    ) -> Result<(Here, JoinHandle<End>), StoreError> {
        let restored = store.restore().await?;
        let (legs, mut given_up) = Legs::new(Arc::clone(&self.nodes));
        let legs = Arc::new(legs);
        let hands = Hands {
            sockets: Arc::clone(&self.sockets),
            legs: Arc::clone(&legs),
            issuer: Arc::clone(&self.issuer),
            shop: self.shop.clone(),
            host: self.host.clone(),
            media_policy: self.media_policy,
            metrics: Arc::clone(&self.metrics),
            turn: self.turn.clone(),
        };
        let rng = StdRng::from_os_rng();
        let desk = Desk::restore(Rules::default(), rng, desk_task::now(), restored);
        let (handle, ended) = desk_task::spawn(desk, store, hands);
        tokio::spawn(health::watch(Arc::clone(&self.nodes), handle.clone()));
        let leg_desk = handle.clone();
        tokio::spawn(async move {
            while let Some(leg) = given_up.recv().await {
                leg_desk.send(Input::LegLost { leg }).await;
            }
        });
        Ok((Here { desk: handle, legs, term }, ended))
    }
}
