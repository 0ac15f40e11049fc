//! How long people talk.

use std::{fmt, str::FromStr, time::Duration};

use rand::Rng;

use super::units::{duration, show_duration};

/// How long both sides of a call talk once they see and hear each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Always as long.
    Fixed(Duration),
    /// As telephone calls do: many short ones, a few long ones.
    Exponential {
        /// The mean, before the cut.
        mean: Duration,
        /// No call is longer.
        max: Duration,
    },
    /// Anything between, all equally likely.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
}

/// Where exponential holds are cut unless the scenario says otherwise, in means: one call of 400 is
/// longer, and it would keep the run waiting.
const CUT: u32 = 6;

impl Default for Hold {
    fn default() -> Self {
        Self::Fixed(Duration::from_secs(30))
    }
}

impl Hold {
    /// A hold time by chance.
    pub fn sample(&self, rng: &mut impl Rng) -> Duration {
        match *self {
            Self::Fixed(hold) => hold,
            Self::Exponential { mean, max } => {
                // 1 - u is never 0, and the logarithm finite.
                let u: f64 = rng.random();
                mean.mul_f64(-(1.0 - u).ln()).min(max)
            }
            Self::Uniform { min, max } => min + (max - min).mul_f64(rng.random()),
        }
    }

    /// No call is longer.
    pub fn longest(&self) -> Duration {
        match *self {
            Self::Fixed(hold) => hold,
            Self::Exponential { max, .. } | Self::Uniform { max, .. } => max,
        }
    }
}

impl FromStr for Hold {
    type Err = String;

    /// `30s`, `10s..2m` or `exp(60s)`, `exp(60s,max=10m)`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a hold time such as 30s, 10s..2m or exp(60s)");
        let read = |text: &str| {
            let value = duration(text).map_err(|error| error.to_string())?;
            if value.is_zero() { Err(wrong()) } else { Ok(value) }
        };
        let text = text.trim();
        if let Some(inner) = text.strip_prefix("exp(") {
            let inner = inner.strip_suffix(')').ok_or_else(wrong)?;
            let (mean, max) = match inner.split_once(',') {
                None => (read(inner)?, None),
                Some((mean, max)) => {
                    let max = max.trim().strip_prefix("max=").ok_or_else(wrong)?;
                    (read(mean)?, Some(read(max)?))
                }
            };
            return Ok(Self::Exponential { mean, max: max.unwrap_or(mean * CUT) });
        }
        match text.split_once("..") {
            None => Ok(Self::Fixed(read(text)?)),
            Some((min, max)) => {
                let (min, max) = (read(min)?, read(max)?);
                if min > max {
                    return Err(format!("{text:?}: the shortest is longer than the longest"));
                }
                Ok(Self::Uniform { min, max })
            }
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed(hold) => f.write_str(&show_duration(hold)),
            Self::Exponential { mean, max } => {
                write!(f, "exp({},max={})", show_duration(mean), show_duration(max))
            }
            Self::Uniform { min, max } => {
                write!(f, "{}..{}", show_duration(min), show_duration(max))
            }
        }
    }
}
