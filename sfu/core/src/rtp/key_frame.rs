//! Key frames, seen in the first bytes of a payload.

use crate::sdp::Codec;

/// H.264 NAL unit types (ITU-T H.264 table 7-1, RFC 6184 table 1).
const NAL_SPS: u8 = 7;
const NAL_STAP_A: u8 = 24;

/// Whether a payload begins a key frame: a decoder that has seen nothing before can start here.
pub fn starts(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus | Codec::Red { .. } => false,
        Codec::Vp8 => vp8(payload).unwrap_or(false),
        Codec::Vp9 { .. } => vp9(payload).unwrap_or(false),
        Codec::H264 { .. } => h264(payload),
        Codec::Av1 { .. } => av1(payload).unwrap_or(false),
    }
}

/// RFC 7741 §4: payload descriptor, then the frame's own header.
fn vp8(payload: &[u8]) -> Option<bool> {
    let descriptor = *payload.first()?;
    let (extended, start, partition) =
        (descriptor & 0x80 != 0, descriptor & 0x10 != 0, descriptor & 0x07);
    if !start || partition != 0 {
        return Some(false);
    }
    let mut at = 1;
    if extended {
        let fields = *payload.get(at)?;
        at += 1;
        if fields & 0x80 != 0 {
            // A picture id of one or two bytes.
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(fields & 0x40 != 0);
        at += usize::from(fields & 0x30 != 0);
    }
    Some(payload.get(at)? & 0x01 == 0)
}

/// RFC 9628 §4.2: begins a frame that is not predicted from another picture, base layer.
fn vp9(payload: &[u8]) -> Option<bool> {
    let descriptor = *payload.first()?;
    let (picture_id, inter, layers, begin) = (
        descriptor & 0x80 != 0,
        descriptor & 0x40 != 0,
        descriptor & 0x20 != 0,
        descriptor & 0x08 != 0,
    );
    if inter || !begin {
        return Some(false);
    }
    if !layers {
        return Some(true);
    }
    let mut at = 1;
    if picture_id {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let spatial = (payload.get(at)? >> 1) & 0x07;
    Some(spatial == 0)
}

/// A parameter set comes right before an IDR picture in every browser's stream, and without it the
/// picture cannot be decoded.
fn h264(payload: &[u8]) -> bool {
    let Some(&first) = payload.first() else { return false };
    match first & 0x1f {
        NAL_SPS => true,
        NAL_STAP_A => {
            let mut rest = &payload[1..];
            while let [high, low, nal, ..] = *rest {
                if nal & 0x1f == NAL_SPS {
                    return true;
                }
                let size = usize::from(u16::from_be_bytes([high, low]));
                let Some(next) = rest.get(2 + size..) else { return false };
                rest = next;
            }
            false
        }
        _ => false,
    }
}

/// AV1 RTP §4.4: the aggregation header's N bit marks the first packet of a coded video sequence.
fn av1(payload: &[u8]) -> Option<bool> {
    Some(payload.first()? & 0x08 != 0)
}
