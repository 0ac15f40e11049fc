//! Writing an RTP header.

use std::num::NonZeroU8;

use super::{
    PayloadType, Ssrc,
    header::{FIXED_LEN, ONE_BYTE_PROFILE, TWO_BYTE_PROFILE},
};

/// Longest header that is written: room for every extension we pass on at its usual size. An
/// element that does not fit any more is left out.
pub const MAX_HEADER: usize = 160;
/// Bits of the first byte: version 2, padding at the end, extensions (RFC 3550 §5.1).
const VERSION: u8 = 0x80;
const PADDED: u8 = 0x20;
const EXTENDED: u8 = 0x10;

/// Puts together a header in a buffer of at least [`MAX_HEADER`] bytes.
#[derive(Debug)]
pub struct HeaderWriter<'a> {
    buffer: &'a mut [u8],
    len: usize,
    two_byte: bool,
}

impl<'a> HeaderWriter<'a> {
    /// A header without extensions. `two_byte` chooses the form of the elements that follow.
    pub fn new(buffer: &'a mut [u8], two_byte: bool) -> Self {
        buffer[..FIXED_LEN].fill(0);
        buffer[0] = VERSION;
        Self { buffer, len: FIXED_LEN, two_byte }
    }

    /// Fills the fixed part.
    pub fn fixed(
        &mut self,
        marker: bool,
        payload_type: PayloadType,
        sequence: u16,
        timestamp: u32,
        ssrc: Ssrc,
    ) {
        self.buffer[1] = u8::from(marker) << 7 | payload_type.0;
        self.buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
        self.buffer[4..8].copy_from_slice(&timestamp.to_be_bytes());
        self.buffer[8..12].copy_from_slice(&ssrc.0.to_be_bytes());
    }

    /// Whether an element needs the two-byte form.
    pub fn needs_two_byte(id: u8, len: usize) -> bool {
        id > 14 || !(1..=16).contains(&len)
    }

    /// Adds an element and says at which offset its value stands. `None`: it does not fit.
    pub fn extension(&mut self, id: u8, value: &[u8]) -> Option<usize> {
        if value.len() > 255 || (!self.two_byte && Self::needs_two_byte(id, value.len())) {
            return None;
        }
        let start = if self.len == FIXED_LEN { FIXED_LEN + 4 } else { self.len };
        let value_at = start + 1 + usize::from(self.two_byte);
        let end = value_at + value.len();
        // Up to three bytes of padding follow the last element.
        if end + 3 > MAX_HEADER {
            return None;
        }
        if self.two_byte {
            self.buffer[start] = id;
            self.buffer[start + 1] = value.len() as u8;
        } else {
            self.buffer[start] = id << 4 | (value.len() as u8 - 1);
        }
        self.buffer[value_at..end].copy_from_slice(value);
        self.len = end;
        Some(value_at)
    }

    /// Completes the header and returns its length.
    pub fn finish(mut self) -> usize {
        self.complete()
    }

    /// Completes a packet of nothing but padding and returns its length. The padding, one byte at least, counts itself; the
    /// buffer has room for it behind the longest header.
    pub fn finish_empty(mut self, padding: NonZeroU8) -> usize {
        let header = self.complete();
        let len = header + usize::from(padding.get());
        self.buffer[0] |= PADDED;
        self.buffer[header..len].fill(0);
        self.buffer[len - 1] = padding.get();
        len
    }

    fn complete(&mut self) -> usize {
        if self.len == FIXED_LEN {
            return FIXED_LEN;
        }
        let padded = self.len.next_multiple_of(4);
        self.buffer[self.len..padded].fill(0);
        let profile = if self.two_byte { TWO_BYTE_PROFILE } else { ONE_BYTE_PROFILE };
        let words = ((padded - FIXED_LEN - 4) / 4) as u16;
        self.buffer[0] |= EXTENDED;
        self.buffer[FIXED_LEN..FIXED_LEN + 2].copy_from_slice(&profile.to_be_bytes());
        self.buffer[FIXED_LEN + 2..FIXED_LEN + 4].copy_from_slice(&words.to_be_bytes());
        padded
    }
}
