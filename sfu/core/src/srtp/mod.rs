//! SRTP and SRTCP (RFC 3711, RFC 7714), in place and without allocation.
//!
//! A [`Session`] has two halves that share nothing: [`Inbound`] opens what the peer sealed,
//! [`Outbound`] seals what we send. Nothing of a packet is believed before its tag is verified;
//! only the SSRC and the sequence number are read before, because the nonce is made of them.

mod cipher;
mod index;
mod keys;
mod packet;
#[cfg(test)]
mod tests;

use self::{cipher::Cipher, index::Streams};
pub(crate) use self::{keys::KeyingMaterial, packet::is_rtcp};
use crate::api::SrtpProfile;

/// Most bytes that sealing adds to a packet: a GCM tag and the SRTCP index.
pub(crate) const MAX_OVERHEAD: usize = 16 + SRTCP_INDEX_LEN;

/// The trailer with the E flag and the SRTCP index.
const SRTCP_INDEX_LEN: usize = 4;
/// The E flag of that trailer: the packet is encrypted.
const SRTCP_ENCRYPTED: u32 = 1 << 31;
/// The part of an RTCP packet that stays readable: the first header and the sender's SSRC.
const RTCP_CLEAR_LEN: usize = 8;
/// Sequence numbers in the SRTCP trailer have 31 bits and must not wrap under one key.
const MAX_SRTCP_INDEX: u32 = SRTCP_ENCRYPTED - 1;

/// Why a packet could not be opened. The packet is dropped and counted; nothing else happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    /// Too short, or not RTP/RTCP at all.
    #[error("malformed packet")]
    Malformed,
    /// The tag does not verify.
    #[error("authentication failed")]
    Auth,
    /// Seen before, or older than the replay window.
    #[error("replayed packet")]
    Replay,
}

/// Why a packet could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// Not RTP/RTCP, or no room for the tag.
    #[error("malformed packet")]
    Malformed,
    /// This index was used before: sealing again would reuse a nonce.
    #[error("packet index used twice")]
    Reused,
}

/// Both directions of a leg's media protection.
pub(crate) struct Session {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
}

impl Session {
    /// From what the DTLS handshake exported (RFC 5764 §4.2), to us as its client.
    pub(crate) fn new(profile: SrtpProfile, material: &KeyingMaterial) -> Self {
        let [client, server] = material.masters(profile);
        Self::from_masters(profile, &client, &server)
    }

    fn from_masters(profile: SrtpProfile, local: &keys::Master, remote: &keys::Master) -> Self {
        let cipher =
            |master: &keys::Master, kind| Cipher::new(&keys::derive(profile, master, kind));
        Self {
            inbound: Inbound {
                rtp: cipher(remote, keys::Kind::Rtp),
                rtcp: cipher(remote, keys::Kind::Rtcp),
                rtp_streams: Streams::new(),
                rtcp_streams: Streams::new(),
            },
            outbound: Outbound {
                rtp: cipher(local, keys::Kind::Rtp),
                rtcp: cipher(local, keys::Kind::Rtcp),
                rtp_streams: Streams::new(),
                next_rtcp_index: 1,
            },
        }
    }
}

/// A look at what the next RTP packets need, see [`crate::media`]; the keys themselves are out of our reach.
impl Session {
    pub(crate) fn glance_inbound(&self) -> u64 {
        self.inbound.rtp_streams.glance() ^ self.inbound.rtp.glance()
    }

    pub(crate) fn glance_outbound(&self) -> u64 {
        self.outbound.rtp_streams.glance() ^ self.outbound.rtp.glance()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Opens the peer's packets.
pub(crate) struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_streams: Streams,
    rtcp_streams: Streams,
}

impl Inbound {
    /// Opens an SRTP packet; returns the plain RTP packet.
    pub(crate) fn open_rtp<'a>(&mut self, data: &'a mut [u8]) -> Result<&'a mut [u8], OpenError> {
        let header = packet::Rtp::read(data).ok_or(OpenError::Malformed)?;
        let unused =
            self.rtp_streams.estimate(header.ssrc, header.sequence).ok_or(OpenError::Replay)?;
        let len = self.rtp.open_rtp(data, header.len, header.ssrc, unused.index)?;
        self.rtp_streams.accept(unused);
        Ok(&mut data[..len])
    }

    /// Opens an SRTCP packet; returns the plain compound RTCP packet.
    pub(crate) fn open_rtcp<'a>(&mut self, data: &'a mut [u8]) -> Result<&'a mut [u8], OpenError> {
        let ssrc = packet::rtcp_ssrc(data).ok_or(OpenError::Malformed)?;
        let trailer = self.rtcp.rtcp_trailer(data).ok_or(OpenError::Malformed)?;
        // An endpoint that negotiated encryption has no reason to send plain SRTCP.
        if trailer & SRTCP_ENCRYPTED == 0 {
            return Err(OpenError::Malformed);
        }
        let index = trailer & !SRTCP_ENCRYPTED;
        let unused = self.rtcp_streams.check(ssrc, index.into()).ok_or(OpenError::Replay)?;
        let len = self.rtcp.open_rtcp(data, ssrc, index)?;
        self.rtcp_streams.accept(unused);
        Ok(&mut data[..len])
    }
}

/// Seals our packets.
pub(crate) struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_streams: Streams,
    /// One counter for all our SSRCs: receivers track it per SSRC and do not mind gaps.
    next_rtcp_index: u32,
}

impl Outbound {
    /// Seals the RTP packet in the first `len` bytes of `buffer`, which needs
    /// [`MAX_OVERHEAD`] bytes of room behind it. Returns the length of the SRTP packet.
    pub(crate) fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        let packet = buffer.get(..len).ok_or(SealError::Malformed)?;
        let header = packet::Rtp::read(packet).ok_or(SealError::Malformed)?;
        let unused =
            self.rtp_streams.estimate(header.ssrc, header.sequence).ok_or(SealError::Reused)?;
        let sealed = self.rtp.seal_rtp(buffer, len, header.len, header.ssrc, unused.index)?;
        self.rtp_streams.accept(unused);
        Ok(sealed)
    }

    /// Seals the compound RTCP packet in the first `len` bytes of `buffer`, likewise.
    pub(crate) fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        let packet = buffer.get(..len).ok_or(SealError::Malformed)?;
        let ssrc = packet::rtcp_ssrc(packet).ok_or(SealError::Malformed)?;
        let index = self.next_rtcp_index;
        if index > MAX_SRTCP_INDEX {
            return Err(SealError::Reused);
        }
        let sealed = self.rtcp.seal_rtcp(buffer, len, ssrc, index)?;
        self.next_rtcp_index += 1;
        Ok(sealed)
    }
}
