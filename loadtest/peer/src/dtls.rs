//! The DTLS server of a peer, which makes sure that SRTP is AEAD_AES_128_GCM.
//!
//! `rtc-dtls` (DTLS 1.2) and not `dimpl`: a server decides the SRTP profile, and of the two only
//! this one can be told to take no other than the one that all figures are about.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use bytes::BytesMut;
use dtls::{
    config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
    crypto::Certificate,
    crypto_provider::default_provider,
    endpoint::{Endpoint, EndpointEvent},
    extension::extension_use_srtp::SrtpProtectionProfile,
};
use shared::{TransportProtocol, error::Error};

use super::srtp::{MATERIAL_LEN, Session};

/// First bytes of DTLS records on a shared port (RFC 7983).
pub const FIRST_BYTES: std::ops::RangeInclusive<u8> = 20..=63;
/// As soon as a browser repeats its flight.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(200);
/// Stands for the other end, so that a change of its address means nothing to DTLS.
const OTHER_END: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// What all peers have in common: one certificate is enough for them, and making one takes longer
/// than a handshake.
#[derive(Clone)]
pub struct Identity {
    config: Arc<HandshakeConfig>,
    /// For `a=fingerprint`.
    pub fingerprint: String,
}

impl Identity {
    /// A fresh one.
    pub fn new() -> Result<Self, Error> {
        let provider = default_provider().map_err(|error| Error::Crypto(error.to_string()))?;
        let certificate =
            Certificate::generate_self_signed(vec!["peer".to_owned()], provider.crypto())?;
        let hash = digest::digest(&digest::SHA256, &certificate.certificate[0]);
        let pairs: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // Whose certificate it is, is not what is measured here; the node checks ours.
            .with_insecure_skip_verify(true)
            .with_flight_interval(FLIGHT_INTERVAL)
            .build(false, None)?;
        Ok(Self { config: Arc::new(config), fingerprint: format!("sha-256 {}", pairs.join(":")) })
    }
}

/// One association.
pub struct Dtls(Endpoint);

impl Dtls {
    /// Waits for a ClientHello.
    pub fn new(identity: &Identity) -> Self {
        let config = Some(Arc::clone(&identity.config));
        Self(Endpoint::new(OTHER_END, TransportProtocol::UDP, config))
    }

    /// Takes a datagram; the media keys when it completed the handshake.
    pub fn receive(&mut self, now: Instant, data: &[u8]) -> Option<Session> {
        let events = self.0.read(now, OTHER_END, None, BytesMut::from(data)).ok()?;
        let done = |event: &EndpointEvent| matches!(event, EndpointEvent::HandshakeComplete);
        if !events.iter().any(done) {
            return None;
        }
        let state = self.0.get_connection_state(OTHER_END)?;
        let material =
            state.export_keying_material("EXTRACTOR-dtls_srtp", &[], MATERIAL_LEN).ok()?;
        let material: &[u8] = material.as_ref();
        Some(Session::new(material.try_into().ok()?, false))
    }

    /// The next datagram to send.
    pub fn poll(&mut self) -> Option<BytesMut> {
        Some(self.0.poll_transmit()?.message)
    }

    /// Repeats a flight if it is time.
    pub fn handle_timeout(&mut self, now: Instant) {
        // It gave up: the leg stays cold and is counted as failed.
        let _ = self.0.handle_timeout(OTHER_END, now);
    }
}
