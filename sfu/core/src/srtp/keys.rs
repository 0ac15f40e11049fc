//! From the DTLS export to session keys (RFC 5764 §4.2, RFC 3711 §4.3, RFC 7714 §11).

use arrayvec::ArrayVec;
use aws_lc_rs::{
    cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};

use crate::api::SrtpProfile;

const MAX_KEY_LEN: usize = 32;
/// Salts are used as 112-bit numbers; the 96-bit ones of GCM are padded with zeros at the end.
pub(super) const SALT_LEN: usize = 14;
/// Two keys and two salts of the widest profile.
const MAX_MATERIAL_LEN: usize = 2 * (MAX_KEY_LEN + SALT_LEN);
/// HMAC-SHA1 key (RFC 3711 §5.2).
pub(super) const AUTH_KEY_LEN: usize = 20;

/// Sizes of the master key and salt of a profile.
const fn lengths(profile: SrtpProfile) -> (usize, usize) {
    match profile {
        SrtpProfile::AeadAes128Gcm => (16, 12),
        SrtpProfile::AeadAes256Gcm => (32, 12),
        SrtpProfile::AesCm128HmacSha1_80 => (16, 14),
    }
}

/// What DTLS exported for `EXTRACTOR-dtls_srtp`.
#[derive(Clone)]
pub(crate) struct KeyingMaterial(ArrayVec<u8, MAX_MATERIAL_LEN>);

impl KeyingMaterial {
    /// None if the length is not the profile's.
    pub(crate) fn new(profile: SrtpProfile, bytes: &[u8]) -> Option<Self> {
        let (key, salt) = lengths(profile);
        (bytes.len() == 2 * (key + salt)).then(|| Self(bytes.iter().copied().collect()))
    }

    /// The DTLS client's master and the server's.
    pub(super) fn masters(&self, profile: SrtpProfile) -> [Master; 2] {
        let (key_len, salt_len) = lengths(profile);
        let (keys, salts) = self.0.split_at(2 * key_len);
        let master = |i: usize| {
            let mut salt = [0; SALT_LEN];
            salt[..salt_len].copy_from_slice(&salts[i * salt_len..(i + 1) * salt_len]);
            Master { key: keys[i * key_len..(i + 1) * key_len].iter().copied().collect(), salt }
        };
        [master(0), master(1)]
    }
}

impl std::fmt::Debug for KeyingMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyingMaterial")
    }
}

/// Master key and salt of one direction.
pub(super) struct Master {
    pub(super) key: ArrayVec<u8, MAX_KEY_LEN>,
    pub(super) salt: [u8; SALT_LEN],
}

/// RTP and RTCP have keys of their own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Rtp,
    Rtcp,
}

/// Session keys of one direction and kind.
pub(super) struct SessionKeys {
    pub(super) profile: SrtpProfile,
    pub(super) key: ArrayVec<u8, MAX_KEY_LEN>,
    pub(super) salt: [u8; SALT_LEN],
    /// Used by AES_CM_128_HMAC_SHA1_80 only.
    pub(super) auth: [u8; AUTH_KEY_LEN],
}

/// RFC 3711 §4.3.1 with a key derivation rate of zero.
pub(super) fn derive(profile: SrtpProfile, master: &Master, kind: Kind) -> SessionKeys {
    let first_label = match kind {
        Kind::Rtp => 0,
        Kind::Rtcp => 3,
    };
    let mut key = master.key.clone();
    key.fill(0);
    let (_, salt_len) = lengths(profile);
    let mut salt = [0; SALT_LEN];
    let mut auth = [0; AUTH_KEY_LEN];
    keystream(master, first_label, &mut key);
    keystream(master, first_label + 1, &mut auth);
    keystream(master, first_label + 2, &mut salt[..salt_len]);
    SessionKeys { profile, key, salt, auth }
}

/// The pseudo-random function: AES in counter mode under the master key, starting at
/// `(label << 48 XOR salt) << 16`.
fn keystream(master: &Master, label: u8, zeros: &mut [u8]) {
    let mut iv = [0; 16];
    iv[..SALT_LEN].copy_from_slice(&master.salt);
    iv[7] ^= label;
    aes_ctr(&counter_key(&master.key), iv, zeros);
}

/// An AES key for counter mode. `key` has 16 or 32 bytes.
pub(super) fn counter_key(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    UnboundCipherKey::new(algorithm, key)
        .and_then(EncryptingKey::ctr)
        .expect("the length is the algorithm's, and AES supports counter mode")
}

/// Encrypts or decrypts in place.
pub(super) fn aes_ctr(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) {
    key.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(iv)))
        .expect("counter mode takes any length and a 128-bit IV");
}

#[cfg(test)]
impl KeyingMaterial {
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
