//! What is asked of the node in a case.

/// A figure that has a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Share of the capacity that carried fresh media (and other flows).
    Utilisation,
    /// 95th percentile of the wait in the narrow link's queue, seconds.
    QueueP95,
    /// Share of packets that the full queue dropped.
    CongestionLoss,
    /// Share of the time that the picture stood still.
    Freeze,
    /// Seconds after a fall until no more is sent than gets through.
    Down,
    /// Seconds after a fall until the queue is short.
    Drain,
    /// Seconds after a rise until it is used.
    Up,
    /// Jain's index.
    Jain,
    /// The least fortunate flow's rate as a share of its fair one.
    Share,
    /// Share of audio that was concealed.
    Concealed,
    /// Seconds after an outage until the picture moves again.
    Picture,
}

impl Figure {
    /// As it is called in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utilisation => "utilisation",
            Self::QueueP95 => "queue p95",
            Self::CongestionLoss => "congestion loss",
            Self::Freeze => "freeze",
            Self::Down => "down",
            Self::Drain => "drain",
            Self::Up => "up",
            Self::Jain => "Jain",
            Self::Share => "least share",
            Self::Concealed => "concealed",
            Self::Picture => "picture",
        }
    }
}

/// Which side of a value is good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
}

/// A goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Of which figure.
    pub figure: Figure,
    /// Its bound.
    pub bound: Bound,
}

impl Goal {
    pub(super) fn least(figure: Figure, bound: f64) -> Self {
        Self { figure, bound: Bound::AtLeast(bound) }
    }

    pub(super) fn most(figure: Figure, bound: f64) -> Self {
        Self { figure, bound: Bound::AtMost(bound) }
    }

    /// Whether a figure meets it. One that was never reached does not.
    pub fn is_met(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => value >= bound,
            Bound::AtMost(bound) => value <= bound,
        }
    }
}
