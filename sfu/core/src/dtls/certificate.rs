//! The node's certificate, and the check of a peer's.

use std::sync::Arc;

use aws_lc_rs::digest;

use super::{FLIGHT_RETRIES, FLIGHT_RTO, HANDSHAKE_TIMEOUT, MTU, Profiles, hello};
use crate::sdp::{Fingerprint, HashAlgorithm};

/// The node's DTLS certificate and key, with everything that is made once and shared by all legs
/// of all workers. Cloning is cheap.
#[derive(Clone)]
pub struct Certificate {
    key_pair: dimpl::DtlsCertificate,
    /// For each [`Profiles`]. Building one validates the whole crypto provider, which takes longer
    /// than a handshake.
    configs: [Arc<dimpl::Config>; 2],
    fingerprint: Fingerprint,
}

impl Certificate {
    /// A fresh self-signed P-256 certificate.
    ///
    /// # Panics
    ///
    /// If the crypto library cannot make a key, which means that it is unusable.
    pub fn generate() -> Self {
        let key_pair = dimpl::certificate::generate_self_signed_certificate()
            .expect("the crypto library makes a P-256 key and signs with it");
        let fingerprint = Fingerprint::sha256(sha256(&key_pair.certificate));
        let providers = [hello::provider(), dimpl::crypto::aws_lc_rs::default_provider()];
        let configs = providers.map(|provider| {
            let config = dimpl::Config::builder()
                .with_crypto_provider(provider)
                .mtu(MTU)
                .flight_start_rto(FLIGHT_RTO)
                .flight_retries(FLIGHT_RETRIES)
                .handshake_timeout(HANDSHAKE_TIMEOUT)
                .build();
            Arc::new(config.expect("the settings are within dimpl's bounds"))
        });
        Self { key_pair, configs, fingerprint }
    }

    /// The fingerprint that answers announce.
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(super) fn config(&self, profiles: Profiles) -> &Arc<dimpl::Config> {
        match profiles {
            Profiles::Gcm128 => &self.configs[0],
            Profiles::All => &self.configs[1],
        }
    }

    pub(super) fn key_pair(&self) -> dimpl::DtlsCertificate {
        self.key_pair.clone()
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

fn sha256(der: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    hash
}

/// Whether a certificate is the one that a fingerprint announced.
pub(super) fn matches(expected: &Fingerprint, der: &[u8]) -> bool {
    let algorithm = match expected.algorithm() {
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, der).as_ref() == expected.digest()
}
