//! How many calls, when.

use std::{fmt, str::FromStr, time::Duration};

use super::units::{PerSecond, duration, show_duration};

/// How many calls, when.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// So many calls at a time: each that ends is followed by another.
    Calls(Vec<Stage>),
    /// So many calls begin each second, whatever becomes of those before (an open loop): a
    /// deployment that gets slow is not spared by callers who wait for it.
    Rate(Vec<Stage>),
}

/// A stretch of time in which the load goes from one value to another in a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// At its begin: calls, or calls a second.
    pub from: f64,
    /// At its end.
    pub to: f64,
    /// How long it takes.
    pub over: Duration,
}

/// Most calls at a time: two UDP ports each, of all that IPv4 has for several addresses.
const MAX_CALLS: f64 = 100_000.0;
/// Most stages: what a person can still read.
const MAX_STAGES: usize = 100;

impl Load {
    /// So many calls at a time for so long.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn calls(calls: u32, over: Duration) -> Result<Self, String> {
        Self::parse(&[format!("{calls}@{}", show_duration(over))])
    }

    /// So many calls a second for so long.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn rate(rate: PerSecond, over: Duration) -> Result<Self, String> {
        Self::parse(&[format!("{rate}@{}", show_duration(over))])
    }

    /// Reads stages: `0..200@2m`, `200@5m`, `hold@10m`, or with rates `0..20/s@1m`, `20/s@10m`.
    ///
    /// # Errors
    /// What is wrong with which stage, for people.
    pub fn parse(texts: &[impl AsRef<str>]) -> Result<Self, String> {
        if texts.is_empty() || texts.len() > MAX_STAGES {
            return Err(format!("a load has 1 to {MAX_STAGES} stages"));
        }
        let mut stages = Vec::with_capacity(texts.len());
        let mut kind = None;
        let mut level = 0.0;
        for text in texts {
            let text = text.as_ref();
            let written: Written = text.parse()?;
            if let Some(is_rate) = written.is_rate
                && *kind.get_or_insert(is_rate) != is_rate
            {
                return Err(format!("{text:?}: either all stages are calls or all are rates"));
            }
            let from = written.from.unwrap_or(level);
            let to = written.to.unwrap_or(level);
            level = to;
            stages.push(Stage { from, to, over: written.over });
        }
        if stages.iter().all(|stage| stage.from == 0.0 && stage.to == 0.0) {
            return Err("no stage makes any call".to_owned());
        }
        Ok(if kind == Some(true) { Self::Rate(stages) } else { Self::Calls(stages) })
    }

    /// The stages.
    pub fn stages(&self) -> &[Stage] {
        match self {
            Self::Calls(stages) | Self::Rate(stages) => stages,
        }
    }

    /// All stages together.
    pub fn duration(&self) -> Duration {
        self.stages().iter().map(|stage| stage.over).sum()
    }

    /// The load at `at` since the begin: calls, or calls a second. Nothing after the last stage.
    pub fn target_at(&self, at: Duration) -> f64 {
        let mut begin = Duration::ZERO;
        for stage in self.stages() {
            let end = begin + stage.over;
            if at < end {
                let share = (at - begin).as_secs_f64() / stage.over.as_secs_f64();
                return stage.from + (stage.to - stage.from) * share;
            }
            begin = end;
        }
        0.0
    }

    /// The highest load.
    pub fn peak(&self) -> f64 {
        self.stages().iter().flat_map(|stage| [stage.from, stage.to]).fold(0.0, f64::max)
    }

    /// The stages as [`Load::parse`] reads them.
    pub fn texts(&self) -> Vec<String> {
        let unit = if matches!(self, Self::Rate(_)) { "/s" } else { "" };
        self.stages()
            .iter()
            .map(|Stage { from, to, over }| {
                let over = show_duration(*over);
                if from == to {
                    format!("{to}{unit}@{over}")
                } else {
                    format!("{from}..{to}{unit}@{over}")
                }
            })
            .collect()
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join(", "))
    }
}

/// One stage as it is written.
struct Written {
    from: Option<f64>,
    to: Option<f64>,
    is_rate: Option<bool>,
    over: Duration,
}

impl FromStr for Written {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a stage such as 0..200@2m, 200@5m, hold@10m or 0..20/s@1m");
        let (levels, over) = text.split_once('@').ok_or_else(wrong)?;
        let over = duration(over).map_err(|error| error.to_string())?;
        if over.is_zero() {
            return Err(format!("{text:?} takes no time"));
        }
        let levels = levels.trim();
        if levels == "hold" {
            return Ok(Self { from: None, to: None, is_rate: None, over });
        }
        let (from, to) = match levels.split_once("..") {
            Some((from, to)) => (from.trim(), to.trim()),
            None => (levels, levels),
        };
        let unit = to.split_once('/').map(|(_, unit)| unit);
        let level = |level: &str| match unit {
            None => calls(level).ok_or_else(wrong),
            Some(unit) => {
                let number = level.split_once('/').map_or(level, |(number, _)| number);
                let rate: PerSecond = format!("{number}/{unit}")
                    .parse()
                    .map_err(|error: super::BadUnit| error.to_string())?;
                Ok(rate.get())
            }
        };
        Ok(Self {
            from: Some(level(from)?),
            to: Some(level(to)?),
            is_rate: Some(unit.is_some()),
            over,
        })
    }
}

fn calls(text: &str) -> Option<f64> {
    text.parse::<u32>().ok().map(f64::from).filter(|calls| *calls <= MAX_CALLS)
}
