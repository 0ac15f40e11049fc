//! What the network bears, as the node tells it.

use std::time::Duration;

use sfu_core::rtcp::transport_feedback::TransportFeedback;

/// The bound on the video.
///
/// REMB, and the loss-based bound of Google congestion control (draft-ietf-rmcat-gcc-02 §6): more
/// than 10 % lost cuts by half the share lost, less than 2 % grows by 5 %. The delay-based part is
/// left to the node, whose REMB speaks for both directions of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    remb: Option<u64>,
    /// Bit/s.
    loss_bound: Option<f64>,
    window: Window,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    since: Duration,
    received: u32,
    missing: u32,
}

/// Losses are looked at over this long.
const WINDOW: Duration = Duration::from_secs(1);
const MUCH_LOSS: f64 = 0.10;
const LITTLE_LOSS: f64 = 0.02;
const GROWTH: f64 = 1.05;
/// Chromium's lowest video bitrate, in bit/s.
const LOWEST: f64 = 30_000.0;
/// Where a first cut begins: more than any profile sends.
const START: f64 = 4_000_000.0;
/// Sound and headers, which REMB counts and the video's payload does not.
const RESERVED: u64 = 60_000;

impl Rate {
    /// The node limits what is sent, in bit/s; 0 is no limit.
    pub(super) fn limit(&mut self, bitrate: u64) {
        self.remb = (bitrate > 0).then_some(bitrate);
    }

    /// The node tells what arrived.
    pub(super) fn feedback(&mut self, now: Duration, feedback: &TransportFeedback<'_>) {
        for status in feedback.statuses() {
            if status.arrival.is_some() {
                self.window.received += 1;
            } else {
                self.window.missing += 1;
            }
        }
        if now.saturating_sub(self.window.since) < WINDOW {
            return;
        }
        let Window { received, missing, .. } = self.window;
        self.window = Window { since: now, ..Window::default() };
        let all = received + missing;
        if all == 0 {
            return;
        }
        let loss = f64::from(missing) / f64::from(all);
        if loss > MUCH_LOSS {
            let bound = self.loss_bound.unwrap_or(START).min(self.remb_bound());
            self.loss_bound = Some((bound * (1.0 - loss / 2.0)).max(LOWEST));
        } else if loss < LITTLE_LOSS {
            self.loss_bound = self.loss_bound.map(|bound| bound * GROWTH);
        }
    }

    fn remb_bound(&self) -> f64 {
        self.remb.map_or(START, |remb| remb.saturating_sub(RESERVED) as f64)
    }

    /// The most that the video may take, in kbit/s.
    pub(super) fn video_kbps(&self) -> u32 {
        let bound = self.loss_bound.map_or(f64::MAX, |bound| bound);
        let remb = self.remb.map_or(f64::MAX, |_| self.remb_bound());
        (bound.min(remb).max(LOWEST) / 1_000.0) as u32
    }
}
