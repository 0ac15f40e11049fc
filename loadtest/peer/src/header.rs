//! RTP headers with the extensions that a browser sends.

use std::time::Duration;

use super::sdp;

/// Fixed header, extension header, twelve bytes of extensions.
pub const LEN: usize = 12 + 4 + 12;

/// What differs from packet to packet.
#[derive(Debug, Clone, Copy)]
pub struct RtpHeader {
    /// As in our offer. Only audio ([`sdp::OPUS`]) has a level.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// The media section.
    pub mid: u8,
    /// Its sequence number.
    pub sequence: u16,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Its stream.
    pub ssrc: u32,
    /// Its transport-wide number.
    pub transport_sequence: u16,
    /// When it is sent, since the Unix epoch.
    pub sent: Duration,
}

impl RtpHeader {
    /// The header's bytes.
    pub fn write(&self) -> [u8; LEN] {
        let mut header = [0; LEN];
        header[0] = 0x90;
        header[1] = self.payload_type | u8::from(self.marker) << 7;
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        // RFC 8285, one-byte form, three words.
        header[12..16].copy_from_slice(&[0xbe, 0xde, 0, 3]);
        // 6.18 fixed point seconds.
        let absolute = ((self.sent.as_nanos() << 18) / 1_000_000_000) as u32;
        let [_, a, b, c] = absolute.to_be_bytes();
        let [high, low] = self.transport_sequence.to_be_bytes();
        // Zeros are padding (RFC 8285 §4.2).
        let (level_id, level) = match self.payload_type {
            sdp::OPUS => (sdp::AUDIO_LEVEL << 4, 0x80 | 30),
            _ => (0, 0),
        };
        header[16..].copy_from_slice(&[
            sdp::MID << 4,
            self.mid,
            sdp::ABS_SEND_TIME << 4 | 2,
            a,
            b,
            c,
            sdp::TRANSPORT_SEQUENCE << 4 | 1,
            high,
            low,
            level_id,
            level,
            0,
        ]);
        header
    }
}
