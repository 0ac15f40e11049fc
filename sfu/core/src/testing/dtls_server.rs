//! A DTLS server as a browser has one.

use std::{sync::Arc, time::Instant};

use aws_lc_rs::digest;

use crate::{api::SrtpProfile, sdp::Fingerprint};

/// Which versions the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    Only1_2,
    Only1_3,
    Both,
}

pub(crate) struct DtlsServer {
    dtls: dimpl::Dtls,
    fingerprint: Fingerprint,
    /// What the handshake exported.
    pub(crate) keys: Option<(SrtpProfile, Vec<u8>)>,
    /// SHA-256 of the certificate that the client showed.
    pub(crate) client_certificate: Option<[u8; 32]>,
    /// The client has sent `close_notify`.
    pub(crate) closed: bool,
    pub(crate) next_timeout: Option<Instant>,
}

impl DtlsServer {
    pub(crate) fn new(versions: Versions, now: Instant) -> Self {
        // BoringSSL, which browsers use, asks for no cookie.
        Self::with_cookie(false, versions, now)
    }

    /// A server that may ask for the ClientHello again, with a cookie.
    pub(crate) fn with_cookie(cookie: bool, versions: Versions, now: Instant) -> Self {
        let certificate =
            dimpl::certificate::generate_self_signed_certificate().expect("a certificate");
        let mut fingerprint = [0; 32];
        fingerprint
            .copy_from_slice(digest::digest(&digest::SHA256, &certificate.certificate).as_ref());
        let config = dimpl::Config::builder().use_server_cookie(cookie).build().expect("a config");
        let config = Arc::new(config);
        let dtls = match versions {
            Versions::Only1_2 => dimpl::Dtls::new_12(config, certificate, now),
            Versions::Only1_3 => dimpl::Dtls::new_13(config, certificate, now),
            Versions::Both => dimpl::Dtls::new_auto(config, certificate, now),
        };
        Self {
            dtls,
            fingerprint: Fingerprint::sha256(fingerprint),
            keys: None,
            client_certificate: None,
            closed: false,
            next_timeout: None,
        }
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(crate) fn handle(&mut self, now: Instant, packet: &[u8]) {
        self.dtls.handle_timeout(now).expect("in time");
        self.dtls.handle_packet(packet).expect("a good packet");
    }

    pub(crate) fn close(&mut self) {
        self.dtls.close().expect("open until now");
    }

    /// What the server sends now.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.dtls.handle_timeout(now).expect("in time");
        let mut packets = Vec::new();
        let mut buffer = [0; 2_048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => packets.push(packet.to_vec()),
                dimpl::Output::KeyingMaterial(material, profile) => {
                    let profile = match profile {
                        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
                        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
                        _ => SrtpProfile::AesCm128HmacSha1_80,
                    };
                    self.keys = Some((profile, material.to_vec()));
                }
                dimpl::Output::PeerCert(der) => {
                    let mut hash = [0; 32];
                    hash.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
                    self.client_certificate = Some(hash);
                }
                dimpl::Output::CloseNotify => self.closed = true,
                dimpl::Output::Timeout(at) => {
                    self.next_timeout = Some(at);
                    return packets;
                }
                _ => {}
            }
        }
    }
}
