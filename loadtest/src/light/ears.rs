//! What a leg hears, from its first packet on.

use signaling_wire::browser::Role;

use crate::media::{CallTag, Judge, Kind};

/// What is heard before the call is known is kept: the other side may have started a moment
/// earlier, and its media may overtake our `call_started`.
pub(super) enum Ears {
    Early(Vec<Early>),
    Judging(Box<Judge>),
}

/// A packet that came before the call was known.
pub(super) struct Early {
    pub(super) at_us: u64,
    pub(super) kind: Kind,
    pub(super) payload: Vec<u8>,
}

/// Packets kept before the call is known: a few seconds of media. More than that is not early.
const MAX_EARLY: usize = 500;

impl Default for Ears {
    fn default() -> Self {
        Self::Early(Vec::new())
    }
}

impl Ears {
    /// Keeps a packet; not if it can be judged at once.
    pub(super) fn keep(&mut self, at_us: u64, kind: Kind, payload: &[u8]) {
        let Self::Early(packets) = self else { return };
        if packets.len() < MAX_EARLY {
            packets.push(Early { at_us, kind, payload: payload.to_vec() });
        }
    }

    /// From now on what arrives is judged; what came before that.
    pub(super) fn judge_from(&mut self, call: CallTag, side: Role) -> Vec<Early> {
        match std::mem::replace(self, Self::Judging(Box::new(Judge::new(call, side)))) {
            Self::Early(packets) => packets,
            Self::Judging(_) => Vec::new(),
        }
    }

    pub(super) fn judge(&self) -> Option<&Judge> {
        match self {
            Self::Early(_) => None,
            Self::Judging(judge) => Some(judge),
        }
    }

    pub(super) fn judge_mut(&mut self) -> Option<&mut Judge> {
        match self {
            Self::Early(_) => None,
            Self::Judging(judge) => Some(judge),
        }
    }

    pub(super) fn into_judge(self) -> Option<Box<Judge>> {
        match self {
            Self::Early(_) => None,
            Self::Judging(judge) => Some(judge),
        }
    }
}
