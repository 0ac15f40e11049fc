//! TCP listeners.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, serve::ListenerExt};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use crate::{Failure, failure::plainly};

/// How long requests under way may take when the listener stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// A port that is ours, not answering yet.
pub(super) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Takes the port for the setting of this name.
pub(super) async fn bind(setting: &str, address: SocketAddr) -> Result<Bound, Failure> {
    let failure = |error: std::io::Error| {
        let flag = setting.replace('_', "-");
        Failure::Machine(format!("cannot listen on {address}: {} (--{flag})", plainly(&error)))
    };
    let listener = TcpListener::bind(address).await.map_err(failure)?;
    let address = listener.local_addr().map_err(failure)?;
    Ok(Bound { listener, address })
}

impl Bound {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts answering.
    pub(super) fn serve(self, router: Router) -> Listener {
        // Messages here are small and somebody waits for each.
        let listener = self.listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY");
            }
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, service).with_graceful_shutdown(async {
                // Dropping the sender is a stop as well.
                let _ = stopped.await;
            });
            if let Err(error) = serving.await {
                tracing::error!(%error, "a listener failed");
            }
        });
        Listener { address: self.address, stop, task }
    }
}

/// A port that answers.
pub(super) struct Listener {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and lets the requests under way finish.
    pub(super) async fn stop(self) {
        let Self { stop, mut task, .. } = self;
        drop(stop);
        if timeout(LAST_REQUESTS, &mut task).await.is_err() {
            task.abort();
        }
    }
}
