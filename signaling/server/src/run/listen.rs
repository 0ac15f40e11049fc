//! TCP listeners. Strangers reach them, so what a connection may cost is bounded: how many there
//! are, and how long one may take to say what it wants.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tower::ServiceExt;

use crate::{Failure, failure::plainly};

/// Connections that speak HTTP at a time (a WebSocket stops counting when it is upgraded). Above
/// it new ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4_096;

/// How long a request's head may take, and how long a connection may idle between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long requests under way may take when the listener stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Pause when the system has no more file descriptors: they come back when connections close.
const OUT_OF_FILES: Duration = Duration::from_millis(200);

/// A port that is ours, not answering yet.
pub(super) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Takes the port for the setting of this name.
pub(super) async fn bind(setting: &str, address: SocketAddr) -> Result<Bound, Failure> {
    let failure = |error: io::Error| {
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
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(accept(self.listener, router, stopping));
        Listener { address: self.address, stop, task }
    }
}

/// A port that answers.
pub(super) struct Listener {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and lets the requests under way finish.
    pub(super) async fn stop(self) {
        let Self { stop, mut task, .. } = self;
        stop.send_replace(true);
        if timeout(LAST_REQUESTS, &mut task).await.is_err() {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let watching = stopping.clone();
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let work = serve(stream, peer, router.clone(), watching.clone(), permit);
                    tokio::spawn(work);
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted");
                    sleep(OUT_OF_FILES).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        // Whoever could stop us is gone: that is a stop as well.
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    drop(listener);
    // All permits are back when all connections have ended.
    let _ = room.acquire_many(MAX_CONNECTIONS as u32).await;
}

/// Whether the error is about the connection that was to be accepted, which is gone already.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection; ends with it, or when it becomes a WebSocket.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    // Messages here are small and somebody waits for each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = router.map_request(move |mut request: Request<_>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(Body::new)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let stop = async { drop(stopping.wait_for(|stopping| *stopping).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%peer, %error, "connection ended");
    }
}
