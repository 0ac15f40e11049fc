//! The stamp in every synthetic packet.

use signaling_wire::{browser::Role, ids::CallId};

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

impl Kind {
    /// Both, in the order of the sections of an offer.
    pub const ALL: [Self; 2] = [Self::Audio, Self::Video];
}

/// Names a call inside a packet, in fewer bytes than its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallTag(u64);

impl From<CallId> for CallTag {
    fn from(call: CallId) -> Self {
        let bits = call.bits();
        Self((bits >> 64) as u64 ^ bits as u64)
    }
}

/// What a packet says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The call it was sent in.
    pub call: CallTag,
    /// Who sent it.
    pub side: Role,
    /// Which of the sender's two streams it belongs to.
    pub kind: Kind,
    /// Whether it is part of a key frame. Always false for audio.
    pub key_frame: bool,
    /// Counts the packets of the stream from 0.
    pub sequence: u32,
    /// When it was sent, in microseconds on the generator's clock.
    pub sent_us: u64,
    /// Counts the frames of the stream from 0.
    pub frame: u32,
    /// Place in the frame, from 0.
    pub index: u16,
    /// Packets in the frame.
    pub count: u16,
}

/// Why bytes are not a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAStamp {
    /// Not one of ours: other media, or a packet cut before its stamp.
    #[error("the payload carries no stamp")]
    Absent,
    /// One of ours, but changed on the way.
    #[error("the stamp or the bytes after it were changed on the way")]
    Corrupt,
}

const MAGIC: [u8; 4] = *b"VTRN";
const KIND_VIDEO: u8 = 1;
const SIDE_AGENT: u8 = 2;
const KEY_FRAME: u8 = 4;
/// Where the checksum stands: the low half of the fifth word.
const CHECKSUM_AT: usize = 36;

impl Stamp {
    /// Bytes of a stamp on the wire.
    pub const SIZE: usize = 40;
    /// Each leg of a sender counts packets and frames from a multiple of two to this on.
    pub const LEG_SHIFT: u32 = 20;

    /// Which of the sender's legs it came from, from 0.
    pub fn leg(&self) -> u32 {
        self.sequence >> Self::LEG_SHIFT
    }

    /// Appends the stamp and `filler` bytes after it, all covered by its checksum.
    pub fn write(&self, filler: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let flags = if self.kind == Kind::Video { KIND_VIDEO } else { 0 }
            | if self.side == Role::Agent { SIDE_AGENT } else { 0 }
            | if self.key_frame { KEY_FRAME } else { 0 };
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[flags, 0, 0, 0]);
        out.extend_from_slice(&self.call.0.to_be_bytes());
        out.extend_from_slice(&self.sent_us.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.frame.to_be_bytes());
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.resize(out.len() + filler, self.sequence as u8);
        let sum = checksum(&out[start..]);
        out[start + CHECKSUM_AT..start + Stamp::SIZE].copy_from_slice(&sum.to_be_bytes());
    }

    /// Reads the stamp at the start of `bytes`, which must end where the packet ends.
    ///
    /// # Errors
    /// [`NotAStamp`] when there is none or it does not hold what was sent.
    pub fn read(bytes: &[u8]) -> Result<Self, NotAStamp> {
        let Some((head, _)) = bytes.split_first_chunk::<{ Self::SIZE }>() else {
            return Err(NotAStamp::Absent);
        };
        if head[..4] != MAGIC {
            return Err(NotAStamp::Absent);
        }
        if checksum(bytes).to_be_bytes() != head[CHECKSUM_AT..] {
            return Err(NotAStamp::Corrupt);
        }
        let u16_at = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let u32_at = |at: usize| (u32::from(u16_at(at)) << 16) | u32::from(u16_at(at + 2));
        let u64_at = |at: usize| (u64::from(u32_at(at)) << 32) | u64::from(u32_at(at + 4));
        Ok(Self {
            call: CallTag(u64_at(8)),
            side: if head[4] & SIDE_AGENT == 0 { Role::Shopper } else { Role::Agent },
            kind: if head[4] & KIND_VIDEO == 0 { Kind::Audio } else { Kind::Video },
            key_frame: head[4] & KEY_FRAME != 0,
            sent_us: u64_at(16),
            sequence: u32_at(24),
            frame: u32_at(28),
            index: u16_at(32),
            count: u16_at(34),
        })
    }
}

/// FNV-1a over words of eight bytes, its own four bytes taken for zero: catches changed, cut and
/// shifted bytes; nobody forges test packets. Whole words, because a generator of hundreds of calls
/// spends more time here than in encryption otherwise.
fn checksum(bytes: &[u8]) -> u32 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut words = bytes.chunks_exact(8);
    let mut sum = 0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64;
    for (number, word) in words.by_ref().enumerate() {
        let mut word = u64::from_be_bytes(word.try_into().unwrap_or_default());
        if number == CHECKSUM_AT / 8 {
            word &= !u64::from(u32::MAX);
        }
        // The rotation lets high bits reach low ones, which a product alone never does.
        sum = (sum ^ word).wrapping_mul(PRIME).rotate_left(29);
    }
    for byte in words.remainder() {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(PRIME).rotate_left(29);
    }
    (sum >> 32) as u32 ^ sum as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            call: CallTag::from(CallId::from_bits(7 << 64 | 9)),
            side: Role::Agent,
            kind: Kind::Video,
            key_frame: true,
            sequence: 70_000,
            sent_us: 1_234_567_890_123,
            frame: 65_537,
            index: 3,
            count: 9,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        stamp().write(100, &mut out);

        assert_eq!(out.len(), Stamp::SIZE + 100);
        assert_eq!(Stamp::read(&out), Ok(stamp()));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let mut out = Vec::new();
        stamp().write(20, &mut out);

        for at in 0..out.len() {
            let mut changed = out.clone();
            changed[at] ^= 0x10;
            assert!(Stamp::read(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_cut_packet_is_noticed() {
        let mut out = Vec::new();
        stamp().write(20, &mut out);

        for len in 0..out.len() {
            assert!(Stamp::read(&out[..len]).is_err(), "cut to {len} bytes");
        }
    }
}
