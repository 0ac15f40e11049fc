//! One control link, from its handshake to its end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quinn::{Connection, RecvStream, SendStream};
use sfu_node::control::{
    ClusterSecret,
    frame::{FrameError, FrameReader, write_frame},
    proof::{NoKeyingMaterial, Proofs},
};
use signaling_wire::{
    PROTOCOL, SUPPORTED,
    control::{NodeMessage, Register, SignalingMessage},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Node, NodeEvents, Nodes, node::COMMAND_QUEUE};

/// From the first packet to a proven registration. A node needs three round trips.
const PROVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("no registration within {} s", PROVE_TIMEOUT.as_secs())]
    TooSlow,
    #[error("the first message is not a registration")]
    NotRegistered,
    #[error("refused: {0}")]
    Refused(&'static str),
    #[error("registered twice")]
    RegisteredTwice,
    #[error(transparent)]
    Proof(#[from] NoKeyingMaterial),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
}

/// Serves one link. A bad frame ends this link and nothing else.
pub(super) async fn serve(
    connection: Connection,
    unproven: OwnedSemaphorePermit,
    secret: &ClusterSecret,
    nodes: &Nodes,
    events: &dyn NodeEvents,
) -> Result<(), LinkError> {
    let (register, reader, writer) =
        tokio::time::timeout(PROVE_TIMEOUT, prove(&connection, secret))
            .await
            .map_err(|_| LinkError::TooSlow)??;
    drop(unproven);
    let result = speak(&connection, *register, reader, writer, nodes, events).await;
    connection.close(0u8.into(), b"");
    result
}

type Proven = (Box<Register>, FrameReader<RecvStream>, SendStream);

/// The handshake: the node proves that it knows the secret, then so do we.
async fn prove(connection: &Connection, secret: &ClusterSecret) -> Result<Proven, LinkError> {
    let proofs = Proofs::new(connection, secret)?;
    let (mut writer, reader) = connection.accept_bi().await?;
    let mut reader = FrameReader::new(reader);
    let Some(NodeMessage::Register(register)) = reader.next().await? else {
        return Err(LinkError::NotRegistered);
    };
    let refusal = if !proofs.is_node(&register.proof) {
        Some("the cluster secrets differ")
    } else if !SUPPORTED.contains(&register.protocol) {
        tracing::warn!(
            node = %register.node,
            theirs = register.protocol,
            ours = ?SUPPORTED,
            version = register.version,
            "a node speaks another protocol"
        );
        Some("the versions of node and signaling do not fit together")
    } else {
        None
    };
    if let Some(reason) = refusal {
        let message = SignalingMessage::Refused { reason: reason.to_owned() };
        write_frame(&mut writer, &message).await?;
        // The reason has to arrive before the connection closes; the peer may be gone already.
        let _ = writer.finish();
        let _ = writer.stopped().await;
        return Err(LinkError::Refused(reason));
    }
    let registered = SignalingMessage::Registered { protocol: PROTOCOL, proof: proofs.signaling() };
    write_frame(&mut writer, &registered).await?;
    Ok((register, reader, writer))
}

async fn speak(
    connection: &Connection,
    mut register: Register,
    mut reader: FrameReader<RecvStream>,
    mut writer: SendStream,
    nodes: &Nodes,
    events: &dyn NodeEvents,
) -> Result<(), LinkError> {
    let (commands, mut queue) = mpsc::channel(COMMAND_QUEUE);
    let legs = std::mem::take(&mut register.legs);
    nodes.relays().registered(register.node, std::mem::take(&mut register.relay));
    let calls = std::mem::take(&mut register.calls);
    let node = Arc::new(Node::new(register, connection.rtt(), commands));
    let incarnation = node.incarnation();
    tracing::info!(
        node = %incarnation.node,
        epoch = %incarnation.epoch,
        region = node.region(),
        version = node.version(),
        legs = legs.len(),
        "node registered"
    );
    if !node.is_same_version() {
        tracing::warn!(
            node = %incarnation.node,
            theirs = node.version(),
            ours = env!("CARGO_PKG_VERSION"),
            "a node with another version: it is used, and comes second to equally near ones"
        );
    }
    // Before it can be chosen: legs that it lost must not be mistaken for new ones.
    events.registered(&node, legs, calls).await;
    nodes.insert(Arc::clone(&node));
    nodes.introduce(&node);
    events.linked(&node).await;

    // A frame must not be torn by cancellation: writing has a task of its own.
    let writing = tokio::spawn(async move {
        while let Some(command) = queue.recv().await {
            write_frame(&mut writer, &command).await?;
        }
        Ok::<(), FrameError>(())
    });
    let result = listen(connection, &node, &mut reader, nodes, events).await;
    nodes.remove(&node);
    writing.abort();
    tracing::warn!(node = %incarnation.node, "control link lost; its calls go on");
    result
}

async fn listen(
    connection: &Connection,
    node: &Node,
    reader: &mut FrameReader<RecvStream>,
    nodes: &Nodes,
    events: &dyn NodeEvents,
) -> Result<(), LinkError> {
    while let Some(message) = reader.next().await? {
        match message {
            NodeMessage::Register(_) => return Err(LinkError::RegisteredTwice),
            NodeMessage::Heartbeat(load) => {
                node.heartbeat(Instant::now(), load, connection.rtt());
            }
            NodeMessage::LegAnswer { request, leg, sdp } => {
                events.leg_answered(leg).await;
                node.answered(request, Ok(sdp));
            }
            NodeMessage::LegRejected { request, reason, .. } => {
                node.answered(request, Err(reason));
            }
            NodeMessage::Carries { term, legs, calls } => {
                events.carries(node, term, legs, calls).await;
            }
            NodeMessage::LegState { leg, state } => events.leg_state(leg, state).await,
            NodeMessage::CallEvent { call, epoch, leg, event, at_us } => {
                events.call_event(call, epoch, leg, event, at_us).await;
            }
            NodeMessage::LegVideo { leg, call, epoch, paused } => {
                events.leg_video(call, epoch, leg, paused).await;
            }
            NodeMessage::LegRoom { leg, call, epoch, up_to_kbps } => {
                events.leg_room(call, epoch, leg, up_to_kbps).await;
            }
            NodeMessage::Peers { rtts } => {
                nodes.relays().measured(node.incarnation().node, &rtts);
            }
            NodeMessage::LegQuality { leg, call, quality } => {
                events.leg_quality(call, leg, quality).await;
            }
        }
    }
    Ok(())
}
