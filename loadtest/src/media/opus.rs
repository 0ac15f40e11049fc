//! The shape of an Opus packet (RFC 6716).

/// TOC byte: CELT, full band, 20 ms, stereo, one frame in the packet (RFC 6716 §3.1).
const TOC: u8 = 0b1111_1100;

/// Bytes before the compressed sound.
pub(super) const OVERHEAD: usize = 1;

/// Starts an Opus packet; the caller appends what takes the place of the compressed sound.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.push(TOC);
}

/// What follows the TOC byte.
pub(super) fn body(payload: &[u8]) -> Option<&[u8]> {
    payload.get(OVERHEAD..)
}
