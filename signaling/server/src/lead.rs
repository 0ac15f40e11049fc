//! Where the desk is. Only one instance has it; with SQLite that is the only instance there is.

use std::{sync::Arc, time::Duration};

use signaling_desk::Input;
use tokio::{sync::watch, time::timeout};

use crate::{cluster::Leader, desk_task::DeskHandle, legs::Legs, store::postgres::Term};

/// The desk in this process, and the legs that it orders.
#[derive(Debug, Clone)]
pub struct Here {
    /// The way to the desk.
    pub desk: DeskHandle,
    /// The transports of its pages.
    pub legs: Arc<Legs>,
    /// Since when it leads; none where there is only one instance.
    pub term: Option<Term>,
}

/// Where the desk is.
#[derive(Debug, Clone)]
pub enum Lead {
    /// Nobody knows: the instance that had it is lost, and no other has taken over yet.
    Nobody,
    /// Here, but nodes still tell it what they carry; pages have to wait.
    Taking(Here),
    /// Here.
    Here(Here),
    /// In the instance at the other end of this link.
    There(Arc<Leader>),
}

/// Nobody has a desk that could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoDesk;

/// Where the desk is now, and when that changes.
#[derive(Debug, Clone)]
pub struct Leads(watch::Receiver<Lead>);

impl Leads {
    /// Nobody leads until the sender says so.
    #[must_use]
    pub fn new() -> (watch::Sender<Lead>, Self) {
        let (sender, receiver) = watch::channel(Lead::Nobody);
        (sender, Self(receiver))
    }

    /// Where it is now.
    #[must_use]
    pub fn now(&self) -> Lead {
        self.0.borrow().clone()
    }

    /// The desk in this process, if it is here, also while it is taking over.
    #[must_use]
    pub fn here(&self) -> Option<Here> {
        match &*self.0.borrow() {
            Lead::Here(here) | Lead::Taking(here) => Some(here.clone()),
            Lead::Nobody | Lead::There(_) => None,
        }
    }

    /// A desk that takes pages; waits for one, but not for ever.
    pub async fn wait(&mut self, patience: Duration) -> Lead {
        let takes_pages = |lead: &Lead| matches!(lead, Lead::Here(_) | Lead::There(_));
        match timeout(patience, self.0.wait_for(takes_pages)).await {
            Ok(Ok(lead)) => lead.clone(),
            Ok(Err(_)) | Err(_) => Lead::Nobody,
        }
    }

    /// Waits until the desk is no longer where it was when this was made or last waited.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Tells the desk, wherever it is, what the API decided.
    ///
    /// # Errors
    /// When there is none to be told.
    pub async fn order(&self, order: crate::cluster::Order) -> Result<(), NoDesk> {
        match self.now() {
            Lead::Here(here) | Lead::Taking(here) => {
                let told = here.desk.send(Input::from(order)).await;
                if told { Ok(()) } else { Err(NoDesk) }
            }
            Lead::There(leader) => leader.order(order).await,
            Lead::Nobody => Err(NoDesk),
        }
    }
}
