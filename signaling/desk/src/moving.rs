//! A call on its way from one node to another.
//!
//! ```text
//!            pages are told            both new legs warm             both pages show them
//!  decided ───────────────► Opening ─────────────────────► Switching ────────────────────► over
//!                              │  ▲   bridged with the           │       the former legs
//!                              └──┘   next epoch                 │       are closed
//!                            too slow: told again          not in time, or
//!                                                          nothing came: all again
//! ```
//!
//! The former legs and their bridge carry until the end: a node that drains still does, one that
//! only seemed dead may.

use std::time::Duration;

use crate::{Millis, MoveCause};

/// How long pages may take to open their new legs before they are told again: an offer, an answer,
/// ICE and DTLS at a round trip of 300 ms are 1.5 s.
const OPEN_WITHIN: Duration = Duration::from_secs(3);

/// Longest wait between two tries, when there is no node to go to.
const LONGEST_TRY: Duration = Duration::from_secs(24);

/// How long pages may take from the new bridge to the first picture from it. It waits for them at
/// the node; they show it after a round trip.
const SWITCH_WITHIN: Duration = Duration::from_secs(3);

/// Tries after which a call whose new legs carry nothing stays where it is until a page complains.
const MOST_TRIES: u32 = 5;

/// A move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moving {
    pub(crate) cause: MoveCause,
    /// When it was decided.
    pub(crate) since: Millis,
    /// Whose node is left: the shopper's, the agent's. Both pages open new legs all the same, for the other
    /// side's picture would stop on a leg that stays, until the new one's first came.
    pub(crate) sides: [bool; 2],
    tries: u32,
    pub(crate) step: Step,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The pages open their new legs.
    Opening {
        /// When they are told again.
        until: Millis,
    },
    /// Bridged; the pages wait for the first picture.
    Switching {
        /// When the former legs are closed all the same.
        until: Millis,
        /// What each page has said: whether media came.
        switched: [Option<bool>; 2],
    },
}

impl Moving {
    pub(crate) fn new(cause: MoveCause, sides: [bool; 2], now: Millis) -> Self {
        let step = Step::Opening { until: now + OPEN_WITHIN };
        Self { cause, since: now, sides, tries: 1, step }
    }

    /// When it has to be looked at again.
    pub(crate) fn until(&self) -> Millis {
        match self.step {
            Step::Opening { until } | Step::Switching { until, .. } => until,
        }
    }

    /// Tells the pages once more. False when it has been tried often enough.
    pub(crate) fn again(&mut self, now: Millis) -> bool {
        let wait = (OPEN_WITHIN * 2u32.saturating_pow(self.tries)).min(LONGEST_TRY);
        self.step = Step::Opening { until: now + wait };
        self.tries = self.tries.saturating_add(1);
        self.tries <= MOST_TRIES || self.cause == MoveCause::Drain
    }

    /// The new legs are bridged.
    pub(crate) fn bridged(&mut self, now: Millis) {
        self.step = Step::Switching { until: now + SWITCH_WITHIN, switched: [None; 2] };
    }

    /// A page shows its new leg.
    pub(crate) fn switched(&mut self, side: usize, media: bool) {
        if let Step::Switching { switched, .. } = &mut self.step {
            switched[side] = Some(media);
        }
    }

    /// Whether both pages show their new legs.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.step, Step::Switching { switched: [Some(_), Some(_)], .. })
    }

    /// Whether a page waits in vain for what the other side sends.
    pub(crate) fn is_deaf(&self, side: usize) -> bool {
        match self.step {
            Step::Opening { .. } => false,
            Step::Switching { switched, .. } => switched[side] != Some(true),
        }
    }

    /// Whether the pages open their new legs.
    pub(crate) fn opens(&self) -> bool {
        matches!(self.step, Step::Opening { .. })
    }
}
