//! QUIC and TLS configuration of either end of a control link.

use std::{sync::Arc, time::Duration};

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    version::TLS13,
};
use signaling_wire::control::{ALPN, ALPN_INSTANCE, LEASE_MS};

/// The name that a node asks for. Names prove nothing here, but QUIC needs one.
pub const SERVER_NAME: &str = "vitrine-control";

/// How often an otherwise quiet end shows that it is alive: several times within
/// [`IDLE_TIMEOUT`], so that one lost packet cuts no link.
const KEEP_ALIVE: Duration = Duration::from_millis(750);

/// Silence after which the link is lost: as long as signaling keeps trusting a node that says
/// nothing, so both ends come to the same view together.
const IDLE_TIMEOUT: Duration = Duration::from_millis(LEASE_MS);

/// The same between signaling instances, which have to notice each other's end before a lease of
/// 1.5 s is over; QUIC takes the shorter of both ends' timeouts.
const INSTANCE_KEEP_ALIVE: Duration = Duration::from_millis(250);
/// See [`INSTANCE_KEEP_ALIVE`]: four of them.
const INSTANCE_IDLE: Duration = Duration::from_millis(1_000);

/// Round trip assumed until one is measured: how soon a first packet is sent again, and so how soon
/// a signaling instance that has just come back is found. QUIC's own 333 ms makes that a second.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// The configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Refused by TLS.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// Refused by QUIC.
    #[error(transparent)]
    Quic(#[from] NoInitialCipherSuite),
}

/// Signaling's end, under a fresh self-signed certificate (see [`client_config`] for why that is
/// enough).
pub fn server_config() -> Result<quinn::ServerConfig, TlsError> {
    accepting(SERVER_NAME, &[ALPN, ALPN_INSTANCE], transport(KEEP_ALIVE, IDLE_TIMEOUT))
}

/// An accepting end of some protocols between members of the cluster.
pub(crate) fn accepting(
    name: &str,
    alpns: &[&[u8]],
    transport: Arc<quinn::TransportConfig>,
) -> Result<quinn::ServerConfig, TlsError> {
    let certified = rcgen::generate_simple_self_signed([name.to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::from(key))?;
    tls.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();

    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport);
    Ok(config)
}

/// A node's end.
///
/// The certificate of the server is not checked against any authority: who is at the other end is
/// decided by the mutual proof over this session's keying material (see [`super::proof`]), which a
/// man in the middle with any certificate cannot give. So there is no certificate authority for
/// an operator to run.
pub fn client_config() -> Result<quinn::ClientConfig, TlsError> {
    dialing(ALPN, transport(KEEP_ALIVE, IDLE_TIMEOUT))
}

/// The end of a signaling instance that follows another. The other end is proven in the same way.
pub fn instance_config() -> Result<quinn::ClientConfig, TlsError> {
    dialing(ALPN_INSTANCE, transport(INSTANCE_KEEP_ALIVE, INSTANCE_IDLE))
}

/// A dialing end of some protocol between members of the cluster.
pub(crate) fn dialing(
    alpn: &[u8],
    transport: Arc<quinn::TransportConfig>,
) -> Result<quinn::ClientConfig, TlsError> {
    let provider = provider();
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ProvenLater(provider)))
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.to_vec()];
    // A resumed session would tie this start of the node to a former one; links are rare enough
    // to pay for a full handshake.
    tls.resumption = rustls::client::Resumption::disabled();

    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport);
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn transport(keep_alive: Duration, idle_timeout: Duration) -> Arc<quinn::TransportConfig> {
    let mut transport = quinn::TransportConfig::default();
    transport
        .keep_alive_interval(Some(keep_alive))
        .max_idle_timeout(Some(
            idle_timeout.try_into().expect("the constants are far below QUIC's limit"),
        ))
        .initial_rtt(INITIAL_RTT)
        // The link is one stream; nothing else may make the other end hold state.
        .max_concurrent_bidi_streams(1u8.into())
        .max_concurrent_uni_streams(0u8.into())
        .datagram_receive_buffer_size(None);
    Arc::new(transport)
}

/// Accepts any certificate whose key signed this handshake: the proof decides later.
#[derive(Debug)]
struct ProvenLater(Arc<CryptoProvider>);

impl ServerCertVerifier for ProvenLater {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
