//! Sequence numbers that do not wrap.

/// Jump ahead that is taken for lost packets; anything larger is a restarted stream
/// (RFC 3550 A.1, `MAX_DROPOUT`).
const MAX_DROPOUT: u16 = 3_000;
/// How far back a packet may be late.
const MAX_MISORDER: u16 = 1_000;

/// Extends 16-bit sequence numbers of one stream to 64 bits.
#[derive(Debug, Clone, Default)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
    /// Where a stream that has jumped would go on: two packets in a row prove a restart.
    restart: Option<u16>,
}

/// What a sequence number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwrapped {
    /// A packet of the running stream. The first one of a stream is above 65,535, so that earlier
    /// ones that come late have a number as well.
    Known(u64),
    /// The stream has begun anew with this number; it has nothing to do with former ones.
    Restarted(u64),
    /// Too far off to belong to the stream.
    Stray,
}

impl SequenceUnwrapper {
    /// The highest number so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Takes the next packet's number.
    pub fn unwrap(&mut self, sequence: u16) -> Unwrapped {
        let Some(highest) = self.highest else {
            let first = 0x1_0000 + u64::from(sequence);
            self.highest = Some(first);
            return Unwrapped::Known(first);
        };
        let ahead = sequence.wrapping_sub(highest as u16);
        let behind = (highest as u16).wrapping_sub(sequence);
        if ahead <= MAX_DROPOUT {
            self.restart = None;
            let extended = highest + u64::from(ahead);
            self.highest = Some(extended);
            Unwrapped::Known(extended)
        } else if behind <= MAX_MISORDER {
            Unwrapped::Known(highest - u64::from(behind))
        } else if self.restart == Some(sequence) {
            self.restart = None;
            // Well clear of everything that was numbered before.
            let base = (highest | 0xffff) + 0x1_0001;
            let first = base + u64::from(sequence);
            self.highest = Some(first);
            Unwrapped::Restarted(first)
        } else {
            self.restart = Some(sequence.wrapping_add(1));
            Unwrapped::Stray
        }
    }
}
