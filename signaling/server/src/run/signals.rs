//! Ctrl-C and SIGTERM.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{FirstSteps, Server};
use crate::{Config, Failure};

/// How long a start waits for its node before it says that it is up. It takes milliseconds.
const NODE_PATIENCE: Duration = Duration::from_secs(5);

/// Exit code after a second signal, as shells report SIGINT.
const FORCED: i32 = 130;

/// Runs the server until Ctrl-C or SIGTERM; a second one ends the process at once. `announce` is
/// called when the server is up.
///
/// # Errors
/// A sentence when it cannot start.
pub async fn until_stopped(
    config: Config,
    announce: impl FnOnce(&Server, &FirstSteps),
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let server = Server::start(config).await?;
    if server.app().config.embedded_node && !server.wait_for_node(NODE_PATIENCE).await {
        tracing::warn!("the media node has not registered yet; calls have to wait for it");
    }
    let steps = server.first_steps().await?;
    announce(&server, &steps);
    signals.next().await;
    tracing::info!("stopping; once more to stop at once");
    tokio::select! {
        () = server.stop() => Ok(()),
        () = signals.next() => std::process::exit(FORCED),
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::Machine(format!("signals: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
