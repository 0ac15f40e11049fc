//! Sealing and opening alone, for benches.

use crate::{
    api::SrtpProfile,
    srtp::{KeyingMaterial, Session},
};

/// Two ends of a leg's SRTP.
pub struct Protection(Session);

impl Protection {
    /// With the same key in both directions: what it seals it can open.
    pub fn new(profile: SrtpProfile) -> Self {
        // Two keys and two salts (RFC 5764 §4.1.2, RFC 7714 §12).
        let len = match profile {
            SrtpProfile::AeadAes128Gcm => 2 * (16 + 12),
            SrtpProfile::AeadAes256Gcm => 2 * (32 + 12),
            SrtpProfile::AesCm128HmacSha1_80 => 2 * (16 + 14),
        };
        let material = KeyingMaterial::new(profile, &vec![7; len]).expect("the right length");
        Self(Session::new(profile, &material))
    }

    /// Seals the RTP packet in the first `len` bytes; the length of the SRTP packet.
    ///
    /// # Panics
    ///
    /// If it is malformed or was sealed before.
    pub fn seal(&mut self, buffer: &mut [u8], len: usize) -> usize {
        self.0.outbound.seal_rtp(buffer, len).expect("a good packet")
    }

    /// Opens an SRTP packet; the length of the RTP packet.
    ///
    /// # Panics
    ///
    /// If it is not authentic or was opened before.
    pub fn open(&mut self, packet: &mut [u8]) -> usize {
        self.0.inbound.open_rtp(packet).expect("a good packet").len()
    }
}

impl std::fmt::Debug for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Protection")
    }
}
