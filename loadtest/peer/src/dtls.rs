//! The DTLS server of a peer, which makes sure that SRTP is AEAD_AES_128_GCM.
//!
//! `rtc-dtls` (DTLS 1.2) and not `dimpl`: a server decides the SRTP profile, and of the two only
//! this one can be told to take no other than the one that all figures are about.

#[cfg(test)]
mod tests;

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
pub struct Dtls {
    endpoint: Endpoint,
    hello: Hello,
    /// A HelloVerifyRequest that is to be sent again.
    again: Option<BytesMut>,
}

/// How far the client has got with its ClientHello.
///
/// A client that misses an answer of ours repeats its ClientHello, with the record number of the
/// first time or with a new one. `rtc-dtls` drops the one as a replay, though only it could bring a
/// lost HelloVerifyRequest again, and the other stops its retransmission timer: both sides would
/// wait until they give up. So it sees each ClientHello once. We answer a repeated first one
/// ourselves, as a server without a state would (RFC 6347 §4.2.1), and its timer brings the flight
/// again.
#[derive(Debug)]
enum Hello {
    /// None has come, or it is being read, maybe in fragments.
    Awaited,
    /// The first one was answered with this HelloVerifyRequest.
    Verifying(BytesMut),
    /// The one with our cookie is being read.
    Arriving,
    /// It was answered with the server's flight.
    Answered,
}

/// Of a handshake record: its content type (RFC 6347 §4.3.1), its first message's type and number
/// (§4.3.2).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 13;
/// The first one is answered with a cookie, the second one with the server's flight.
const FIRST_MESSAGE: [u8; 2] = [0, 0];

/// What a datagram begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// A ClientHello that has no cookie yet.
    FirstHello,
    /// The one that has it.
    SecondHello,
    Other,
}

impl Start {
    fn of(datagram: &[u8]) -> Self {
        if datagram.first() != Some(&HANDSHAKE)
            || datagram.get(RECORD_HEADER) != Some(&CLIENT_HELLO)
        {
            return Self::Other;
        }
        match datagram.get(RECORD_HEADER + 4..RECORD_HEADER + 6) {
            Some(number) if number == FIRST_MESSAGE => Self::FirstHello,
            Some(_) => Self::SecondHello,
            None => Self::Other,
        }
    }
}

impl Dtls {
    /// Waits for a ClientHello.
    pub fn new(identity: &Identity) -> Self {
        let config = Some(Arc::clone(&identity.config));
        let endpoint = Endpoint::new(OTHER_END, TransportProtocol::UDP, config);
        Self { endpoint, hello: Hello::Awaited, again: None }
    }

    /// Takes a datagram; the media keys when it completed the handshake.
    pub fn receive(&mut self, now: Instant, data: &[u8]) -> Option<Session> {
        match (Start::of(data), &self.hello) {
            (Start::FirstHello, Hello::Verifying(request)) => {
                self.again = Some(request.clone());
                return None;
            }
            (Start::FirstHello, Hello::Arriving | Hello::Answered)
            | (Start::SecondHello, Hello::Answered) => return None,
            (Start::SecondHello, _) => self.hello = Hello::Arriving,
            (Start::FirstHello, Hello::Awaited) | (Start::Other, _) => {}
        }
        let events = self.endpoint.read(now, OTHER_END, None, BytesMut::from(data)).ok()?;
        let done = |event: &EndpointEvent| matches!(event, EndpointEvent::HandshakeComplete);
        if !events.iter().any(done) {
            return None;
        }
        let state = self.endpoint.get_connection_state(OTHER_END)?;
        let material =
            state.export_keying_material("EXTRACTOR-dtls_srtp", &[], MATERIAL_LEN).ok()?;
        let material: &[u8] = material.as_ref();
        Some(Session::new(material.try_into().ok()?, false))
    }

    /// The next datagram to send.
    pub fn poll(&mut self) -> Option<BytesMut> {
        if let Some(request) = self.again.take() {
            return Some(request);
        }
        let datagram = self.endpoint.poll_transmit()?.message;
        match self.hello {
            Hello::Awaited => self.hello = Hello::Verifying(datagram.clone()),
            Hello::Arriving => self.hello = Hello::Answered,
            Hello::Verifying(_) | Hello::Answered => {}
        }
        Some(datagram)
    }

    /// Repeats a flight if it is time.
    pub fn handle_timeout(&mut self, now: Instant) {
        // It gave up: the leg stays cold and is counted as failed.
        let _ = self.endpoint.handle_timeout(OTHER_END, now);
    }
}
