//! The bound from losses: the instant upper bound of libwebrtc's LossBasedBweV2, without its
//! likelihood search. Random loss of a few per cent costs nothing, heavy loss costs much.

use std::time::Duration;

use crate::time::{Time, millis};

/// One observation lasts at least this long.
const OBSERVATION: Duration = millis(250);
/// Weight of the past with each observation.
const MEMORY: f64 = 0.9;
/// The share lost that is never held against the link.
const OFFSET: f64 = 0.05;
/// Bit/s at which the bound and the loss above the offset balance.
const BALANCE: f64 = 75_000.0;

#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    since: Option<Time>,
    lost: f64,
    all: f64,
    past_lost: f64,
    past_all: f64,
}

impl Loss {
    pub(super) fn on_packet(&mut self, lost: bool) {
        self.all += 1.0;
        self.lost += f64::from(u8::from(lost));
    }

    pub(super) fn on_feedback(&mut self, now: Time) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) < OBSERVATION || self.all == 0.0 {
            return;
        }
        self.past_lost = self.past_lost * MEMORY + std::mem::take(&mut self.lost);
        self.past_all = self.past_all * MEMORY + std::mem::take(&mut self.all);
        self.since = Some(now);
    }

    pub(super) fn share(&self) -> f64 {
        if self.past_all > 0.0 { self.past_lost / self.past_all } else { 0.0 }
    }

    /// Bit/s.
    pub(super) fn bound(&self) -> f64 {
        let above = self.share() - OFFSET;
        if above > 0.0 { BALANCE / above } else { f64::INFINITY }
    }
}
