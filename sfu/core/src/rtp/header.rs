//! Where the parts of an RTP packet are.

use std::ops::Range;

use super::{PayloadType, Ssrc};

/// Fixed part of the header.
pub(crate) const FIXED_LEN: usize = 12;
/// RFC 8285 profile of one-byte elements.
pub(crate) const ONE_BYTE_PROFILE: u16 = 0xbede;
/// RFC 8285 profile of two-byte elements; the low four bits are the application's.
pub(crate) const TWO_BYTE_PROFILE: u16 = 0x1000;

/// An RTP header, read once. Offsets are into the packet it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// End of a frame, for video.
    pub marker: bool,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the payload's clock.
    pub timestamp: u32,
    /// Stream.
    pub ssrc: Ssrc,
    /// The payload, without padding.
    pub payload: Range<usize>,
    extensions: Range<usize>,
    element: Element,
}

/// Form of the extension elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    OneByte,
    TwoByte,
}

impl Header {
    /// Reads a packet's header. `None` if the packet is not well-formed RTP.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; FIXED_LEN] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut start = FIXED_LEN + usize::from(fixed[0] & 0x0f) * 4;
        let mut extensions = start..start;
        let mut element = Element::OneByte;
        if fixed[0] & 0x10 != 0 {
            let word = packet.get(start..start + 4)?;
            let profile = u16::from_be_bytes([word[0], word[1]]);
            let len = usize::from(u16::from_be_bytes([word[2], word[3]])) * 4;
            start += 4;
            // A profile we do not know is skipped: an empty range of elements.
            extensions = start..start;
            if profile == ONE_BYTE_PROFILE {
                extensions.end += len;
            } else if profile & 0xfff0 == TWO_BYTE_PROFILE {
                extensions.end += len;
                element = Element::TwoByte;
            }
            start += len;
        }
        let mut end = packet.len();
        if fixed[0] & 0x20 != 0 {
            let padding = usize::from(*packet.last()?);
            if padding == 0 {
                return None;
            }
            end = end.checked_sub(padding)?;
        }
        if start > end {
            return None;
        }
        Some(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: PayloadType(fixed[1] & 0x7f),
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: Ssrc(u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]])),
            payload: start..end,
            extensions,
            element,
        })
    }

    /// The extension elements: id and where the value is. Stops at the first malformed one.
    pub fn extensions<'a>(
        &self,
        packet: &'a [u8],
    ) -> impl Iterator<Item = (u8, Range<usize>)> + use<'a> {
        let Range { mut start, end } = self.extensions.clone();
        let block = packet.get(..end).unwrap_or_default();
        let element = self.element;
        std::iter::from_fn(move || {
            while block.get(start) == Some(&0) {
                start += 1;
            }
            let first = *block.get(start)?;
            let (id, len) = match element {
                Element::OneByte if first >> 4 == 15 => return None,
                Element::OneByte => (first >> 4, usize::from(first & 0x0f) + 1),
                Element::TwoByte => {
                    start += 1;
                    (first, usize::from(*block.get(start)?))
                }
            };
            let value = start + 1..start + 1 + len;
            start = value.end;
            (value.end <= end).then_some((id, value))
        })
    }
}
