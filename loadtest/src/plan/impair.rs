//! The callers' networks.

use std::{fmt, str::FromStr, time::Duration};

use super::{
    nearest::hint,
    units::{Kbps, Share, duration, show_duration},
};

/// What a caller's access network does, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Share of the packets that are lost.
    pub loss: Share,
    /// Mean length of a run of losses, in packets; 1: every loss by itself.
    pub burst: f64,
    /// Added round trip, half in each direction.
    pub rtt: Duration,
    /// Delay that varies from packet to packet, up to this, on top.
    pub jitter: Duration,
    /// Capacity; unlimited if none.
    pub rate: Option<Kbps>,
    /// How much the bottleneck keeps, in time at its capacity, before it drops.
    pub queue: Duration,
}

/// Whose network is how.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impairments {
    /// The shopper's.
    pub shopper: Option<Impairment>,
    /// The agent's.
    pub agent: Option<Impairment>,
    /// Share of the calls that have them; the others have none.
    pub share: Share,
}

impl Impairment {
    /// Nothing added, nothing lost.
    pub const NONE: Self = Self {
        loss: Share::NONE,
        burst: 1.0,
        rtt: Duration::ZERO,
        jitter: Duration::ZERO,
        rate: None,
        queue: Duration::from_millis(200),
    };

    /// The presets and what they stand for. They are round figures for a usual day, not the worst.
    const PRESETS: [(&str, &str); 4] = [
        ("wifi", "loss=1%,burst=3,rtt=20ms,jitter=10ms,rate=20M,queue=200ms"),
        ("lte", "loss=0.5%,burst=2,rtt=60ms,jitter=15ms,rate=6M,queue=300ms"),
        ("3g", "loss=1%,burst=2,rtt=150ms,jitter=30ms,rate=1M,queue=500ms"),
        ("train", "loss=5%,burst=8,rtt=120ms,jitter=60ms,rate=1500k,queue=500ms"),
    ];

    const KEYS: [&str; 6] = ["loss", "burst", "rtt", "jitter", "rate", "queue"];
    /// Longest burst of losses, in packets: about a second of video.
    const MAX_BURST: f64 = 100.0;

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let unit = |error: super::BadUnit| error.to_string();
        match key {
            "loss" => self.loss = value.parse().map_err(unit)?,
            "rtt" => self.rtt = duration(value).map_err(unit)?,
            "jitter" => self.jitter = duration(value).map_err(unit)?,
            "queue" => self.queue = duration(value).map_err(unit)?,
            "rate" => self.rate = Some(value.parse().map_err(unit)?),
            "burst" => {
                self.burst = value
                    .parse()
                    .ok()
                    .filter(|burst| (1.0..=Self::MAX_BURST).contains(burst))
                    .ok_or_else(|| format!("{value:?} is not a number of packets from 1 to 100"))?;
            }
            _ => {
                let hint = hint(key, Self::KEYS);
                return Err(format!("there is no impairment {key:?}{hint}"));
            }
        }
        Ok(())
    }
}

impl FromStr for Impairment {
    type Err = String;

    /// A preset, settings, or a preset with changes: `lte`, `loss=2%,rtt=80ms,rate=800k`,
    /// `lte,loss=5%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut impairment = Self::NONE;
        for (place, word) in text.split(',').map(str::trim).enumerate() {
            if let Some((key, value)) = word.split_once('=') {
                impairment.set(key.trim(), value.trim())?;
                continue;
            }
            let preset = Self::PRESETS.into_iter().find(|(name, _)| *name == word);
            match preset {
                Some((_, settings)) if place == 0 => impairment = settings.parse()?,
                Some(_) => return Err(format!("the preset {word:?} must come first")),
                None => {
                    let names = Self::PRESETS.map(|(name, _)| name);
                    let hint = hint(word, names.into_iter().chain(Self::KEYS));
                    return Err(format!("there is no network {word:?}{hint}"));
                }
            }
        }
        Ok(impairment)
    }
}

impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loss={},burst={},", self.loss, self.burst)?;
        write!(f, "rtt={},jitter={},", show_duration(self.rtt), show_duration(self.jitter))?;
        if let Some(rate) = self.rate {
            write!(f, "rate={rate},")?;
        }
        write!(f, "queue={}", show_duration(self.queue))
    }
}
