//! Durations, rates and shares as people write them.

use std::{fmt, str::FromStr, time::Duration};

/// A text that is not a quantity of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct BadUnit {
    text: String,
    wanted: &'static str,
}

fn bad(text: &str, wanted: &'static str) -> BadUnit {
    BadUnit { text: text.to_owned(), wanted }
}

/// Longest duration that a scenario may name: a soak of a month.
const MAX_DURATION: Duration = Duration::from_secs(31 * 24 * 3_600);

/// Reads a duration: `250ms`, `10s`, `1.5s`, `5m`, `1h30m`.
///
/// # Errors
/// [`BadUnit`]: no unit, not a number, or longer than a month.
pub fn duration(text: &str) -> Result<Duration, BadUnit> {
    const WANTED: &str = "a duration such as 250ms, 10s, 5m or 1h30m";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad(text, WANTED));
    }
    let mut total = Duration::ZERO;
    let mut last = f64::INFINITY;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = match unit {
            "h" => 3_600.0,
            "m" | "min" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" => 1e-6,
            _ => return Err(bad(text, WANTED)),
        };
        let number: f64 = number.parse().map_err(|_| bad(text, WANTED))?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| bad(text, WANTED))?;
        // 5s1h is a slip of the pen.
        if seconds >= last {
            return Err(bad(text, WANTED));
        }
        last = seconds;
        total = total
            .checked_add(part)
            .filter(|sum| *sum <= MAX_DURATION)
            .ok_or_else(|| bad(text, WANTED))?;
        rest = after;
    }
    // The clock of a run counts microseconds.
    Ok(Duration::from_micros(total.as_nanos().div_ceil(1_000).try_into().unwrap_or(u64::MAX)))
}

/// Writes a duration as [`duration`] reads it.
pub fn show_duration(value: Duration) -> String {
    let micros = value.as_micros();
    if micros == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    let mut rest = micros;
    for (unit, size) in
        [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)]
    {
        if rest / size > 0 {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    out
}

/// Something for each second: calls that begin.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PerSecond(f64);

impl PerSecond {
    /// More than any deployment of one region takes, and enough for a slip of the pen to show.
    pub const MAX: f64 = 10_000.0;

    /// `None` for what is negative, too much, or no number.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=Self::MAX).contains(&value).then_some(Self(value))
    }

    /// How many a second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for PerSecond {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        const WANTED: &str = "a rate such as 20/s, 90/min or 600/h, up to 10000/s";
        let (number, unit) = text.trim().split_once('/').ok_or_else(|| bad(text, WANTED))?;
        let divisor = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            _ => return Err(bad(text, WANTED)),
        };
        let number: f64 = number.trim().parse().map_err(|_| bad(text, WANTED))?;
        Self::new(number / divisor).ok_or_else(|| bad(text, WANTED))
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A bitrate in kbit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kbps(u32);

impl Kbps {
    /// Ten gigabits: above it the generator's own network card ends.
    pub const MAX: u32 = 10_000_000;

    /// `None` for nothing and for more than [`Kbps::MAX`].
    pub fn new(value: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&value).then_some(Self(value))
    }

    /// In kbit/s.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Kbps {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        const WANTED: &str = "a bitrate such as 800k, 2.5M or 1G (bit/s)";
        let text = text.trim();
        let (number, factor) = match text.as_bytes().last() {
            Some(b'k' | b'K') => (&text[..text.len() - 1], 1.0),
            Some(b'M') => (&text[..text.len() - 1], 1e3),
            Some(b'G') => (&text[..text.len() - 1], 1e6),
            _ => return Err(bad(text, WANTED)),
        };
        let number: f64 = number.parse().map_err(|_| bad(text, WANTED))?;
        let kbps = (number * factor).round();
        if !(1.0..=f64::from(Self::MAX)).contains(&kbps) {
            return Err(bad(text, WANTED));
        }
        Self::new(kbps as u32).ok_or_else(|| bad(text, WANTED))
    }
}

impl fmt::Display for Kbps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}k", self.0)
    }
}

/// A part of a whole, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(f64);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0.0);
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// `None` for what is not between 0 and 1.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        const WANTED: &str = "a share such as 2% or 0.02";
        let trimmed = text.trim();
        let value = match trimmed.strip_suffix('%') {
            Some(number) => number.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => trimmed.parse(),
        };
        value.ok().and_then(Self::new).ok_or_else(|| bad(text, WANTED))
    }
}

impl fmt::Display for Share {
    /// As a fraction: a percentage of a binary fraction would not come back as the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
