//! One registered control link, from the handshake to its end.

use std::{
    future::pending,
    net::SocketAddr,
    time::{Duration, Instant},
};

use quinn::{Connection, RecvStream, SendStream, VarInt};
use signaling_wire::{
    PROTOCOL, SUPPORTED,
    control::{HEARTBEAT_MS, NodeMessage, NodeState, Register, SignalingMessage},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use super::Shared;
use crate::{
    control::{
        frame::{FrameError, FrameReader, write_frame},
        proof::{NoKeyingMaterial, Proofs},
        tls::SERVER_NAME,
    },
    node::{Hello, LinkId, Status, ToDispatch},
};

/// How long signaling may take to answer the registration.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// Messages that may wait for a link. A burst is a few per leg of a call; a link this far behind
/// is as good as lost, and is cut.
const MESSAGES: usize = 4_096;

/// How long the last messages may take to arrive when the node stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Close code of a link: it ended as it should.
const DONE: VarInt = VarInt::from_u32(0);
/// Close code of a link: the other end did not keep to the protocol.
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(1);
/// Close code of a link: the other end could not prove that it knows the cluster secret.
const UNPROVEN: VarInt = VarInt::from_u32(2);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error(transparent)]
    Dial(#[from] quinn::ConnectError),
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Exporter(#[from] NoKeyingMaterial),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("signaling refuses this node: {0}")]
    Refused(String),
    #[error("signaling cannot prove that it knows the cluster secret")]
    Unproven,
    #[error("signaling speaks protocol {0}, this node {SUPPORTED:?}")]
    Protocol(u16),
    #[error("signaling does not keep to the protocol")]
    Unexpected,
    #[error("signaling does not answer the registration")]
    Timeout,
    #[error("the node is stopping")]
    Stopping,
}

impl LinkError {
    fn code(&self) -> VarInt {
        match self {
            Self::Unproven => UNPROVEN,
            Self::Frame(FrameError::TooLarge(_) | FrameError::Malformed(_))
            | Self::Protocol(_)
            | Self::Unexpected => PROTOCOL_ERROR,
            _ => DONE,
        }
    }
}

/// A link on which both ends have proven themselves.
pub(super) struct Link {
    id: LinkId,
    connection: Connection,
    reader: FrameReader<RecvStream>,
    writer: SendStream,
    shared: Shared,
}

impl Link {
    /// Dials and registers.
    pub(super) async fn open(
        endpoint: &quinn::Endpoint,
        address: SocketAddr,
        id: LinkId,
        shared: &Shared,
    ) -> Result<Self, LinkError> {
        let connection = endpoint.connect(address, SERVER_NAME)?.await?;
        let registered = timeout(HANDSHAKE, register(&connection, id, shared)).await;
        match registered.unwrap_or(Err(LinkError::Timeout)) {
            Ok((reader, writer)) => {
                Ok(Self { id, connection, reader, writer, shared: shared.clone() })
            }
            Err(error) => {
                connection.close(error.code(), error.to_string().as_bytes());
                Err(error)
            }
        }
    }

    /// Its connection.
    pub(super) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Runs the link until it is lost or the node stops.
    pub(super) async fn run(self) -> Result<(), LinkError> {
        let Self { id, connection, reader, writer, shared } = self;
        let (messages, queue) = mpsc::channel(MESSAGES);
        let up = ToDispatch::Up { link: id, messages };
        shared.to_dispatch.send(up).await.map_err(|_| LinkError::Stopping)?;
        let ended = tokio::select! {
            ended = listen(id, reader, &shared.to_dispatch) => ended,
            ended = speak(writer, queue, shared.status.clone()) => ended,
        };
        // Fails when the node has stopped, which knows of no links any more.
        let _ = shared.to_dispatch.send(ToDispatch::Down { link: id }).await;
        match &ended {
            Ok(()) => connection.close(DONE, b""),
            Err(error) => connection.close(error.code(), error.to_string().as_bytes()),
        }
        ended
    }
}

async fn register(
    connection: &Connection,
    link: LinkId,
    shared: &Shared,
) -> Result<(FrameReader<RecvStream>, SendStream), LinkError> {
    let proofs = Proofs::new(connection, &shared.identity.secret)?;
    let (mut writer, reader) = connection.open_bi().await?;
    let mut reader = FrameReader::new(reader);
    let (reply, hello) = oneshot::channel();
    let wanted = ToDispatch::Hello { link, reply };
    shared.to_dispatch.send(wanted).await.map_err(|_| LinkError::Stopping)?;
    let Hello { legs, calls, load } = hello.await.map_err(|_| LinkError::Stopping)?;

    let identity = &shared.identity;
    let register = NodeMessage::Register(Box::new(Register {
        protocol: PROTOCOL,
        node: identity.node,
        epoch: identity.epoch,
        region: identity.region.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        addresses: identity.addresses.clone(),
        relay: identity.relay.clone(),
        capacity: identity.capacity,
        load,
        legs,
        calls,
        proof: proofs.node(),
        measure: Some(identity.measure.clone()),
    }));
    write_frame(&mut writer, &register).await?;
    match reader.next().await? {
        Some(SignalingMessage::Registered { protocol, .. }) if !SUPPORTED.contains(&protocol) => {
            Err(LinkError::Protocol(protocol))
        }
        Some(SignalingMessage::Registered { proof, .. }) if !proofs.is_signaling(&proof) => {
            Err(LinkError::Unproven)
        }
        Some(SignalingMessage::Registered { .. }) => Ok((reader, writer)),
        Some(SignalingMessage::Refused { reason }) => Err(LinkError::Refused(reason)),
        _ => Err(LinkError::Unexpected),
    }
}

/// Passes on what signaling says until it ends the stream.
async fn listen(
    link: LinkId,
    mut reader: FrameReader<RecvStream>,
    to_dispatch: &mpsc::Sender<ToDispatch>,
) -> Result<(), LinkError> {
    while let Some(message) = reader.next::<SignalingMessage>().await? {
        let said = ToDispatch::Said { link, at: Instant::now(), message };
        to_dispatch.send(said).await.map_err(|_| LinkError::Stopping)?;
    }
    Ok(())
}

/// Says what the dispatcher wants said, and how the node is: every [`HEARTBEAT_MS`] and at once
/// when its state changes. Ends, after a farewell, when the dispatcher ends.
async fn speak(
    mut writer: SendStream,
    mut queue: mpsc::Receiver<NodeMessage>,
    status: watch::Receiver<Status>,
) -> Result<(), LinkError> {
    let mut beat = interval(Duration::from_millis(HEARTBEAT_MS));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut state = status.borrow().load.state;
    loop {
        let message = tokio::select! {
            message = queue.recv() => message,
            _ = beat.tick() => Some(heartbeat(&status)),
            () = changed(status.clone(), state) => Some(heartbeat(&status)),
        };
        let Some(message) = message else { break };
        if let NodeMessage::Heartbeat(load) = &message {
            state = load.state;
        }
        write_frame(&mut writer, &message).await?;
    }
    // The node has ended: says so even if it did within the same instant.
    write_frame(&mut writer, &heartbeat(&status)).await?;
    // Fails only on a stream that is closed already.
    let _ = writer.finish();
    // Without an acknowledgement in time the link is closed all the same.
    let _ = timeout(FAREWELL, writer.stopped()).await;
    Ok(())
}

fn heartbeat(status: &watch::Receiver<Status>) -> NodeMessage {
    NodeMessage::Heartbeat(status.borrow().load)
}

/// Waits until the state is another one; for ever when the node has ended.
async fn changed(mut status: watch::Receiver<Status>, state: NodeState) {
    if status.wait_for(|status| status.load.state != state).await.is_err() {
        pending().await
    }
}
