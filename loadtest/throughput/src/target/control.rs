//! Signaling's end of a node's control link, as far as a bench needs it: on a thread of its own, so
//! that the generator never waits.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc as blocking,
    thread,
};

use sfu_node::control::{
    ClusterSecret,
    frame::{FrameReader, write_frame},
    proof::Proofs,
    tls,
};
use signaling_wire::{
    PROTOCOL,
    control::{NodeMessage, SignalingMessage},
};
use tokio::{runtime, sync::mpsc};

use super::TargetError;

/// The link. Dropping it ends it.
pub struct Control {
    /// Where the node has to dial.
    pub address: SocketAddr,
    commands: mpsc::UnboundedSender<SignalingMessage>,
    events: blocking::Receiver<NodeMessage>,
}

impl Control {
    /// Listens for one node on an address that it can reach.
    pub fn start(secret: ClusterSecret, address: Ipv4Addr) -> Result<Self, TargetError> {
        let (commands, queue) = mpsc::unbounded_channel();
        let (sender, events) = blocking::channel();
        let (bound, dialled) = blocking::channel();
        thread::Builder::new().name("control".to_owned()).spawn(move || {
            // Whatever goes wrong shows as the end of the events.
            if let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() {
                let _ = runtime.block_on(serve(&secret, address, &bound, queue, &sender));
            }
        })?;
        let address = dialled
            .recv()
            .map_err(|_| TargetError::Protocol("cannot listen for the control link".to_owned()))?;
        Ok(Self { address, commands, events })
    }

    /// Tells the node something.
    pub fn say(&self, message: SignalingMessage) -> Result<(), TargetError> {
        self.commands.send(message).map_err(|_| lost())
    }

    /// What the node has said, if anything.
    pub fn next(&self) -> Result<Option<NodeMessage>, TargetError> {
        match self.events.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(blocking::TryRecvError::Empty) => Ok(None),
            Err(blocking::TryRecvError::Disconnected) => Err(lost()),
        }
    }
}

fn lost() -> TargetError {
    TargetError::Protocol("the control link is lost".to_owned())
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn serve(
    secret: &ClusterSecret,
    address: Ipv4Addr,
    bound: &blocking::Sender<SocketAddr>,
    mut queue: mpsc::UnboundedReceiver<SignalingMessage>,
    events: &blocking::Sender<NodeMessage>,
) -> Result<(), Failure> {
    let any = SocketAddr::from((address, 0));
    let endpoint = quinn::Endpoint::server(tls::server_config()?, any)?;
    bound.send(endpoint.local_addr()?)?;
    let connection = endpoint.accept().await.ok_or("closed")?.await?;
    let proofs = Proofs::new(&connection, secret)?;
    let (mut writer, reader) = connection.accept_bi().await?;
    let mut reader = FrameReader::new(reader);
    let register: NodeMessage = reader.next().await?.ok_or("no registration")?;
    let proof = proofs.signaling();
    write_frame(&mut writer, &SignalingMessage::Registered { protocol: PROTOCOL, proof }).await?;
    events.send(register)?;
    let writing = tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            write_frame(&mut writer, &message).await?;
        }
        Ok::<(), Failure>(())
    });
    while let Some(message) = reader.next().await? {
        // Nobody reads any more: the bench is over.
        if events.send(message).is_err() {
            break;
        }
    }
    writing.abort();
    Ok(())
}
