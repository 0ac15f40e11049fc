//! Bytes over time.

use crate::time::Time;

/// Length of a bin in seconds.
const BIN: f64 = 0.05;

/// Bytes in bins of 50 ms.
#[derive(Debug, Clone, Default)]
pub struct Series {
    bins: Vec<f64>,
}

impl Series {
    /// Adds bytes.
    pub fn add(&mut self, now: Time, bytes: u32) {
        let bin = (now.as_secs() / BIN) as usize;
        if bin >= self.bins.len() {
            self.bins.resize(bin + 1, 0.0);
        }
        self.bins[bin] += f64::from(bytes);
    }

    /// Bytes between two times in seconds, both rounded to bins.
    pub fn bytes(&self, from: f64, to: f64) -> f64 {
        let bin = |at: f64| ((at / BIN).round().max(0.0) as usize).min(self.bins.len());
        self.bins.get(bin(from)..bin(to)).unwrap_or_default().iter().sum()
    }

    /// Mean bit/s between two times in seconds.
    pub fn rate(&self, from: f64, to: f64) -> f64 {
        self.bytes(from, to) * 8.0 / (to - from).max(BIN)
    }
}
