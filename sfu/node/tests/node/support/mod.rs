//! Signaling's end of the control link, played by a test over real sockets.

pub(crate) mod page;
mod tunnel;
pub(crate) mod way;

use std::{future::Future, net::SocketAddr, time::Duration};

use quinn::{Connection, RecvStream, SendStream};
use serde::Serialize;
use sfu_node::{
    NodeConfig,
    control::{
        ClusterSecret,
        frame::{FrameReader, write_frame},
        proof::Proofs,
        tls,
    },
};
use signaling_wire::{
    PROTOCOL,
    control::{NodeMessage, Register, SignalingMessage},
    ids::NodeId,
};
use tokio::io::AsyncWriteExt;

/// A step that takes longer has failed; far above what the slowest machine needs.
const STUCK: Duration = Duration::from_secs(30);

pub(crate) const SECRET: &str = "a cluster secret for tests, not for use";

pub(crate) fn secret() -> ClusterSecret {
    ClusterSecret::new(SECRET).unwrap()
}

/// A node on loopback that dials `signaling`.
pub(crate) fn config(signaling: &TestSignaling) -> NodeConfig {
    let mut config = NodeConfig::new(NodeId::random(&mut rand::rng()), secret());
    config.bind = [127, 0, 0, 1].into();
    config.workers = 2.try_into().ok();
    config.signaling = vec![signaling.address().to_string()];
    config
}

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(STUCK, future).await.unwrap_or_else(|_| panic!("stuck: {what}"))
}

pub(crate) struct TestSignaling {
    endpoint: quinn::Endpoint,
    secret: ClusterSecret,
}

impl TestSignaling {
    pub(crate) fn start() -> Self {
        Self::with_secret(secret())
    }

    pub(crate) fn with_secret(secret: ClusterSecret) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let endpoint = quinn::Endpoint::server(tls::server_config().unwrap(), any).unwrap();
        Self { endpoint, secret }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    /// The next link, as far as the node's registration.
    pub(crate) async fn accept(&self) -> TestLink {
        soon("a node dials", async {
            let connection = self.endpoint.accept().await.unwrap().await.unwrap();
            let proofs = Proofs::new(&connection, &self.secret).unwrap();
            let (writer, reader) = connection.accept_bi().await.unwrap();
            let mut reader = FrameReader::new(reader);
            let Some(NodeMessage::Register(register)) = reader.next().await.unwrap() else {
                panic!("the first message is not a registration");
            };
            TestLink { connection, reader, writer, proofs, register }
        })
        .await
    }

    /// The next link, registered.
    pub(crate) async fn registered(&self) -> TestLink {
        let mut link = self.accept().await;
        assert!(link.proofs.is_node(&link.register.proof));
        let proof = link.proofs.signaling();
        link.say(&SignalingMessage::Registered { protocol: PROTOCOL, proof }).await;
        link
    }
}

pub(crate) struct TestLink {
    pub(crate) connection: Connection,
    reader: FrameReader<RecvStream>,
    writer: SendStream,
    pub(crate) proofs: Proofs,
    pub(crate) register: Box<Register>,
}

impl TestLink {
    pub(crate) async fn say<T: Serialize>(&mut self, message: &T) {
        write_frame(&mut self.writer, message).await.unwrap();
    }

    pub(crate) async fn say_bytes(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
        self.writer.flush().await.unwrap();
    }

    /// The next message for which `pick` gives something; others are skipped.
    pub(crate) async fn expect<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(NodeMessage) -> Option<T>,
    ) -> T {
        soon(what, async {
            loop {
                let message = self.reader.next().await.unwrap();
                let message = message.unwrap_or_else(|| panic!("the link ended before: {what}"));
                if let Some(picked) = pick(message) {
                    return picked;
                }
            }
        })
        .await
    }
}
