//! How long media may wait for a worker's next look at its socket.

use std::{num::ParseIntError, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// The longest that media waits for a worker's next look at its socket while little comes, in whole
/// microseconds. Zero: it is taken as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct ReceiveDelay(u32);

/// No delay for [`ReceiveDelay`].
#[derive(Debug, thiserror::Error)]
pub enum NotADelay {
    /// Not a number.
    #[error("not a number of microseconds: {0}")]
    NotANumber(#[from] ParseIntError),
    /// Media would be late.
    #[error("a receive delay is at most {MOST} microseconds")]
    TooLong,
}

/// In microseconds. A call between two nodes waits twice.
const MOST: u32 = 2_000;

impl Default for ReceiveDelay {
    /// What few calls need to cost little more each than hundreds. A page's own buffer is tens of milliseconds long, and
    /// bandwidth estimators look at bursts of 5 ms: neither notices.
    fn default() -> Self {
        Self(2_000)
    }
}

impl ReceiveDelay {
    /// As a duration.
    pub fn get(self) -> Duration {
        Duration::from_micros(self.0.into())
    }
}

impl TryFrom<u32> for ReceiveDelay {
    type Error = NotADelay;

    fn try_from(micros: u32) -> Result<Self, NotADelay> {
        if micros > MOST { Err(NotADelay::TooLong) } else { Ok(Self(micros)) }
    }
}

impl From<ReceiveDelay> for u32 {
    fn from(delay: ReceiveDelay) -> Self {
        delay.0
    }
}

impl FromStr for ReceiveDelay {
    type Err = NotADelay;

    fn from_str(text: &str) -> Result<Self, NotADelay> {
        text.parse::<u32>()?.try_into()
    }
}
