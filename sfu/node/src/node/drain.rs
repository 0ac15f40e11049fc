//! Emptying a node before it stops: it takes nothing more, and signaling moves its calls to other
//! nodes while this one still carries them.

use signaling_wire::control::Load;
use tokio::sync::{mpsc, oneshot, watch};

use super::dispatch::{Status, ToDispatch};

/// The node has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has ended")]
pub struct Ended;

/// A handle on a running node's drain; cheap to clone.
#[derive(Debug, Clone)]
pub struct Drain {
    to_dispatch: mpsc::Sender<ToDispatch>,
    status: watch::Receiver<Status>,
}

impl Drain {
    pub(super) fn new(
        to_dispatch: mpsc::Sender<ToDispatch>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { to_dispatch, status }
    }

    /// Takes nothing more, or takes legs again; what the node carries now.
    ///
    /// # Errors
    /// When the node has ended.
    pub async fn set(&self, on: bool) -> Result<Load, Ended> {
        let (reply, load) = oneshot::channel();
        self.to_dispatch.send(ToDispatch::Drain { on, reply }).await.map_err(|_| Ended)?;
        load.await.map_err(|_| Ended)
    }

    /// Waits until no leg is left, or the node has ended.
    pub async fn emptied(&self) {
        let mut status = self.status.clone();
        // It fails when the node has ended, which is as good.
        let _ = status.wait_for(|status| status.load.legs == 0).await;
    }

    /// What the node carries now.
    pub fn load(&self) -> Load {
        self.status.borrow().load
    }
}
