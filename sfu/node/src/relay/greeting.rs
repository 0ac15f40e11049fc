//! The mutual proof of two nodes that they know the cluster secret, as on the control link
//! ([`crate::control::proof`]), with labels of its own.

use quinn::{Connection, VarInt};
use serde::{Deserialize, Serialize};
use signaling_wire::ids::NodeId;

use crate::control::{
    ClusterSecret,
    frame::{FrameError, FrameReader, write_frame},
    proof::{NoKeyingMaterial, Proofs},
};

/// Label of the keying material that the proofs are computed over.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-vitrine-relay";
/// What the dialing node's proof is an HMAC of, followed by the exported material.
const PROOF_DIALING: &[u8] = b"vitrine relay dialing";
/// What the accepting node's proof is an HMAC of, followed by the exported material.
const PROOF_ACCEPTING: &[u8] = b"vitrine relay accepting";

/// Close code of a connection: the other end could not prove itself, or is another node.
pub(super) const UNPROVEN: VarInt = VarInt::from_u32(2);

/// Why two nodes do not come together.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetingError {
    #[error(transparent)]
    Connect(#[from] quinn::ConnectError),
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Exporter(#[from] NoKeyingMaterial),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the other node says nothing")]
    Silent,
    #[error("the other node cannot prove that it knows the cluster secret")]
    Unproven,
    #[error("another node answers at this address")]
    SomebodyElse,
}

/// Who a node says it is, and its proof.
#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    node: NodeId,
    proof: String,
}

/// What a node needs to greet others.
#[derive(Debug, Clone)]
pub(super) struct Greeter {
    node: NodeId,
    secret: ClusterSecret,
}

impl Greeter {
    pub(super) fn new(node: NodeId, secret: ClusterSecret) -> Self {
        Self { node, secret }
    }

    /// The dialing end: both have proven themselves when it returns.
    pub(super) async fn dial(
        &self,
        connection: &Connection,
        to: NodeId,
    ) -> Result<(), GreetingError> {
        let proofs = Proofs::exported(connection, &self.secret, EXPORTER_LABEL)?;
        let (mut writer, reader) = connection.open_bi().await?;
        let greeting = Greeting { node: self.node, proof: proofs.make(PROOF_DIALING) };
        write_frame(&mut writer, &greeting).await?;
        let answer: Greeting =
            FrameReader::new(reader).next().await?.ok_or(GreetingError::Silent)?;
        if !proofs.check(PROOF_ACCEPTING, &answer.proof) {
            return Err(GreetingError::Unproven);
        }
        (answer.node == to).then_some(()).ok_or(GreetingError::SomebodyElse)
    }

    /// The accepting end: who has dialed.
    pub(super) async fn accept(&self, connection: &Connection) -> Result<NodeId, GreetingError> {
        let proofs = Proofs::exported(connection, &self.secret, EXPORTER_LABEL)?;
        let (mut writer, reader) = connection.accept_bi().await?;
        let greeting: Greeting =
            FrameReader::new(reader).next().await?.ok_or(GreetingError::Silent)?;
        if !proofs.check(PROOF_DIALING, &greeting.proof) {
            return Err(GreetingError::Unproven);
        }
        let answer = Greeting { node: self.node, proof: proofs.make(PROOF_ACCEPTING) };
        write_frame(&mut writer, &answer).await?;
        Ok(greeting.node)
    }
}
