//! SRTP with AEAD_AES_128_GCM (RFC 7714), in place: the cheapest honest way for a peer to seal what
//! it sends and to open what it gets.
//!
//! Kept apart from the node's own code on purpose: two programs that share a bug agree with each
//! other.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};

/// Length of the authentication tag.
pub const TAG_LEN: usize = 16;
/// Length of the trailer of an SRTCP packet.
const INDEX_LEN: usize = 4;
/// The trailer's flag: the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// What stays readable of an RTCP packet.
const RTCP_CLEAR_LEN: usize = 8;
const KEY_LEN: usize = 16;
const SALT_LEN: usize = 12;
/// What DTLS has to export: two keys, two salts.
pub const MATERIAL_LEN: usize = 2 * (KEY_LEN + SALT_LEN);

/// The keys of both directions of a leg, or of one end of a path with fixed keys.
pub struct Session {
    /// What we seal with.
    pub local: Keys,
    /// What we open with.
    pub remote: Keys,
}

impl Session {
    /// From what DTLS exported (RFC 5764 §4.2): client's key, server's key, client's salt,
    /// server's salt.
    pub fn new(material: &[u8; MATERIAL_LEN], client: bool) -> Self {
        let keys = |i: usize| {
            let key = &material[i * KEY_LEN..(i + 1) * KEY_LEN];
            let salt = &material[2 * KEY_LEN + i * SALT_LEN..2 * KEY_LEN + (i + 1) * SALT_LEN];
            Keys::new(key, salt)
        };
        let (of_client, of_server) = (keys(0), keys(1));
        if client {
            Self { local: of_client, remote: of_server }
        } else {
            Self { local: of_server, remote: of_client }
        }
    }
}

/// Session keys of one direction.
pub struct Keys {
    rtp: Gcm,
    rtcp: Gcm,
}

struct Gcm {
    key: LessSafeKey,
    salt: [u8; SALT_LEN],
}

impl Keys {
    fn new(key: &[u8], salt: &[u8]) -> Self {
        Self { rtp: Gcm::derive(key, salt, 0), rtcp: Gcm::derive(key, salt, 3) }
    }

    /// Seals the packet in `buffer`, whose last [`TAG_LEN`] bytes are room for the tag. `index` is
    /// the rollover counter and the sequence number.
    pub fn seal_rtp(&self, buffer: &mut [u8], header_len: usize, ssrc: u32, index: u64) {
        let end = buffer.len() - TAG_LEN;
        let (header, rest) = buffer.split_at_mut(header_len);
        let (payload, tag) = rest.split_at_mut(end - header_len);
        self.rtp.seal(ssrc, index, header, payload, tag);
    }

    /// Opens a packet; whether it is authentic.
    pub fn open_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) -> bool {
        if packet.len() < header_len + TAG_LEN {
            return false;
        }
        let (header, sealed) = packet.split_at_mut(header_len);
        self.rtp.open(ssrc, index, header, sealed)
    }

    /// Seals a compound RTCP packet.
    pub fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) {
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let word = (index | ENCRYPTED).to_be_bytes();
        let mut aad = [0; RTCP_CLEAR_LEN + INDEX_LEN];
        aad[..RTCP_CLEAR_LEN].copy_from_slice(&packet[..RTCP_CLEAR_LEN]);
        aad[RTCP_CLEAR_LEN..].copy_from_slice(&word);
        let mut tag = [0; TAG_LEN];
        self.rtcp.seal(ssrc, index.into(), &aad, &mut packet[RTCP_CLEAR_LEN..], &mut tag);
        packet.extend_from_slice(&tag);
        packet.extend_from_slice(&word);
    }

    /// Opens a compound RTCP packet; the plain one, if it is authentic.
    pub fn open_rtcp<'a>(&self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let end = packet.len().checked_sub(INDEX_LEN)?;
        if end < RTCP_CLEAR_LEN + TAG_LEN {
            return None;
        }
        let ssrc = u32::from_be_bytes(*packet[4..].first_chunk()?);
        let word: [u8; INDEX_LEN] = *packet[end..].first_chunk()?;
        let mut aad = [0; RTCP_CLEAR_LEN + INDEX_LEN];
        aad[..RTCP_CLEAR_LEN].copy_from_slice(&packet[..RTCP_CLEAR_LEN]);
        aad[RTCP_CLEAR_LEN..].copy_from_slice(&word);
        let index = u32::from_be_bytes(word) & !ENCRYPTED;
        let sealed = &mut packet[RTCP_CLEAR_LEN..end];
        self.rtcp.open(ssrc, index.into(), &aad, sealed).then(|| &packet[..end - TAG_LEN])
    }
}

impl Gcm {
    /// RFC 3711 §4.3.1, with the salt padded to 112 bits (RFC 7714 §11).
    fn derive(key: &[u8], salt: &[u8], label: u8) -> Self {
        let keystream = |label: u8, out: &mut [u8]| {
            let mut iv = [0; 16];
            iv[..SALT_LEN].copy_from_slice(salt);
            iv[7] ^= label;
            UnboundCipherKey::new(&AES_128, key)
                .and_then(EncryptingKey::ctr)
                .and_then(|key| {
                    let iv = EncryptionContext::Iv128(FixedLength::from(iv));
                    key.less_safe_encrypt(out, iv)
                })
                .expect("AES-128 in counter mode takes any length");
        };
        let (mut session_key, mut session_salt) = ([0; KEY_LEN], [0; SALT_LEN]);
        keystream(label, &mut session_key);
        keystream(label + 2, &mut session_salt);
        let key = UnboundKey::new(&AES_128_GCM, &session_key).expect("16 bytes");
        Self { key: LessSafeKey::new(key), salt: session_salt }
    }

    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = self.salt;
        for (byte, mix) in nonce[2..6].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= mix;
        }
        for (byte, mix) in nonce[6..].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= mix;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&self, ssrc: u32, index: u64, aad: &[u8], plain: &mut [u8], tag: &mut [u8]) {
        let nonce = self.nonce(ssrc, index);
        let computed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), plain)
            .expect("a packet is far below the limit of GCM");
        tag.copy_from_slice(computed.as_ref());
    }

    fn open(&self, ssrc: u32, index: u64, aad: &[u8], sealed: &mut [u8]) -> bool {
        self.key.open_in_place(self.nonce(ssrc, index), Aad::from(aad), sealed).is_ok()
    }
}
