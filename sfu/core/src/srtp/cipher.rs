//! The two families of SRTP transforms.

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::EncryptingKey,
    hmac,
};
use subtle::ConstantTimeEq;

use super::{
    OpenError, RTCP_CLEAR_LEN, SRTCP_ENCRYPTED, SRTCP_INDEX_LEN, SealError,
    keys::{self, SALT_LEN, SessionKeys},
};
use crate::api::SrtpProfile;

const GCM_TAG_LEN: usize = 16;
const GCM_NONCE_LEN: usize = 12;
const SHA1_80_TAG_LEN: usize = 10;

/// Session keys of one direction and kind, ready for use.
pub(super) enum Cipher {
    /// RFC 7714.
    Gcm { key: LessSafeKey, salt: [u8; GCM_NONCE_LEN] },
    /// RFC 3711: AES counter mode, HMAC-SHA1 cut to 80 bits.
    CtrSha1 { key: Box<EncryptingKey>, auth: Box<hmac::Key>, salt: [u8; SALT_LEN] },
}

impl Cipher {
    pub(super) fn new(keys: &SessionKeys) -> Self {
        let algorithm = match keys.profile {
            SrtpProfile::AeadAes128Gcm => &AES_128_GCM,
            SrtpProfile::AeadAes256Gcm => &AES_256_GCM,
            SrtpProfile::AesCm128HmacSha1_80 => {
                return Self::CtrSha1 {
                    key: Box::new(keys::counter_key(&keys.key)),
                    auth: Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.auth)),
                    salt: keys.salt,
                };
            }
        };
        let key = UnboundKey::new(algorithm, &keys.key)
            .expect("the derived key has the length of the algorithm");
        let mut salt = [0; GCM_NONCE_LEN];
        salt.copy_from_slice(&keys.salt[..GCM_NONCE_LEN]);
        Self::Gcm { key: LessSafeKey::new(key), salt }
    }

    /// See [`super::Session::glance_inbound`].
    pub(super) fn glance(&self) -> u64 {
        match self {
            Self::Gcm { salt, .. } => salt[0].into(),
            Self::CtrSha1 { salt, .. } => salt[0].into(),
        }
    }

    const fn tag_len(&self) -> usize {
        match self {
            Self::Gcm { .. } => GCM_TAG_LEN,
            Self::CtrSha1 { .. } => SHA1_80_TAG_LEN,
        }
    }

    /// Length of the plain packet.
    pub(super) fn open_rtp(
        &self,
        data: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, OpenError> {
        let end = data
            .len()
            .checked_sub(self.tag_len())
            .filter(|&end| end >= header_len)
            .ok_or(OpenError::Malformed)?;
        match self {
            Self::Gcm { key, salt } => {
                let (header, sealed) = data.split_at_mut(header_len);
                key.open_in_place(gcm_nonce(salt, ssrc, index), Aad::from(&*header), sealed)
                    .map_err(|_| OpenError::Auth)?;
            }
            Self::CtrSha1 { key, auth, salt } => {
                let (packet, tag) = data.split_at_mut(end);
                let expected = sha1_80(auth, packet, &rollover(index));
                if !bool::from(expected[..].ct_eq(tag)) {
                    return Err(OpenError::Auth);
                }
                keys::aes_ctr(key, ctr_iv(salt, ssrc, index), &mut packet[header_len..]);
            }
        }
        Ok(end)
    }

    /// Length of the sealed packet.
    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        len: usize,
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SealError> {
        let end = len + self.tag_len();
        let data = buffer.get_mut(..end).ok_or(SealError::Malformed)?;
        let (packet, tag) = data.split_at_mut(len);
        match self {
            Self::Gcm { key, salt } => {
                let (header, payload) = packet.split_at_mut(header_len);
                let nonce = gcm_nonce(salt, ssrc, index);
                let computed = key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)
                    .map_err(|_| SealError::Malformed)?;
                tag.copy_from_slice(computed.as_ref());
            }
            Self::CtrSha1 { key, auth, salt } => {
                keys::aes_ctr(key, ctr_iv(salt, ssrc, index), &mut packet[header_len..]);
                tag.copy_from_slice(&sha1_80(auth, packet, &rollover(index)));
            }
        }
        Ok(end)
    }

    /// The E flag and index of an SRTCP packet, read before authentication. None if the packet is
    /// too short to be one.
    pub(super) fn rtcp_trailer(&self, data: &[u8]) -> Option<u32> {
        let at = self.rtcp_trailer_at(data.len())?;
        Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
    }

    /// With GCM the trailer comes last, with HMAC the tag does.
    fn rtcp_trailer_at(&self, len: usize) -> Option<usize> {
        len.checked_sub(RTCP_CLEAR_LEN + self.tag_len() + SRTCP_INDEX_LEN)?;
        Some(match self {
            Self::Gcm { .. } => len - SRTCP_INDEX_LEN,
            Self::CtrSha1 { .. } => len - SHA1_80_TAG_LEN - SRTCP_INDEX_LEN,
        })
    }

    /// Length of the plain packet.
    pub(super) fn open_rtcp(
        &self,
        data: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<usize, OpenError> {
        let trailer = self.rtcp_trailer_at(data.len()).ok_or(OpenError::Malformed)?;
        match self {
            Self::Gcm { key, salt } => {
                let aad = gcm_rtcp_aad(data, index).ok_or(OpenError::Malformed)?;
                key.open_in_place(
                    gcm_nonce(salt, ssrc, index.into()),
                    Aad::from(aad),
                    &mut data[RTCP_CLEAR_LEN..trailer],
                )
                .map_err(|_| OpenError::Auth)?;
                Ok(trailer - GCM_TAG_LEN)
            }
            Self::CtrSha1 { key, auth, salt } => {
                let (authenticated, tag) = data.split_at_mut(trailer + SRTCP_INDEX_LEN);
                if !bool::from(sha1_80(auth, authenticated, &[])[..].ct_eq(tag)) {
                    return Err(OpenError::Auth);
                }
                let iv = ctr_iv(salt, ssrc, index.into());
                keys::aes_ctr(key, iv, &mut authenticated[RTCP_CLEAR_LEN..trailer]);
                Ok(trailer)
            }
        }
    }

    /// Length of the sealed packet.
    pub(super) fn seal_rtcp(
        &self,
        buffer: &mut [u8],
        len: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SealError> {
        let end = len + self.tag_len() + SRTCP_INDEX_LEN;
        let data = buffer.get_mut(..end).ok_or(SealError::Malformed)?;
        let word = (index | SRTCP_ENCRYPTED).to_be_bytes();
        match self {
            Self::Gcm { key, salt } => {
                let aad = gcm_rtcp_aad(data, index).ok_or(SealError::Malformed)?;
                let (packet, trailer) = data.split_at_mut(len);
                let tag = key
                    .seal_in_place_separate_tag(
                        gcm_nonce(salt, ssrc, index.into()),
                        Aad::from(aad),
                        &mut packet[RTCP_CLEAR_LEN..],
                    )
                    .map_err(|_| SealError::Malformed)?;
                trailer[..GCM_TAG_LEN].copy_from_slice(tag.as_ref());
                trailer[GCM_TAG_LEN..].copy_from_slice(&word);
            }
            Self::CtrSha1 { key, auth, salt } => {
                let iv = ctr_iv(salt, ssrc, index.into());
                keys::aes_ctr(key, iv, &mut data[RTCP_CLEAR_LEN..len]);
                data[len..len + SRTCP_INDEX_LEN].copy_from_slice(&word);
                let (authenticated, tag) = data.split_at_mut(len + SRTCP_INDEX_LEN);
                tag.copy_from_slice(&sha1_80(auth, authenticated, &[]));
            }
        }
        Ok(end)
    }
}

/// RFC 7714 §8.1 and §9.1: two zero bytes, the SSRC and the 48-bit index, masked with the salt.
fn gcm_nonce(salt: &[u8; GCM_NONCE_LEN], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &ssrc.to_be_bytes());
    xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 3711 §4.1.1: the salt with the SSRC and the 48-bit index mixed in; the last two bytes
/// count blocks.
fn ctr_iv(salt: &[u8; SALT_LEN], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..SALT_LEN].copy_from_slice(salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

fn xor(target: &mut [u8], mask: &[u8]) {
    for (byte, mask) in target.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// The readable part of the packet and the trailer (RFC 7714 §9.2).
fn gcm_rtcp_aad(data: &[u8], index: u32) -> Option<[u8; RTCP_CLEAR_LEN + SRTCP_INDEX_LEN]> {
    let mut aad = [0; RTCP_CLEAR_LEN + SRTCP_INDEX_LEN];
    aad[..RTCP_CLEAR_LEN].copy_from_slice(data.get(..RTCP_CLEAR_LEN)?);
    aad[RTCP_CLEAR_LEN..].copy_from_slice(&(index | SRTCP_ENCRYPTED).to_be_bytes());
    Some(aad)
}

/// The rollover counter, which is authenticated with the packet but not sent.
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn sha1_80(key: &hmac::Key, packet: &[u8], rollover: &[u8]) -> [u8; SHA1_80_TAG_LEN] {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    context.update(rollover);
    let mut tag = [0; SHA1_80_TAG_LEN];
    tag.copy_from_slice(&context.sign().as_ref()[..SHA1_80_TAG_LEN]);
    tag
}
