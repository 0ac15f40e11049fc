//! Whether the queueing delay grows: the slope of a line through the latest delays, against a
//! threshold that follows what is usual on the way (Carlucci et al., "Analysis and Design of the
//! Google Congestion Control for WebRTC", MMSys 2016).

use super::groups::Gap;

/// Bursts that the line goes through.
const WINDOW: usize = 20;
/// Weight of the past in the smoothed delay.
const SMOOTHING: f64 = 0.9;
/// The slope is scaled by the bursts it is made of, up to this many, and by a gain.
const MAX_BURSTS: f64 = 60.0;
const GAIN: f64 = 4.0;
/// Threshold in milliseconds: at first, and its bounds.
const THRESHOLD: f64 = 12.5;
const THRESHOLD_BOUNDS: (f64, f64) = (6.0, 600.0);
/// How fast the threshold follows a slope above and below it, per millisecond.
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;
/// A slope further above the threshold than this is an event, not what is usual.
const OUTLIER: f64 = 15.0;
/// The slope must be above the threshold for this long, milliseconds.
const OVERUSE_TIME: f64 = 10.0;

/// What the delay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Usage {
    /// It stays.
    #[default]
    Normal,
    /// It grows: more is sent than the way carries.
    Over,
    /// It shrinks: a queue drains.
    Under,
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trendline {
    /// Arrival and smoothed delay of the latest bursts, milliseconds.
    points: [(f64, f64); WINDOW],
    filled: usize,
    next: usize,
    origin: Option<f64>,
    bursts: f64,
    delay: f64,
    smoothed: f64,
    slope: f64,
    threshold: f64,
    threshold_at: Option<f64>,
    over: Option<Over>,
    usage: Usage,
}

#[derive(Debug, Clone, Copy)]
struct Over {
    time: f64,
    bursts: u32,
}

impl Default for Trendline {
    fn default() -> Self {
        Self {
            points: [(0.0, 0.0); WINDOW],
            filled: 0,
            next: 0,
            origin: None,
            bursts: 0.0,
            delay: 0.0,
            smoothed: 0.0,
            slope: 0.0,
            threshold: THRESHOLD,
            threshold_at: None,
            over: None,
            usage: Usage::Normal,
        }
    }
}

impl Trendline {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn add(&mut self, gap: Gap) {
        let origin = *self.origin.get_or_insert(gap.at);
        self.bursts = (self.bursts + 1.0).min(MAX_BURSTS);
        self.delay += gap.arrived - gap.sent;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        self.points[self.next] = (gap.at - origin, self.smoothed);
        self.next = (self.next + 1) % WINDOW;
        self.filled = (self.filled + 1).min(WINDOW);
        let slope = if self.filled == WINDOW { self.fit().unwrap_or(self.slope) } else { 0.0 };
        self.judge(slope, gap);
    }

    /// Slope of the least-squares line.
    fn fit(&self) -> Option<f64> {
        let count = WINDOW as f64;
        let (x, y) = self.points.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        let (x, y) = (x / count, y / count);
        let (over, under) = self.points.iter().fold((0.0, 0.0), |sum, point| {
            let dx = point.0 - x;
            (sum.0 + dx * (point.1 - y), sum.1 + dx * dx)
        });
        (under > 0.0).then(|| over / under)
    }

    fn judge(&mut self, slope: f64, gap: Gap) {
        if self.bursts < 2.0 {
            return;
        }
        let scaled = self.bursts * slope * GAIN;
        if scaled > self.threshold {
            let over = self.over.get_or_insert(Over { time: -gap.sent / 2.0, bursts: 0 });
            over.time += gap.sent;
            over.bursts += 1;
            if over.time > OVERUSE_TIME && over.bursts > 1 && slope >= self.slope {
                self.over = Some(Over { time: 0.0, bursts: 0 });
                self.usage = Usage::Over;
            }
        } else {
            self.over = None;
            self.usage = if scaled < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.slope = slope;
        self.follow(scaled.abs(), gap.at);
    }

    fn follow(&mut self, scaled: f64, at: f64) {
        let passed = (at - self.threshold_at.unwrap_or(at)).clamp(0.0, 100.0);
        self.threshold_at = Some(at);
        if scaled > self.threshold + OUTLIER {
            return;
        }
        let speed = if scaled < self.threshold { FOLLOW_DOWN } else { FOLLOW_UP };
        let (least, most) = THRESHOLD_BOUNDS;
        self.threshold =
            (self.threshold + speed * (scaled - self.threshold) * passed).clamp(least, most);
    }
}
