//! A DTLS server without GCM for SRTP, as old software has one.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use aws_lc_rs::digest;
use bytes::BytesMut;
use dtls::{
    config::{ClientAuthType, ConfigBuilder},
    crypto::Certificate,
    crypto_provider::default_provider,
    endpoint::Endpoint,
    extension::extension_use_srtp::SrtpProtectionProfile,
};
use shared::TransportProtocol;

use crate::sdp::Fingerprint;

pub(crate) struct OldDtlsServer {
    endpoint: Endpoint,
    fingerprint: Fingerprint,
}

impl OldDtlsServer {
    pub(crate) fn new() -> Self {
        let provider = default_provider().expect("a crypto provider");
        let certificate = Certificate::generate_self_signed(["old".to_owned()], provider.crypto())
            .expect("a certificate");
        let mut fingerprint = [0; 32];
        let digest = digest::digest(&digest::SHA256, &certificate.certificate[0]);
        fingerprint.copy_from_slice(digest.as_ref());
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80])
            .build(false, None)
            .expect("a config");
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 2));
        let endpoint = Endpoint::new(local, TransportProtocol::UDP, Some(Arc::new(config)));
        Self { endpoint, fingerprint: Fingerprint::sha256(fingerprint) }
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Takes a datagram; what it sends in response.
    pub(crate) fn handle(&mut self, now: Instant, packet: &[u8]) -> Vec<Vec<u8>> {
        let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        // An error means that nothing was agreed; the alert that tells so is sent like a reply.
        let _ = self.endpoint.read(now, client, None, BytesMut::from(packet));
        std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|transmit| transmit.message.to_vec())
            .collect()
    }
}
