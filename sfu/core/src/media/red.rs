//! Redundant audio (RFC 2198).

/// The newest block of a packet: the codec's packet as it would have been sent without copies.
/// `None` if the blocks do not fit into the payload.
pub(super) fn primary(payload: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    let mut copies = 0;
    loop {
        let first = *payload.get(at)?;
        if first & 0x80 == 0 {
            // The last header says no length: its block is what is left.
            return payload.get(at + 1 + copies..);
        }
        // Payload type 7 bits, timestamp offset 14 bits, length 10 bits.
        let header = payload.get(at..at + 4)?;
        copies += usize::from(u16::from_be_bytes([header[2], header[3]]) & 0x3ff);
        at += 4;
    }
}

#[cfg(test)]
mod tests {
    use super::primary;

    #[test]
    fn takes_the_copies_out() {
        // Two copies, 3 and 1 bytes long, and the packet itself.
        let packet =
            [0xef, 0x0f, 0x00, 0x03, 0xef, 0x07, 0x80, 0x01, 0x6f, 1, 1, 1, 2, b'n', b'e', b'w'];
        assert_eq!(primary(&packet), Some(b"new".as_slice()));
        assert_eq!(primary(&[0x6f, b'x']), Some(b"x".as_slice()), "no copy");
        assert_eq!(primary(&[0x6f]), Some([].as_slice()), "nothing was said");
    }

    #[test]
    fn a_packet_that_lies_about_its_length_is_none() {
        for len in 0..9 {
            let cut = [0xef, 0x0f, 0x00, 0x03, 0xef, 0x07, 0x80, 0x01, 0x6f];
            assert_eq!(primary(&cut[..len]), None, "{len} bytes");
        }
        assert_eq!(primary(&[0xef, 0, 0x03, 0xff, 0x6f, 1, 2]), None, "a copy beyond the end");
    }
}
