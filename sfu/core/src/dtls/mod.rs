//! DTLS-SRTP (RFC 5764, RFC 8842): the handshake that gives a leg its media keys.
//!
//! This module is the only one that knows `dimpl`. The node is always the DTLS client: its
//! ClientHello leaves together with the first STUN response, which saves up to a round trip. One
//! ClientHello offers both DTLS 1.3 and 1.2.
//!
//! The server chooses the SRTP profile, and Chromium chooses AES_CM_128_HMAC_SHA1_80 whenever that
//! is offered. So it is not: [`Profiles`].

mod certificate;
mod hello;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::certificate::Certificate;
use crate::{
    api::{DtlsVersion, SrtpProfile},
    sdp::Fingerprint,
    srtp::KeyingMaterial,
};

/// First retransmission of a flight. dimpl doubles it with each try. A handshake flight is small
/// and the peer has just answered a STUN check, so waiting RFC 6347's second only costs the
/// callers time.
const FLIGHT_RTO: Duration = Duration::from_millis(75);
/// Tries of one flight: 75 ms doubled eight times lasts longer than [`HANDSHAKE_TIMEOUT`].
const FLIGHT_RETRIES: usize = 8;
/// A handshake that takes longer has failed. A phone in a lift gets its chance; a broken peer
/// does not hold a leg for ever.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest datagram we send: fits the smallest path a browser assumes (1,200 bytes).
const MTU: usize = 1_200;

/// First bytes of datagrams that are DTLS (RFC 7983).
pub(crate) const FIRST_BYTES: std::ops::RangeInclusive<u8> = 20..=63;
/// Content type of an alert whose record is not a DTLS 1.3 ciphertext.
const ALERT: u8 = 21;
/// Content type of a handshake record that is not encrypted.
const HANDSHAKE: u8 = 22;

/// SRTP profiles that the node offers. Every current browser has both families, and takes the
/// slower one where it has the choice (docs/decisions/0020).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profiles {
    /// AEAD_AES_128_GCM alone.
    Gcm128,
    /// Everything that [`srtp`](crate::srtp) can do. Nothing in a peer's SDP tells whether it needs
    /// this.
    All,
}

/// What the association has to say.
#[derive(Debug)]
pub(crate) enum Output {
    /// The first so many bytes of the buffer are a datagram for the peer.
    Packet(usize),
    /// The peer proved the certificate that its SDP announced, and the keys are ready.
    Established { version: DtlsVersion, profile: SrtpProfile, material: KeyingMaterial },
    /// The peer closed the association.
    PeerClosed,
    /// The handshake failed for good, the certificate is not the announced one, or no SRTP profile
    /// was agreed.
    Failed,
    /// Nothing now; call [`Association::handle_timeout`] then.
    Idle(Instant),
}

/// Where the association stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until the peer's certificate is known and verified.
    Handshaking,
    /// The certificate is the announced one.
    Verified,
    /// The handshake is done; the keys are still missing.
    Connected,
    Established,
    /// Reported; nothing more will happen.
    Failed,
}

/// One DTLS association, as the client.
pub(crate) struct Association {
    dtls: dimpl::Dtls,
    profiles: Profiles,
    state: State,
    /// Set when something failed; reported by the next poll.
    failure: bool,
    fingerprints: Vec<Fingerprint>,
}

impl Association {
    /// Starts the handshake: the ClientHello is ready to be polled after the first
    /// [`Association::handle_timeout`]. `fingerprints` are those of the peer's SDP.
    pub(crate) fn connect(
        certificate: &Certificate,
        profiles: Profiles,
        fingerprints: Vec<Fingerprint>,
        now: Instant,
    ) -> Self {
        let config = Arc::clone(certificate.config(profiles));
        let mut dtls = dimpl::Dtls::new_auto(config, certificate.key_pair(), now);
        dtls.set_active(true);
        Self { dtls, profiles, state: State::Handshaking, failure: false, fingerprints }
    }

    /// Takes a datagram. False if it was dropped: a datagram cannot end a handshake, only time
    /// can, because anyone who can spoof the peer's address could have sent it.
    pub(crate) fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> bool {
        if self.state == State::Failed || is_plain_alert(packet) || is_empty_fragment(packet) {
            return false;
        }
        // dimpl wants its clock set before each packet.
        self.handle_timeout(now);
        match self.dtls.handle_packet(packet) {
            Ok(()) => true,
            // Once established only an authenticated alert gets here.
            Err(dimpl::Error::SecurityError(dimpl::SecurityError::FatalAlert { .. }))
                if self.state == State::Established =>
            {
                self.failure = true;
                true
            }
            Err(_) => false,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.state != State::Failed && self.dtls.handle_timeout(now).is_err() {
            self.failure = true;
        }
    }

    /// Queues a `close_notify`.
    pub(crate) fn close(&mut self) {
        if self.state == State::Established && self.dtls.close().is_err() {
            self.failure = true;
        }
    }

    /// The next output. `buffer` holds at least 2,048 bytes: a certificate passes through it.
    pub(crate) fn poll(&mut self, buffer: &mut [u8], now: Instant) -> Output {
        loop {
            if self.state == State::Failed {
                return Output::Idle(now + HANDSHAKE_TIMEOUT);
            }
            if self.failure {
                self.state = State::Failed;
                return Output::Failed;
            }
            match self.dtls.poll_output(buffer) {
                dimpl::Output::Packet(packet) => {
                    let len = packet.len();
                    if self.profiles == Profiles::Gcm128 && self.state == State::Handshaking {
                        hello::narrow_datagram(&mut buffer[..len]);
                    }
                    return Output::Packet(len);
                }
                // No keys came with the end of the handshake: the peer has none of our profiles.
                dimpl::Output::Timeout(_) if self.state == State::Connected => self.failure = true,
                dimpl::Output::Timeout(at) => return Output::Idle(at),
                dimpl::Output::Connected if self.state == State::Verified => {
                    self.state = State::Connected;
                }
                dimpl::Output::PeerCert(der) => {
                    if self.fingerprints.iter().any(|expected| certificate::matches(expected, der))
                    {
                        self.state = State::Verified;
                    } else {
                        self.failure = true;
                    }
                }
                dimpl::Output::KeyingMaterial(material, profile) => {
                    match self.established(&material, profile) {
                        Some(output) => return output,
                        None => self.failure = true,
                    }
                }
                dimpl::Output::CloseNotify if self.state == State::Established => {
                    return Output::PeerClosed;
                }
                // A certificate too large for the buffer is not one of a browser.
                dimpl::Output::BufferTooSmall { .. } => self.failure = true,
                // Data channels are not offered; a close before the keys is not authenticated.
                _ => {}
            }
        }
    }

    /// None if the peer has not proved its certificate or the export is unusable.
    fn established(&mut self, material: &[u8], profile: dimpl::SrtpProfile) -> Option<Output> {
        if !matches!(self.state, State::Verified | State::Connected) {
            return None;
        }
        let version = match self.dtls.protocol_version()? {
            dimpl::ProtocolVersion::DTLS1_3 => DtlsVersion::V1_3,
            _ => DtlsVersion::V1_2,
        };
        let profile = match (profile, self.profiles) {
            (dimpl::SrtpProfile::AEAD_AES_128_GCM, _) => SrtpProfile::AeadAes128Gcm,
            (dimpl::SrtpProfile::AEAD_AES_256_GCM, Profiles::All) => SrtpProfile::AeadAes256Gcm,
            (dimpl::SrtpProfile::AES128_CM_SHA1_80, Profiles::All) => {
                SrtpProfile::AesCm128HmacSha1_80
            }
            _ => return None,
        };
        let material = KeyingMaterial::new(profile, material)?;
        self.state = State::Established;
        Some(Output::Established { version, profile, material })
    }
}

impl std::fmt::Debug for Association {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Association").field("state", &self.state).finish_non_exhaustive()
    }
}

/// An alert in the clear, of epoch 0. It proves nothing, and a genuine one only says what the
/// handshake's deadline will find out.
fn is_plain_alert(packet: &[u8]) -> bool {
    packet.first() == Some(&ALERT) && packet.get(3..5).is_none_or(|epoch| epoch == [0, 0])
}

/// A handshake fragment in the clear that carries nothing of a message that has something. No
/// honest peer sends one, and the first answer to our ClientHello decides the version.
fn is_empty_fragment(packet: &[u8]) -> bool {
    // Record header: type, version, epoch and sequence number, length. Handshake header: type,
    // message length, message sequence, fragment offset, fragment length.
    let field = |at: usize| packet.get(at..at + 3);
    packet.first() == Some(&HANDSHAKE)
        && field(14).is_some_and(|message_len| message_len != [0; 3])
        && field(22).is_some_and(|fragment_len| fragment_len == [0; 3])
}
