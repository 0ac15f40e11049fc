//! What people see and hear, as their pages report it.

use prometheus::{CounterVec, HistogramVec, IntCounterVec, Opts};
use signaling_wire::browser::PageQuality;

use super::Make;

/// Shares of sound that was made up: not heard, heard, not understood.
const SHARES: [f64; 8] = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
/// Pictures a second.
const PACES: [f64; 8] = [1.0, 5.0, 8.0, 12.0, 15.0, 20.0, 25.0, 30.0];
/// Longest time between two reports that a page's word on frozen seconds is believed for.
const LONGEST: f64 = 60.0;

/// By side.
#[derive(Debug)]
pub(super) struct Pictures {
    freezes: IntCounterVec,
    frozen: CounterVec,
    concealed: HistogramVec,
    pace: HistogramVec,
}

impl Pictures {
    pub(super) fn new(make: &Make<'_>) -> Self {
        let frozen = CounterVec::new(
            Opts::new(
                "signaling_page_frozen_seconds_total",
                "Time in which a picture stood still.",
            ),
            &["side"],
        );
        Self {
            freezes: make.counters(
                "signaling_page_freezes_total",
                "Times that a picture stood still, as the browser counts them.",
                &["side"],
            ),
            frozen: make.register(frozen),
            concealed: make.histograms(
                "signaling_page_concealed_ratio",
                "Share of the sound between two reports that had to be made up.",
                &["side"],
                &SHARES,
            ),
            pace: make.histograms(
                "signaling_page_frames_per_second",
                "Pictures shown, between two reports in which there was one.",
                &["side"],
                &PACES,
            ),
        }
    }

    pub(super) fn report(&self, side: &str, report: &PageQuality) {
        let side = &[side];
        self.freezes.with_label_values(side).inc_by(u64::from(report.freezes));
        self.frozen.with_label_values(side).inc_by(f64::from(report.freeze_seconds).min(LONGEST));
        self.concealed.with_label_values(side).observe(f64::from(report.concealed));
        if report.fps_in > 0.0 {
            self.pace.with_label_values(side).observe(f64::from(report.fps_in));
        }
    }
}
