//! Freezes as WebRTC's statistics define them (`totalFreezesDuration`).

use std::collections::VecDeque;

use crate::viewer::Shown;

/// Durations of so many frames make the mean, fewer at first, but not too few.
const FRAMES: usize = 30;
const LEAST_FRAMES: usize = 5;
/// A frame that is shown for this many times the mean, and this much longer, is a freeze.
const FACTOR: f64 = 3.0;
const LONGER: f64 = 0.150;

/// Seconds that the picture stood still until `end`. `dark` is a time without a picture that does
/// not count.
pub(super) fn total(shown: &[Shown], end: f64, dark: Option<(f64, f64)>) -> f64 {
    let mut recent: VecDeque<f64> = VecDeque::new();
    let mut frozen = 0.0;
    let ends = shown.iter().skip(1).map(|next| next.at.as_secs()).chain([end]);
    for (frame, until) in shown.iter().zip(ends) {
        let at = frame.at.as_secs();
        let excused = dark.map_or(0.0, |(from, to)| (until.min(to) - at.max(from)).max(0.0));
        let duration = until - at - excused;
        if recent.len() >= LEAST_FRAMES {
            let mean = recent.iter().sum::<f64>() / recent.len() as f64;
            if duration >= (FACTOR * mean).max(mean + LONGER) {
                frozen += duration;
            }
        }
        if recent.len() == FRAMES {
            recent.pop_front();
        }
        recent.push_back(duration);
    }
    frozen
}
