//! The mutual proof that both ends of a control link know the cluster secret.
//!
//! A proof is HMAC-SHA-256 under the secret over a label and keying material exported from the
//! very TLS session it is sent on (RFC 8446 §7.5). Whoever relays it, a man in the middle, has
//! another session on each side, so the proof is worthless to him; and the labels differ, so that
//! neither end can send the other's proof back.

use aws_lc_rs::hmac;
use signaling_wire::control::{EXPORTER_LABEL, PROOF_INSTANCE, PROOF_NODE, PROOF_SIGNALING};

use super::ClusterSecret;

/// Bytes exported from the TLS session: the output size of its hash, more adds nothing.
const EXPORTED: usize = 32;

/// The session is not one that proofs can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the TLS session exports no keying material")]
pub struct NoKeyingMaterial;

/// Makes and checks the proofs of one TLS session.
pub struct Proofs {
    key: hmac::Key,
    exported: [u8; EXPORTED],
}

impl Proofs {
    /// The proofs of `connection`, whose handshake must be complete.
    pub fn new(
        connection: &quinn::Connection,
        secret: &ClusterSecret,
    ) -> Result<Self, NoKeyingMaterial> {
        Self::exported(connection, secret, EXPORTER_LABEL)
    }

    /// Proofs over keying material that is exported under another label, for another protocol.
    pub(crate) fn exported(
        connection: &quinn::Connection,
        secret: &ClusterSecret,
        label: &[u8],
    ) -> Result<Self, NoKeyingMaterial> {
        let mut exported = [0; EXPORTED];
        connection
            .export_keying_material(&mut exported, label, &[])
            .map_err(|_| NoKeyingMaterial)?;
        Ok(Self::from_exported(exported, secret))
    }

    fn from_exported(exported: [u8; EXPORTED], secret: &ClusterSecret) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.bytes()), exported }
    }

    /// What a node sends in `Register`.
    pub fn node(&self) -> String {
        self.make(PROOF_NODE)
    }

    /// What a signaling instance sends to another that it follows.
    pub fn instance(&self) -> String {
        self.make(PROOF_INSTANCE)
    }

    /// What signaling sends in `Registered`.
    pub fn signaling(&self) -> String {
        self.make(PROOF_SIGNALING)
    }

    /// Whether `proof` comes from a node that knows the secret. Takes constant time.
    pub fn is_node(&self, proof: &str) -> bool {
        self.check(PROOF_NODE, proof)
    }

    /// Whether `proof` comes from a signaling instance that follows and knows the secret. Takes
    /// constant time.
    pub fn is_instance(&self, proof: &str) -> bool {
        self.check(PROOF_INSTANCE, proof)
    }

    /// Whether `proof` comes from a signaling instance that knows the secret. Takes constant time.
    pub fn is_signaling(&self, proof: &str) -> bool {
        self.check(PROOF_SIGNALING, proof)
    }

    /// The proof under a label, which must differ between the two directions.
    pub(crate) fn make(&self, label: &[u8]) -> String {
        hex::encode(hmac::sign(&self.key, &self.message(label)))
    }

    /// Whether `proof` was made under a label by someone who knows the secret. Takes constant time.
    pub(crate) fn check(&self, label: &[u8], proof: &str) -> bool {
        hex::decode(proof)
            .is_ok_and(|tag| hmac::verify(&self.key, &self.message(label), &tag).is_ok())
    }

    fn message(&self, label: &[u8]) -> Vec<u8> {
        [label, &self.exported].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> ClusterSecret {
        ClusterSecret::new(text).unwrap()
    }

    #[test]
    fn proof_is_bound_to_secret_session_and_direction() {
        let ours = Proofs::from_exported([1; EXPORTED], &secret(&"a".repeat(32)));
        let other_session = Proofs::from_exported([2; EXPORTED], &secret(&"a".repeat(32)));
        let other_secret = Proofs::from_exported([1; EXPORTED], &secret(&"b".repeat(32)));

        assert!(ours.is_node(&ours.node()));
        assert!(ours.is_signaling(&ours.signaling()));
        assert!(!ours.is_signaling(&ours.node()), "a proof must not work when reflected");
        assert!(!ours.is_node(&ours.signaling()), "a proof must not work when reflected");
        assert!(ours.is_instance(&ours.instance()));
        assert!(!ours.is_instance(&ours.node()), "nor for another role");
        assert!(!ours.is_node(&ours.instance()), "nor for another role");
        assert!(!ours.is_node(&other_session.node()), "a relayed proof must not work");
        assert!(!ours.is_node(&other_secret.node()));
    }

    #[test]
    fn malformed_proof_is_refused() {
        let proofs = Proofs::from_exported([1; EXPORTED], &secret(&"a".repeat(32)));
        let cut = &proofs.node()[..62];
        for proof in ["", "zz", "00", cut] {
            assert!(!proofs.is_node(proof), "{proof:?} was accepted");
        }
    }

    #[test]
    fn secret_is_checked_and_hidden() {
        assert!(matches!(
            ClusterSecret::new(" short \n"),
            Err(super::super::SecretError::TooShort(5))
        ));
        let text = "correct horse battery staple tree";
        let secret = ClusterSecret::new(&format!("{text}\n")).unwrap();
        assert_eq!(secret, ClusterSecret::new(text).unwrap());
        assert!(!format!("{secret:?}").contains("horse"));
    }
}
