//! Where calls come from, and where they should be placed.

use std::{fmt, str::FromStr, sync::Arc};

use rand::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A short word that names a region, a node or a run.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// Longest label, in bytes: a table's column.
    const MAX: usize = 64;

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        if text.is_empty() || text.len() > Self::MAX || !text.bytes().all(good) {
            return Err(format!(
                "{text:?} is not a name: 1 to {} letters, digits, '-', '_', '.' and ':'",
                Self::MAX
            ));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A kind of call: where its two sides are, and the node it should be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The shopper's region.
    pub shopper: Option<Label>,
    /// The agent's region.
    pub agent: Option<Label>,
    /// The node that both legs must be placed on.
    pub node: Option<Label>,
    /// How many of the calls are of this kind, relative to the other kinds.
    pub weight: u32,
}

/// One of the places by chance, in proportion to their weights.
pub fn pick<'a>(places: &'a [Place], rng: &mut impl Rng) -> Option<&'a Place> {
    let total: u64 = places.iter().map(|place| u64::from(place.weight)).sum();
    if total == 0 {
        return None;
    }
    let mut ticket = rng.random_range(0..total);
    places.iter().find(|place| {
        let weight = u64::from(place.weight);
        let drawn = ticket < weight;
        ticket = ticket.saturating_sub(weight);
        drawn
    })
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
