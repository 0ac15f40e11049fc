//! A video frame as it travels: VP8 (RFC 7741) with a note in its payload that only the world's
//! viewer reads. To the node the payload is opaque, as it must be.

/// Longest descriptor, and the note.
pub const PREFIX: usize = DESCRIPTOR + NOTE;
/// X, I with 15 bits, L, T/K.
const DESCRIPTOR: usize = 6;
const NOTE: usize = 1 + 4 + 2 + 2 + 8 + 4 + 4;

/// Which temporal layer a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    /// 0 is the base.
    pub layer: u8,
    /// It depends on the base layer only (Y).
    pub sync: bool,
    /// Counts base layer frames.
    pub base_index: u8,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameInfo {
    /// Counts frames from 1.
    pub number: u32,
    /// It needs no other.
    pub key: bool,
    /// No other needs it (N).
    pub discardable: bool,
    /// Layers, if there are several.
    pub temporal: Option<Temporal>,
    /// Frames that must have been decoded; 0 is none.
    pub needs: [u32; 2],
    /// When it was captured, microseconds of virtual time.
    pub captured: i64,
}

/// A frame's packet, seen by the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The frame.
    pub frame: FrameInfo,
    /// Which packet of it this is.
    pub index: u16,
    /// Of how many.
    pub count: u16,
}

/// Writes the beginning of a packet's payload and returns its length.
pub fn write(frame: &FrameInfo, index: u16, count: u16, out: &mut [u8; PREFIX]) -> usize {
    let first = index == 0;
    out[0] = 0x80 | u8::from(frame.discardable) << 5 | u8::from(first) << 4;
    out[1] = 0x80;
    out[2..4].copy_from_slice(&(0x8000 | frame.number as u16 & 0x7fff).to_be_bytes());
    let mut at = 4;
    if let Some(temporal) = frame.temporal {
        // Chromium sends TL0PICIDX, TID and KEYIDX as soon as there are layers.
        out[1] |= 0x70;
        out[4] = temporal.base_index;
        out[5] = temporal.layer << 6 | u8::from(temporal.sync) << 5;
        at = 6;
    }
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    // The frame header's P bit: 0 is a key frame.
    put(&[u8::from(!frame.key)]);
    put(&frame.number.to_be_bytes());
    put(&index.to_be_bytes());
    put(&count.to_be_bytes());
    put(&frame.captured.to_be_bytes());
    put(&frame.needs[0].to_be_bytes());
    put(&frame.needs[1].to_be_bytes());
    at
}

/// Reads what [`write()`] wrote.
pub fn read(payload: &[u8]) -> Option<Part> {
    let (descriptor, fields) = (*payload.first()?, *payload.get(1)?);
    let layered = fields & 0x70 != 0;
    let temporal = if layered {
        let byte = *payload.get(5)?;
        let base_index = *payload.get(4)?;
        Some(Temporal { layer: byte >> 6, sync: byte & 0x20 != 0, base_index })
    } else {
        None
    };
    let note: &[u8; NOTE] = payload.get(if layered { 6 } else { 4 }..)?.first_chunk()?;
    let word = |at: usize| u32::from_be_bytes([note[at], note[at + 1], note[at + 2], note[at + 3]]);
    let captured = i64::from(word(9)) << 32 | i64::from(word(13));
    let frame = FrameInfo {
        number: word(1),
        key: note[0] & 1 == 0,
        discardable: descriptor & 0x20 != 0,
        temporal,
        needs: [word(17), word(21)],
        captured,
    };
    let half = |at: usize| u16::from_be_bytes([note[at], note[at + 1]]);
    Some(Part { frame, index: half(5), count: half(7) })
}
