//! When the way to a viewer is too narrow for audio and video, audio goes first.

use std::time::{Duration, Instant};

use crate::api::VideoState;

/// Less than this besides audio is no picture, in bit/s: browsers send no less.
const TOO_LITTLE: f64 = 60_000.0;
/// So much for so long brings the picture back. Far above, so that it does not come and go.
const ENOUGH: f64 = 150_000.0;
/// How long each must hold.
const PAUSE_AFTER: Duration = Duration::from_secs(2);
const RESUME_AFTER: Duration = Duration::from_secs(2);
/// A picture that had come back and did not last this long was brought back too early: the next time
/// it takes twice as long, but no longer than this.
const LASTING: Duration = Duration::from_secs(30);
const MAX_RESUME_AFTER: Duration = Duration::from_secs(32);

/// What is left for video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spare {
    /// Bit/s besides audio.
    pub(super) bitrate: f64,
    /// There is video to send.
    pub(super) is_used: bool,
}

/// Whether the viewer gets video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// It does.
    Flowing {
        /// Since when there is too little room.
        scarce: Option<Instant>,
        /// When it came back last, and how long that took.
        resumed: Option<(Instant, Duration)>,
    },
    /// It does not.
    Paused {
        /// Since when there is enough room.
        ample: Option<Instant>,
        /// How long there must be.
        resume_after: Duration,
    },
}

impl Default for Picture {
    fn default() -> Self {
        Self::Flowing { scarce: None, resumed: None }
    }
}

impl Picture {
    pub(super) fn is_paused(self) -> bool {
        matches!(self, Self::Paused { .. })
    }

    /// Looks at the room there is. Returns what is new.
    pub(super) fn update(&mut self, now: Instant, spare: Spare) -> Option<VideoState> {
        match self {
            Self::Flowing { scarce, resumed } => {
                if spare.bitrate >= TOO_LITTLE || !spare.is_used {
                    *scarce = None;
                    return None;
                }
                let since = *scarce.get_or_insert(now);
                let resume_after = match *resumed {
                    Some((at, took)) if since.saturating_duration_since(at) < LASTING => {
                        (2 * took).min(MAX_RESUME_AFTER)
                    }
                    _ => RESUME_AFTER,
                };
                (now.saturating_duration_since(since) >= PAUSE_AFTER).then(|| {
                    *self = Self::Paused { ample: None, resume_after };
                    VideoState::Paused
                })
            }
            Self::Paused { ample, resume_after } => {
                if spare.bitrate < ENOUGH {
                    *ample = None;
                    return None;
                }
                let since = *ample.get_or_insert(now);
                let took = *resume_after;
                (now.saturating_duration_since(since) >= took).then(|| {
                    *self = Self::Flowing { scarce: None, resumed: Some((now, took)) };
                    VideoState::Flowing
                })
            }
        }
    }
}
