//! Sums up what pages and nodes report about a call's quality.

use serde::{Deserialize, Serialize};
use signaling_wire::{browser::PageQuality, control::LegQuality};

/// A side's quality over a whole call.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QualitySummary {
    /// Reports from the page.
    pub page: PageSummary,
    /// Reports from the node about the page's leg.
    pub node: NodeSummary,
}

/// What the page reported.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PageSummary {
    /// Number of reports.
    pub reports: u32,
    /// Round trip to the node in milliseconds.
    pub rtt_ms: Figure,
    /// Share of incoming packets lost.
    pub loss_in: Figure,
    /// Incoming video, kbit/s.
    pub video_in_kbps: Figure,
    /// Outgoing video, kbit/s.
    pub video_out_kbps: Figure,
    /// Decoded frames per second.
    pub fps_in: Figure,
    /// Height of the incoming picture in pixels.
    pub height_in: Figure,
    /// Share of concealed audio.
    pub concealed: Figure,
    /// Freezes.
    pub freezes: u32,
    /// Seconds frozen.
    pub freeze_seconds: f32,
}

/// What the node measured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeSummary {
    /// Number of reports.
    pub reports: u32,
    /// Round trip to the page in milliseconds.
    pub rtt_ms: Figure,
    /// Share lost on the way from the page.
    pub loss_up: Figure,
    /// Share lost on the way to the page.
    pub loss_down: Figure,
    /// From the page, kbit/s.
    pub up_kbps: Figure,
    /// To the page, kbit/s.
    pub down_kbps: Figure,
}

/// Mean, lowest and highest of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Figure {
    /// Mean.
    pub mean: f32,
    /// Lowest.
    pub min: f32,
    /// Highest.
    pub max: f32,
}

impl Figure {
    /// Takes in the `n`-th value (counted from 1). What is not a number counts as zero: it comes
    /// from a page.
    fn add(&mut self, value: f32, n: u32) {
        let value = if value.is_finite() { value } else { 0.0 };
        if n <= 1 {
            *self = Self { mean: value, min: value, max: value };
        } else {
            self.mean += (value - self.mean) / n as f32;
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
    }
}

impl QualitySummary {
    /// Whether anything was reported.
    pub fn is_empty(&self) -> bool {
        self.page.reports == 0 && self.node.reports == 0
    }

    /// Takes in a page's report.
    pub fn page(&mut self, report: &PageQuality) {
        let page = &mut self.page;
        page.reports = page.reports.saturating_add(1);
        let n = page.reports;
        page.rtt_ms.add(report.rtt_ms, n);
        page.loss_in.add(report.loss_in, n);
        page.video_in_kbps.add(report.video_in_kbps, n);
        page.video_out_kbps.add(report.video_out_kbps, n);
        page.fps_in.add(report.fps_in, n);
        page.height_in.add(f32::from(report.height_in), n);
        page.concealed.add(report.concealed, n);
        page.freezes = page.freezes.saturating_add(u32::from(report.freezes));
        if report.freeze_seconds.is_finite() {
            page.freeze_seconds += report.freeze_seconds.max(0.0);
        }
    }

    /// Takes in a node's report.
    pub fn node(&mut self, report: &LegQuality) {
        let node = &mut self.node;
        node.reports = node.reports.saturating_add(1);
        let n = node.reports;
        node.rtt_ms.add(report.rtt_ms, n);
        node.loss_up.add(report.loss_up, n);
        node.loss_down.add(report.loss_down, n);
        node.up_kbps.add(report.up_kbps, n);
        node.down_kbps.add(report.down_kbps, n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_mean_and_extremes_and_survives_nonsense() {
        let mut summary = QualitySummary::default();
        assert!(summary.is_empty());
        for (rtt_ms, freezes) in [(40.0, 1), (80.0, 0), (f32::NAN, 2)] {
            summary.page(&PageQuality { rtt_ms, freezes, ..PageQuality::default() });
        }
        assert_eq!(summary.page.rtt_ms, Figure { mean: 40.0, min: 0.0, max: 80.0 });
        assert_eq!(summary.page.freezes, 3);
        summary.node(&LegQuality { loss_up: 0.5, ..LegQuality::default() });
        assert_eq!(summary.node.loss_up, Figure { mean: 0.5, min: 0.5, max: 0.5 });
    }
}
