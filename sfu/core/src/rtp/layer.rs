//! Which frames a decoder can do without, read from the payload descriptors of video codecs.

use super::dependency::Templates;
use crate::sdp::Codec;

/// H.264 NAL unit types (ITU-T H.264 table 7-1, RFC 6184 table 1).
const NAL_SLICE: u8 = 1;
const NAL_FU_A: u8 = 28;

/// A frame's place in the temporal layers of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layer {
    /// Temporal layer; 0 is the base that everything else builds on.
    pub temporal: u8,
    /// No other frame refers to it.
    pub discardable: bool,
    /// It refers to lower layers only: a decoder that missed frames of its layer goes on here.
    pub sync: bool,
    /// Where the picture id stands in the payload and how long it is in bytes, for VP8: its
    /// receivers wait for pictures whose number is missing.
    pub picture_id: Option<(u8, u8)>,
}

impl Layer {
    /// Nothing that follows can be shown without the frame.
    pub fn is_needed(&self) -> bool {
        self.temporal == 0 && !self.discardable
    }

    /// Reads a packet's payload, and its dependency descriptor if it has one. A codec or packet
    /// that says nothing is of the base layer.
    pub fn read(
        codec: Codec,
        payload: &[u8],
        descriptor: Option<&[u8]>,
        templates: &mut Templates,
    ) -> Self {
        let own = match codec {
            Codec::Vp8 => vp8(payload),
            Codec::Vp9 { .. } => vp9(payload),
            Codec::H264 { .. } => h264(payload),
            Codec::Opus | Codec::Red { .. } | Codec::Av1 { .. } => None,
        }
        .unwrap_or_default();
        match descriptor.and_then(|descriptor| templates.read(descriptor)) {
            Some(layer) => Self { picture_id: own.picture_id, ..layer },
            None => own,
        }
    }

    /// Counts the picture id of a VP8 payload down by `less`, modulo its 7 or 15 bits.
    pub fn renumber_vp8(payload: &mut [u8], less: u16) {
        let Some((at, len)) = vp8(payload).and_then(|layer| layer.picture_id) else { return };
        let at = usize::from(at);
        if len == 1 {
            payload[at] = payload[at].wrapping_sub(less as u8) & 0x7f;
        } else {
            let id = u16::from_be_bytes([payload[at], payload[at + 1]]);
            let id = id.wrapping_sub(less) | 0x8000;
            payload[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
    }
}

/// RFC 7741 §4.2.
fn vp8(payload: &[u8]) -> Option<Layer> {
    let descriptor = *payload.first()?;
    let mut layer = Layer { discardable: descriptor & 0x20 != 0, ..Layer::default() };
    if descriptor & 0x80 == 0 {
        return Some(layer);
    }
    let fields = *payload.get(1)?;
    let mut at = 2;
    if fields & 0x80 != 0 {
        let len = if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        payload.get(at + len - 1)?;
        layer.picture_id = Some((at as u8, len as u8));
        at += len;
    }
    at += usize::from(fields & 0x40 != 0);
    if fields & 0x20 != 0 {
        let ids = *payload.get(at)?;
        layer.temporal = ids >> 6;
        layer.sync = ids & 0x20 != 0;
    }
    Some(layer)
}

/// RFC 9628 §4.2. A frame of a higher temporal layer may still be referred to within its layer.
fn vp9(payload: &[u8]) -> Option<Layer> {
    let descriptor = *payload.first()?;
    if descriptor & 0x20 == 0 {
        return Some(Layer::default());
    }
    let mut at = 1;
    if descriptor & 0x80 != 0 {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let ids = *payload.get(at)?;
    Some(Layer { temporal: ids >> 5, sync: ids & 0x10 != 0, ..Layer::default() })
}

/// RFC 6184 §5.3: `nal_ref_idc` 0 of a slice says that nothing refers to it.
fn h264(payload: &[u8]) -> Option<Layer> {
    let first = *payload.first()?;
    let kind = match first & 0x1f {
        NAL_FU_A => payload.get(1)? & 0x1f,
        kind => kind,
    };
    Some(Layer { discardable: kind == NAL_SLICE && first & 0x60 == 0, ..Layer::default() })
}
