//! A fault on purpose: some calls are bridged with a leg of another call.
//!
//! Only with the feature `miswire`, which no build for use has. It proves that the load test notices
//! the worst thing that a media server can do.

use sfu_core::api::LegId;

use super::Ends;

/// One bridge of so many is wrong.
const EVERY: u32 = 5;

/// Remembers whose leg to take.
#[derive(Debug, Default)]
pub(super) struct Miswire {
    bridges: u32,
    /// The second leg of the bridge before.
    former: Option<LegId>,
}

impl Miswire {
    /// The ends of a bridge, or wrong ones.
    pub(super) fn twist(&mut self, ends: Ends) -> Ends {
        let Ends::Here([first, second]) = ends else { return ends };
        self.bridges += 1;
        match self.former.replace(second) {
            Some(former) if self.bridges % EVERY == 0 && former != second => {
                tracing::error!(?first, ?former, "miswire: a call gets the leg of another");
                Ends::Here([first, former])
            }
            _ => ends,
        }
    }
}
