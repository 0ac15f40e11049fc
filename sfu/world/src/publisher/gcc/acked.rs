//! The bitrate that came through.

/// First sample over this long, later ones over less; microseconds.
const FIRST_WINDOW: i64 = 500_000;
const WINDOW: i64 = 150_000;
/// How far a sample that differs is distrusted.
const UNCERTAINTY: f64 = 10.0;

/// Bayesian filter over samples of the acknowledged bitrate.
#[derive(Debug, Clone, Default)]
pub(super) struct Acked {
    bytes: f64,
    since: Option<i64>,
    /// kbit/s and their variance.
    estimate: Option<(f64, f64)>,
}

impl Acked {
    /// Bit/s.
    pub(super) fn bitrate(&self) -> Option<f64> {
        self.estimate.map(|(kbps, _)| kbps * 1_000.0)
    }

    pub(super) fn on_packet(&mut self, arrival: i64, size: u32) {
        let since = *self.since.get_or_insert(arrival);
        let window = if self.estimate.is_none() { FIRST_WINDOW } else { WINDOW };
        let passed = arrival - since;
        if passed >= window {
            // A pause longer than a window begins a new one.
            let sample = self.bytes * 8.0 / (passed as f64 / 1_000.0);
            self.since = Some(arrival);
            self.bytes = 0.0;
            self.sample(sample);
        }
        self.bytes += f64::from(size);
    }

    fn sample(&mut self, sample: f64) {
        let Some((estimate, variance)) = self.estimate else {
            self.estimate = Some((sample, 50.0));
            return;
        };
        let uncertainty = UNCERTAINTY * (estimate - sample).abs() / estimate.max(1.0);
        let own = uncertainty * uncertainty;
        let predicted = variance + 5.0;
        let kbps = (own * estimate + predicted * sample) / (own + predicted);
        self.estimate = Some((kbps.max(0.0), own * predicted / (own + predicted)));
    }
}
