//! What has to be read of a packet before it is opened.

/// Fixed part of an RTP header (RFC 3550 §5.1).
const RTP_FIXED_LEN: usize = 12;

/// The fields of an RTP header that make the nonce, and where the header ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rtp {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// Fixed header, CSRCs and header extension: everything that stays readable.
    pub(super) len: usize,
}

impl Rtp {
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; RTP_FIXED_LEN] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut len = RTP_FIXED_LEN + 4 * usize::from(fixed[0] & 0x0f);
        if fixed[0] & 0x10 != 0 {
            let [_, _, high, low] = *packet.get(len..)?.first_chunk()?;
            len += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        (len <= packet.len()).then_some(Self {
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            len,
        })
    }
}

/// The sender's SSRC of a (compound) RTCP packet.
pub(super) fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let [first, .., a, b, c, d] = *packet.first_chunk::<{ super::RTCP_CLEAR_LEN }>()?;
    (first >> 6 == 2).then_some(u32::from_be_bytes([a, b, c, d]))
}

/// Tells RTCP from RTP on a shared port by the second byte (RFC 5761 §4).
pub(crate) fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|byte| (192..=223).contains(byte))
}
