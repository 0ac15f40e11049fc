//! What must hold for a run to pass.
//!
//! ```text
//! connect_seconds:p(95)<0.6
//! connect_seconds{side:agent,region:eu-west}:p(95)<600ms
//! calls_failed:rate<0.1%
//! leaked_packets:count==0
//! ```

use std::{fmt, str::FromStr};

use signaling_wire::browser::Role;

use super::{Kind, Metric, Unit};
use crate::plan::{self, Label, Share};

/// Something that must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// Of what.
    pub metric: Metric,
    /// Of which part of it.
    pub part: Part,
    /// Which figure of it.
    pub aggregate: Aggregate,
    /// Compared how.
    pub bound: Bound,
    /// With what, in the metric's unit.
    pub value: f64,
}

/// A part of a metric's values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Part {
    /// One side's.
    pub side: Option<Role>,
    /// A region's or a node's.
    pub group: Option<Group>,
}

/// A region or a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Everything in a region.
    Region(Label),
    /// Everything on a node.
    Node(Label),
}

/// A figure of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// So many percent of the values are not above it.
    Percentile(f64),
    /// The mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// How many of how many, 0 to 1.
    Rate,
    /// How many.
    Count,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `==`
    Exactly,
}

impl Bound {
    /// Longer ones first: `<` begins `<=`.
    const ALL: [(&str, Self); 5] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Exactly),
        ("<", Self::Below),
        (">", Self::Above),
    ];

    /// Whether `actual` is within it.
    pub fn holds(self, actual: f64, value: f64) -> bool {
        match self {
            Self::Below => actual < value,
            Self::AtMost => actual <= value,
            Self::Above => actual > value,
            Self::AtLeast => actual >= value,
            Self::Exactly => actual == value,
        }
    }
}

impl Aggregate {
    const NAMES: [(&str, Self); 7] = [
        ("avg", Self::Mean),
        ("med", Self::Percentile(50.0)),
        ("min", Self::Min),
        ("max", Self::Max),
        ("rate", Self::Rate),
        ("count", Self::Count),
        ("p(95)", Self::Percentile(95.0)),
    ];

    /// Whether a metric of `kind` has it.
    fn fits(self, kind: Kind) -> bool {
        match self {
            Self::Count => true,
            Self::Rate => kind == Kind::Share,
            _ => kind == Kind::Trend,
        }
    }
}

impl FromStr for Aggregate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, known)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*known);
        }
        let inner = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')'));
        if let Some(percent) = inner.and_then(|inner| inner.trim().parse::<f64>().ok())
            && (0.0..=100.0).contains(&percent)
        {
            return Ok(Self::Percentile(percent));
        }
        let hint = match plan::nearest(text, Self::NAMES.iter().map(|(name, _)| *name)) {
            Some(near) => format!("; did you mean {near:?}?"),
            None => String::new(),
        };
        Err(format!("{text:?} is not one of p(0…100), med, avg, min, max, rate and count{hint}"))
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p({percent})"),
            Self::Mean => f.write_str("avg"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Rate => f.write_str("rate"),
            Self::Count => f.write_str("count"),
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || {
            format!(
                "{text:?} is not a threshold such as connect_seconds:p(95)<0.6 or \
                 calls_failed:rate<0.1%"
            )
        };
        // A label may contain ':', and does not end before '}'.
        let (metric, part, rest) = match text.split_once('{') {
            Some((metric, rest)) => {
                let (part, rest) = rest.split_once('}').ok_or_else(shape)?;
                (metric, part.parse()?, rest.trim_start().strip_prefix(':').ok_or_else(shape)?)
            }
            None => {
                let (metric, rest) = text.split_once(':').ok_or_else(shape)?;
                (metric, Part::default(), rest)
            }
        };
        let metric: Metric = metric.trim().parse()?;
        let at = rest.find(['<', '>', '=']).ok_or_else(shape)?;
        let (aggregate, rest) = rest.split_at(at);
        let (sign, bound) =
            Bound::ALL.into_iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(shape)?;
        let aggregate: Aggregate = aggregate.trim().parse()?;
        if !aggregate.fits(metric.kind()) {
            let has = match metric.kind() {
                Kind::Trend => "p(…), med, avg, min, max and count",
                Kind::Share => "rate and count",
                Kind::Count => "count",
            };
            return Err(format!("{metric} has no {aggregate}; it has {has}"));
        }
        let unit = if aggregate == Aggregate::Count { Unit::Number } else { metric.unit() };
        let value = value(rest[sign.len()..].trim(), unit)?;
        Ok(Self { metric, part, aggregate, bound, value })
    }
}

/// A value in the metric's unit.
fn value(text: &str, unit: Unit) -> Result<f64, String> {
    let plain = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    match (unit, plain) {
        (Unit::Ratio, Some(value)) if value > 1.0 => {
            Err(format!("{text} is more than all; as a percentage it is written {text}%"))
        }
        (_, Some(value)) => Ok(value),
        (Unit::Seconds, None) => {
            plan::duration(text).map(|value| value.as_secs_f64()).map_err(|error| error.to_string())
        }
        (Unit::Ratio, None) => {
            text.parse::<Share>().map(Share::get).map_err(|error| error.to_string())
        }
        (Unit::Number, None) => Err(format!("{text:?} is not a number")),
    }
}

impl FromStr for Part {
    type Err = String;

    /// `side:agent`, `region:eu-west`, `node:fra-1`, joined by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut part = Self::default();
        for word in text.split(',') {
            let (key, value) = word
                .split_once(':')
                .ok_or_else(|| format!("{word:?} is not a part such as side:agent"))?;
            let (key, value) = (key.trim(), value.trim());
            let group = match key {
                "side" => {
                    part.side = Some(match value {
                        "shopper" => Role::Shopper,
                        "agent" => Role::Agent,
                        _ => return Err(format!("{value:?} is neither shopper nor agent")),
                    });
                    continue;
                }
                "region" => Group::Region(value.parse()?),
                "node" => Group::Node(value.parse()?),
                _ => return Err(format!("{key:?} is not one of side, region and node")),
            };
            if part.group.replace(group).is_some() {
                return Err(format!("{text:?}: one region or one node"));
            }
        }
        Ok(part)
    }
}

/// A side as reports call it.
pub fn side_name(side: Role) -> &'static str {
    match side {
        Role::Shopper => "shopper",
        Role::Agent => "agent",
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side.map(|side| format!("side:{}", side_name(side)));
        let group = self.group.as_ref().map(|group| match group {
            Group::Region(label) => format!("region:{label}"),
            Group::Node(label) => format!("node:{label}"),
        });
        let words: Vec<String> = side.into_iter().chain(group).collect();
        if words.is_empty() { Ok(()) } else { write!(f, "{{{}}}", words.join(",")) }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Bound::ALL.into_iter().find(|(_, bound)| *bound == self.bound);
        let sign = sign.map_or("", |(sign, _)| sign);
        write!(f, "{}{}:{}{sign}{}", self.metric, self.part, self.aggregate, self.value)
    }
}

#[cfg(test)]
mod tests;
