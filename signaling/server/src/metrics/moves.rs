//! Calls that leave their node.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec};
use signaling_desk::{MoveCause, Moved};

use super::Make;

/// From a handover that nobody notices to a call that had to wait for a node.
const TOOK: [f64; 12] = [0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];

/// By cause.
#[derive(Debug)]
pub(super) struct Moves {
    moves: IntCounterVec,
    took: HistogramVec,
}

impl Moves {
    pub(super) fn new(make: &Make<'_>) -> Self {
        let moves = make.counters(
            "signaling_call_moves_total",
            "Calls, and tries, that went to another node, by why and how that ended.",
            &["cause", "result"],
        );
        for cause in MoveCause::ALL {
            for how in Moved::ALL {
                moves.with_label_values(&[cause.name(), how.name()]);
            }
        }
        let took = make.histograms(
            "signaling_call_move_seconds",
            "From the decision to move a call to both pages showing the new node's picture.",
            &["cause"],
            &TOOK,
        );
        Self { moves, took }
    }

    pub(super) fn moved(&self, cause: MoveCause, how: Moved, took: Duration) {
        self.moves.with_label_values(&[cause.name(), how.name()]).inc();
        if how == Moved::Done {
            self.took.with_label_values(&[cause.name()]).observe(took.as_secs_f64());
        }
    }
}
