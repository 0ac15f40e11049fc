//! Sequence numbers as the viewer sees them: what is dropped here on purpose leaves no gap, so that
//! the viewer does not ask for it.
//!
//! A stream's packets have *positions*, which follow the publisher's numbers, gaps included. The
//! *number* of a packet is its position less the positions omitted before it. Pictures of VP8 have
//! numbers of their own, which are mended alike.

use arrayvec::ArrayVec;

/// Omitted stretches that are remembered. At 15 frames dropped a second this is four seconds:
/// longer than a packet is repeated.
const MAX_OMITTED: usize = 64;

/// Maps positions to numbers and back. What every packet asks for comes first, and together.
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub(super) struct Numbering {
    /// Positions and pictures omitted before those that are remembered.
    forgotten: (u64, u16),
    /// Positions before this have no known number.
    floor: u64,
    /// Ascending and disjoint.
    omitted: ArrayVec<Omitted, MAX_OMITTED>,
}

#[derive(Debug, Clone, Copy)]
struct Omitted {
    from: u64,
    to: u64,
    pictures: u16,
}

impl Numbering {
    /// Leaves out the positions `from..to`, of which none, and none after, has been sent.
    pub(super) fn omit(&mut self, from: u64, to: u64, pictures: u16) {
        if from >= to {
            return;
        }
        let mut new = Omitted { from, to, pictures };
        // Everything that it touches becomes one with it.
        let first = self.omitted.partition_point(|known| known.to < from);
        let last = self.omitted.partition_point(|known| known.from <= to);
        for known in self.omitted.drain(first..last) {
            new.from = new.from.min(known.from);
            new.to = new.to.max(known.to);
            new.pictures = new.pictures.wrapping_add(known.pictures);
        }
        if self.omitted.is_full() {
            let oldest = self.omitted.remove(0);
            self.forgotten.0 += oldest.to - oldest.from;
            self.forgotten.1 = self.forgotten.1.wrapping_add(oldest.pictures);
            self.floor = oldest.to;
            self.omitted.insert(first.saturating_sub(1), new);
        } else {
            self.omitted.insert(first, new);
        }
    }

    /// The number of a position. `None` if it was left out or is too old.
    pub(super) fn number(&self, position: u64) -> Option<u64> {
        if position < self.floor {
            return None;
        }
        let mut before = self.forgotten.0;
        for omitted in &self.omitted {
            if position < omitted.from {
                break;
            }
            if position < omitted.to {
                return None;
            }
            before += omitted.to - omitted.from;
        }
        position.checked_sub(before)
    }

    /// The position of a number that was sent. `None` if that is too long ago.
    pub(super) fn position(&self, number: u64) -> Option<u64> {
        let mut position = number + self.forgotten.0;
        for omitted in &self.omitted {
            if position < omitted.from {
                break;
            }
            position += omitted.to - omitted.from;
        }
        (position >= self.floor).then_some(position)
    }

    /// Pictures left out before a position.
    pub(super) fn pictures(&self, position: u64) -> u16 {
        self.omitted
            .iter()
            .take_while(|omitted| omitted.from <= position)
            .fold(self.forgotten.1, |sum, omitted| sum.wrapping_add(omitted.pictures))
    }
}
