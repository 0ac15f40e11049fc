//! What the ways to the pages are like, as distributions over legs and time: one observation for
//! each report of each bridged leg, every two seconds.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, proto::MetricFamily,
};
use sfu_core::api::{Event, Quality, VideoState};

/// Bytes a second, from a thumbnail (64 kbit/s) to more than a camera sends (4 Mbit/s).
const RATES: [f64; 10] = [
    8_000.0, 16_000.0, 32_000.0, 48_000.0, 64_000.0, 96_000.0, 128_000.0, 192_000.0, 320_000.0,
    512_000.0,
];
/// From the same town to the other side of the world by satellite.
const ROUND_TRIPS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0];
/// Up to and beyond what the pacer lets wait.
const WAITS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5];
/// Shares of packets. What a picture does not mind, what it shows, what speech does not survive.
const SHARES: [f64; 9] = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8];

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Ways {
    registry: Registry,
    estimate: Histogram,
    target: Histogram,
    round_trip: Histogram,
    queue: Histogram,
    loss: HistogramVec,
    late: Histogram,
    pauses: IntCounterVec,
}

impl Ways {
    /// Nothing seen yet.
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let options =
            |name, help, buckets: &[f64]| HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let histogram = |name, help, buckets| -> prometheus::Result<Histogram> {
            let made = Histogram::with_opts(options(name, help, buckets))?;
            registry.register(Box::new(made.clone()))?;
            Ok(made)
        };
        let loss = HistogramVec::new(
            options(
                "sfu_leg_loss_ratio",
                "Share of packets lost before repair, from a page (up) and to it (down).",
                &SHARES,
            ),
            &["direction"],
        )?;
        registry.register(Box::new(loss.clone()))?;
        let pauses = IntCounterVec::new(
            Opts::new(
                "sfu_video_pauses_total",
                "Times that video to a page was kept back for lack of network, and came back.",
            ),
            &["change"],
        )?;
        registry.register(Box::new(pauses.clone()))?;
        for change in ["paused", "resumed"] {
            pauses.with_label_values(&[change]);
        }
        Ok(Self {
            estimate: histogram(
                "sfu_leg_estimate_bytes_per_second",
                "What the way to a page can carry, as estimated.",
                &RATES,
            )?,
            target: histogram(
                "sfu_leg_target_bytes_per_second",
                "What the publisher that a page watches was told to send at most.",
                &RATES,
            )?,
            round_trip: histogram(
                "sfu_leg_round_trip_seconds",
                "Smoothed round trip to a page.",
                &ROUND_TRIPS,
            )?,
            queue: histogram(
                "sfu_leg_queue_seconds",
                "Longest wait of a packet in the pacer.",
                &WAITS,
            )?,
            late: histogram(
                "sfu_leg_dropped_ratio",
                "Share of packets for a page that were dropped rather than sent late.",
                &SHARES,
            )?,
            loss,
            pauses,
            registry,
        })
    }

    /// Takes in what a worker tells.
    pub(super) fn observe(&self, event: &Event) {
        match event {
            Event::Quality { quality, .. } => self.quality(quality),
            Event::Video { state, .. } => {
                let change = match state {
                    VideoState::Paused => "paused",
                    VideoState::Flowing => "resumed",
                };
                self.pauses.with_label_values(&[change]).inc();
            }
            _ => {}
        }
    }

    fn quality(&self, quality: &Quality) {
        let bytes = |kbps: f32| f64::from(kbps) * 125.0;
        self.estimate.observe(bytes(quality.estimate_kbps));
        if quality.target_kbps > 0.0 {
            self.target.observe(bytes(quality.target_kbps));
        }
        if quality.rtt_ms > 0.0 {
            self.round_trip.observe(f64::from(quality.rtt_ms) / 1_000.0);
        }
        self.queue.observe(f64::from(quality.queue_ms) / 1_000.0);
        self.loss.with_label_values(&["up"]).observe(f64::from(quality.loss_up));
        self.loss.with_label_values(&["down"]).observe(f64::from(quality.loss_down));
        self.late.observe(f64::from(quality.dropped));
    }

    /// All of it now.
    pub(super) fn collect(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;
    use sfu_core::api::{CallId, LegId};

    use super::*;

    #[test]
    fn reports_become_distributions_in_base_units() {
        let ways = Ways::new().unwrap();
        let quality = Quality {
            rtt_ms: 80.0,
            loss_up: 0.03,
            estimate_kbps: 500.0,
            queue_ms: 20.0,
            ..Quality::default()
        };
        let (call, leg) = (CallId(1), LegId(2));
        ways.observe(&Event::Quality { call, leg, quality });
        ways.observe(&Event::Video { call, leg, state: VideoState::Paused });
        let text = TextEncoder::new().encode_to_string(&ways.collect()).unwrap();
        for line in [
            "sfu_leg_estimate_bytes_per_second_sum 62500",
            "sfu_leg_estimate_bytes_per_second_bucket{le=\"48000\"} 0",
            "sfu_leg_estimate_bytes_per_second_bucket{le=\"64000\"} 1",
            "sfu_leg_target_bytes_per_second_count 0",
            "sfu_leg_round_trip_seconds_sum 0.08",
            "sfu_leg_queue_seconds_bucket{le=\"0.025\"} 1",
            "sfu_leg_loss_ratio_count{direction=\"up\"} 1",
            "sfu_video_pauses_total{change=\"paused\"} 1",
        ] {
            assert!(text.lines().any(|found| found.starts_with(line)), "{line} is not in:\n{text}");
        }
    }
}
