//! Figures for people, over the time since they were last asked for.

use std::time::Instant;

use super::{Counters, leg::MediaLeg};
use crate::{
    api::{MediaKind, Quality},
    rtcp::ReportBlock,
};

/// What the last snapshot saw, and what has been reported since.
#[derive(Debug, Clone, Copy)]
pub(super) struct QualityWindow {
    since: Instant,
    counters: Counters,
    expected: u64,
    received: u64,
    /// Sum and number of the shares lost that the peer reported.
    reported: (f32, u32),
}

impl QualityWindow {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            counters: Counters::default(),
            expected: 0,
            received: 0,
            reported: (0.0, 0),
        }
    }

    pub(super) fn on_report(&mut self, block: &ReportBlock) {
        self.reported.0 += f32::from(block.fraction_lost) / 256.0;
        self.reported.1 += 1;
    }
}

impl MediaLeg {
    /// Quality since the last call of this.
    pub fn take_quality(&mut self, now: Instant) -> Quality {
        let (mut expected, mut received) = (0, 0);
        for stream in self.inbound.streams.iter().flatten() {
            let (stream_expected, stream_received) = stream.totals();
            expected += stream_expected;
            received += stream_received;
        }
        let before = std::mem::replace(&mut self.quality, QualityWindow::new(now));
        self.quality.counters = self.counters;
        self.quality.expected = expected;
        self.quality.received = received;

        let seconds = now.saturating_duration_since(before.since).as_secs_f32().max(0.001);
        let kbps = |bytes: u64| bytes as f32 * 8.0 / 1_000.0 / seconds;
        // A stream that began anew counts from zero.
        let expected = expected.saturating_sub(before.expected);
        let received = received.saturating_sub(before.received);
        let lost = expected.saturating_sub(received);
        let delta = self.counters.since(&before.counters);
        let dropped = delta.dropped_layer
            + delta.dropped_queue
            + delta.dropped_late
            + delta.dropped_superseded;
        let sent = delta.packets_out;
        Quality {
            rtt_ms: self.measured_rtt().as_secs_f32() * 1_000.0,
            loss_up: if expected == 0 { 0.0 } else { lost as f32 / expected as f32 },
            loss_down: before.reported.0 / before.reported.1.max(1) as f32,
            up_kbps: kbps(self.counters.bytes_in - before.counters.bytes_in),
            down_kbps: kbps(self.counters.bytes_out - before.counters.bytes_out),
            estimate_kbps: self.outbound.estimator.bitrate() as f32 / 1_000.0,
            target_kbps: self.wishes.told().unwrap_or_default() as f32 / 1_000.0,
            queue_ms: std::mem::take(&mut self.outbound.longest_wait).as_secs_f32() * 1_000.0,
            dropped: if dropped == 0 { 0.0 } else { dropped as f32 / (dropped + sent) as f32 },
        }
    }

    /// Whether the peer sends a kind of media.
    pub fn receives(&self, kind: MediaKind) -> bool {
        self.inbound.streams[kind as usize].as_ref().is_some_and(|stream| stream.is_active())
    }
}
