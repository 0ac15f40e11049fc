//! The shape of VP8 in RTP: payload descriptor (RFC 7741 §4.2) and frame header (RFC 6386 §9.1).

/// A packet's place in its frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) first: bool,
    pub(super) key_frame: bool,
    /// The frame's number; its low 15 bits are the PictureID.
    pub(super) frame: u32,
}

/// X, and S on the first packet of a frame.
const EXTENDED: u8 = 0x80;
const START: u8 = 0x10;
/// I: a PictureID follows. M: it has 15 bits.
const PICTURE_ID: u8 = 0x80;
const LONG_PICTURE_ID: u8 = 0x80;

/// Frame tag of a shown frame; bit 0 is set on anything but a key frame.
const SHOWN: u8 = 0x10;
const INTER_FRAME: u8 = 0x01;
/// Start code, then 640 × 360 without scaling.
const KEY_FRAME_HEADER: [u8; 7] = [0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];

const DESCRIPTOR: usize = 4;
const TAG: usize = 3;

impl Place {
    /// Most bytes before the compressed picture.
    #[cfg(test)]
    pub(super) const LARGEST_OVERHEAD: usize = DESCRIPTOR + TAG + KEY_FRAME_HEADER.len();

    /// Bytes before the compressed picture.
    pub(super) fn overhead(self) -> usize {
        DESCRIPTOR
            + match (self.first, self.key_frame) {
                (true, true) => TAG + KEY_FRAME_HEADER.len(),
                (true, false) => TAG,
                (false, _) => 0,
            }
    }
}

/// Starts a VP8 packet; the caller appends what takes the place of the compressed picture.
pub(super) fn begin(place: Place, out: &mut Vec<u8>) {
    let [high, low] = (place.frame as u16 & 0x7fff).to_be_bytes();
    let start = if place.first { START } else { 0 };
    out.extend_from_slice(&[EXTENDED | start, PICTURE_ID, LONG_PICTURE_ID | high, low]);
    if place.first {
        out.extend_from_slice(&[SHOWN | if place.key_frame { 0 } else { INTER_FRAME }, 0, 0]);
        if place.key_frame {
            out.extend_from_slice(&KEY_FRAME_HEADER);
        }
    }
}

/// What follows the descriptor and the frame header. The descriptor is read as RFC 7741 has it, not
/// as [`begin`] writes it: a forwarder may renumber pictures, and with that change its length.
pub(super) fn body(payload: &[u8]) -> Option<&[u8]> {
    let (&first, mut rest) = payload.split_first()?;
    if first & EXTENDED != 0 {
        let (&flags, after) = rest.split_first()?;
        rest = after;
        if flags & PICTURE_ID != 0 {
            let long = rest.first()? & LONG_PICTURE_ID != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        // L: TL0PICIDX. T or K: one byte of TID, Y and KEYIDX.
        rest = rest.get(usize::from(flags & 0x40 != 0)..)?;
        rest = rest.get(usize::from(flags & 0x30 != 0)..)?;
    }
    let partition = first & 0x07;
    if first & START == 0 || partition != 0 {
        return Some(rest);
    }
    let key_frame = rest.first()? & INTER_FRAME == 0;
    rest.get(if key_frame { TAG + KEY_FRAME_HEADER.len() } else { TAG }..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_found_behind_what_begin_wrote() {
        for first in [true, false] {
            for key_frame in [true, false] {
                let place = Place { first, key_frame, frame: 40_000 };
                let mut out = Vec::new();
                begin(place, &mut out);
                assert_eq!(out.len(), place.overhead());
                out.extend_from_slice(b"picture");
                assert_eq!(body(&out), Some(&b"picture"[..]), "{place:?}");
            }
        }
    }

    #[test]
    fn other_descriptors_are_read_too() {
        let short_picture_id = [0x80, 0x80, 0x05, b'x'];
        let all_fields = [0x80, 0xf0, 0x80, 0x05, 0x01, 0x20, b'x'];
        let bare = [0x00, b'x'];

        for packet in [&short_picture_id[..], &all_fields, &bare] {
            assert_eq!(body(packet), Some(&b"x"[..]), "{packet:?}");
        }
    }

    #[test]
    fn a_cut_descriptor_is_no_body() {
        for packet in [&[][..], &[0x80], &[0x80, 0x80], &[0x90, 0x80, 0x80, 0x00, 0x10]] {
            assert_eq!(body(packet), None, "{packet:?}");
        }
    }
}
