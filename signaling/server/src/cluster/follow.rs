//! The link to the instance that leads, from the side that follows.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sfu_node::control::{
    ClusterSecret,
    frame::{FrameError, FrameReader, write_frame_within},
    proof::{NoKeyingMaterial, Proofs},
    tls,
};
use signaling_desk::SocketId;
use signaling_wire::{browser::ClientMessage, ids::LegId};
use tokio::{
    net::lookup_host,
    sync::{mpsc, watch},
    time::timeout,
};

use super::messages::{FromLeader, MAX_FRAME, Order, PROTOCOL, ToLeader};
use crate::{
    lead::NoDesk,
    store::postgres::Term,
    ws::{Sockets, Visitor},
};

/// From the first packet to a proven link. It takes three round trips.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// Messages that may wait for the link. A full queue slows the pages that fill it.
const QUEUE: usize = 4_096;

/// The instance that leads, as long as the link to it is up.
#[derive(Debug)]
pub struct Leader {
    term: Term,
    queue: mpsc::Sender<ToLeader>,
    /// Whether the link is lost.
    lost: watch::Receiver<bool>,
}

impl Leader {
    /// The term in which it leads.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }

    /// Whether the link is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !*self.lost.borrow()
    }

    /// Waits until the link is lost.
    pub async fn lost(&self) {
        // It fails when the link's task is gone, and the link with it.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }

    /// A page said a good hello.
    pub(crate) async fn connected(&self, socket: SocketId, visitor: Visitor, leg: Option<LegId>) {
        self.say(ToLeader::Connected { socket: socket.0, visitor: visitor.into(), leg }).await;
    }

    /// A page said something.
    pub(crate) async fn said(&self, socket: SocketId, message: ClientMessage) {
        self.say(ToLeader::Said { socket: socket.0, message }).await;
    }

    /// A socket is gone.
    pub(crate) async fn gone(&self, socket: SocketId) {
        self.say(ToLeader::Gone { socket: socket.0 }).await;
    }

    /// The API decided something.
    pub(crate) async fn order(&self, order: Order) -> Result<(), NoDesk> {
        self.queue.send(ToLeader::Order(order)).await.map_err(|_| NoDesk)
    }

    /// On a lost link nothing can be said; its pages are told to come back.
    async fn say(&self, message: ToLeader) {
        let _ = self.queue.send(message).await;
    }
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("it has no address")]
    NoAddress,
    #[error("it does not answer")]
    Silent,
    #[error("it refuses: {0}")]
    Refused(String),
    #[error("it cannot prove that it knows the cluster secret")]
    Unproven,
    #[error("it does not keep to the protocol")]
    Unexpected,
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error(transparent)]
    Dial(#[from] quinn::ConnectError),
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Proof(#[from] NoKeyingMaterial),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Dials the leader of a term; what it says to pages goes to `sockets`.
pub(super) async fn dial(
    address: &str,
    term: Term,
    me: &str,
    secret: &ClusterSecret,
    sockets: &Arc<Sockets>,
) -> Result<Arc<Leader>, LinkError> {
    let work = connect(address, term, me, secret);
    let (endpoint, connection, mut reader, mut writer) =
        timeout(HANDSHAKE, work).await.map_err(|_| LinkError::Silent)??;
    let (queue, mut waiting) = mpsc::channel(QUEUE);
    let (lose, lost) = watch::channel(false);
    // A frame must not be torn by cancellation: writing has a task of its own.
    let writing = tokio::spawn(async move {
        while let Some(message) = waiting.recv().await {
            if write_frame_within(&mut writer, &message, MAX_FRAME).await.is_err() {
                return;
            }
        }
    });
    let sockets = Arc::clone(sockets);
    tokio::spawn(async move {
        let why = loop {
            match reader.next().await {
                Ok(Some(FromLeader::Say { socket, message })) => {
                    sockets.send(SocketId(socket), message);
                }
                Ok(Some(_)) => break LinkError::Unexpected.to_string(),
                Ok(None) => break "it closed the link".to_owned(),
                Err(error) => break error.to_string(),
            }
        };
        tracing::warn!(term = term.0, why, "the link to the leading instance is lost");
        lose.send_replace(true);
        writing.abort();
        connection.close(0u8.into(), b"");
        drop(endpoint);
    });
    Ok(Arc::new(Leader { term, queue, lost }))
}

type Dialled =
    (quinn::Endpoint, quinn::Connection, FrameReader<quinn::RecvStream>, quinn::SendStream);

async fn connect(
    address: &str,
    term: Term,
    me: &str,
    secret: &ClusterSecret,
) -> Result<Dialled, LinkError> {
    let to = lookup_host(address).await?.next().ok_or(LinkError::NoAddress)?;
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let mut endpoint = quinn::Endpoint::client(any)?;
    endpoint.set_default_client_config(tls::instance_config()?);
    let connection = endpoint.connect(to, tls::SERVER_NAME)?.await?;
    let proofs = Proofs::new(&connection, secret)?;
    let (mut writer, reader) = connection.open_bi().await?;
    let mut reader = FrameReader::with_limit(reader, MAX_FRAME);
    let hello = ToLeader::Hello {
        protocol: PROTOCOL,
        instance: me.to_owned(),
        term: term.0,
        proof: proofs.instance(),
    };
    write_frame_within(&mut writer, &hello, MAX_FRAME).await?;
    match reader.next().await? {
        Some(FromLeader::Welcome { proof }) if proofs.is_signaling(&proof) => {
            Ok((endpoint, connection, reader, writer))
        }
        Some(FromLeader::Welcome { .. }) => Err(LinkError::Unproven),
        Some(FromLeader::Refused { reason }) => Err(LinkError::Refused(reason)),
        Some(FromLeader::Say { .. }) | None => Err(LinkError::Unexpected),
    }
}
