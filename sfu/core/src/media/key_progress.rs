//! When the first key frame has been forwarded completely.

/// Counts the packets of the first key frame, which may come in any order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum KeyFrameProgress {
    /// None has begun.
    #[default]
    Waiting,
    /// Some of its packets were forwarded.
    Partial {
        /// Its first packet.
        first: u64,
        /// Its last packet, once it is known.
        last: Option<u64>,
        /// The frame's timestamp.
        timestamp: u32,
        /// Packets forwarded.
        count: u64,
    },
    /// All were.
    Complete,
}

impl KeyFrameProgress {
    /// A key frame begins. One that was not completed is given up: it will not be repaired any
    /// more when the next one comes.
    pub(super) fn begin(&mut self, sequence: u64, timestamp: u32) {
        match self {
            Self::Complete => {}
            // A frame may announce itself in more than one packet.
            Self::Partial { timestamp: known, .. } if *known == timestamp => {}
            _ => *self = Self::Partial { first: sequence, last: None, timestamp, count: 0 },
        }
    }

    /// A packet was forwarded. `true` once: it completes the key frame.
    pub(super) fn on_packet(&mut self, sequence: u64, of: u32, marker: bool) -> bool {
        let Self::Partial { first, last, timestamp, count } = self else { return false };
        if of != *timestamp || sequence < *first {
            return false;
        }
        *count += 1;
        if marker {
            *last = Some(sequence);
        }
        let complete = last.is_some_and(|last| *count == last - *first + 1);
        if complete {
            *self = Self::Complete;
        }
        complete
    }
}
