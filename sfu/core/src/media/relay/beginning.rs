//! The first packet of video over the hop, and that it was lost.
//!
//! The other end counts from zero, so its loss shows with the next one that comes. It is asked for like any other;
//! but a viewer's stream begins with a key frame only, and would take none of what comes before it. So that is kept
//! and goes on behind the first packet, as on the way from a publisher (`media/head.rs`).

use std::time::{Duration, Instant};

use super::super::{Kept, incoming::Incoming};

/// What has come of a stream's beginning.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Nothing.
    Unseen,
    /// Later packets, which wait until this moment for the first one.
    Missing(Instant, Kept),
    /// The first packet, or it is not waited for any more.
    There,
}

/// What to do with a packet that has just come.
#[derive(Debug)]
pub(super) enum Onward {
    /// Send it on.
    Go,
    /// It waits.
    Wait,
    /// Send on all this, of which it is the first.
    GoWith(Kept),
}

/// A packet, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) incoming: &'a Incoming,
    pub(super) data: &'a [u8],
    /// It is the first of all.
    pub(super) is_first: bool,
    /// The first of all is missing, and is being asked for.
    pub(super) is_repaired: bool,
}

impl Beginning {
    /// Takes the next packet that comes; the first of all is waited for no longer than `patience`.
    pub(super) fn take(&mut self, now: Instant, place: Place<'_>, patience: Duration) -> Onward {
        let Place { incoming, data, is_first, is_repaired } = place;
        match self {
            Self::There => return Onward::Go,
            Self::Unseen if is_first || !is_repaired => {}
            Self::Unseen => {
                let mut kept = Kept::default();
                kept.push(now, incoming, data, true);
                *self = Self::Missing(now + patience, kept);
                return Onward::Wait;
            }
            Self::Missing(until, _) if now >= *until => {}
            Self::Missing(_, kept) => {
                kept.push(now, incoming, data, true);
                if !is_first {
                    return Onward::Wait;
                }
                let kept = std::mem::take(kept);
                *self = Self::There;
                return Onward::GoWith(kept);
            }
        }
        *self = Self::There;
        Onward::Go
    }
}
