//! The effective plan as TOML: complete, and read again as the same plan.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Action, Run, show_duration};

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = {}", quoted(self.name.as_str()))?;
        if !self.about.is_empty() {
            writeln!(f, "about = {}", quoted(&self.about))?;
        }
        writeln!(f, "seed = {}", self.seed)?;
        writeln!(f, "warm_up = {}", quoted(&show_duration(self.warm_up)))?;
        writeln!(f, "abort_on_fail = {}", self.abort_on_fail)?;
        if !self.thresholds.is_empty() {
            writeln!(f, "thresholds = [")?;
            for threshold in &self.thresholds {
                writeln!(f, "    {},", quoted(&threshold.to_string()))?;
            }
            writeln!(f, "]")?;
        }
        writeln!(f, "\n[load]")?;
        let stages: Vec<String> = self.load.texts().iter().map(|text| quoted(text)).collect();
        writeln!(f, "stages = [{}]", stages.join(", "))?;
        if let Some(max) = self.max_calls {
            writeln!(f, "max_calls = {max}")?;
        }
        writeln!(f, "grace = {}", quoted(&show_duration(self.grace)))?;
        writeln!(f, "\n[call]")?;
        writeln!(f, "hold = {}", quoted(&self.hold.to_string()))?;
        writeln!(f, "patience = {}", quoted(&show_duration(self.patience)))?;
        writeln!(f, "\n[media]")?;
        writeln!(f, "profile = {}", quoted(&self.media.profile.to_string()))?;
        if let Some(video) = self.media.video {
            writeln!(f, "video = {}", quoted(&video.to_string()))?;
        }
        self.print_networks(f)?;
        self.print_places(f)?;
        self.print_chaos(f)
    }
}

impl Run {
    fn print_networks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.impair.shopper.is_none() && self.impair.agent.is_none() {
            return Ok(());
        }
        writeln!(f, "\n[impair]")?;
        for (key, network) in [("shopper", self.impair.shopper), ("agent", self.impair.agent)] {
            if let Some(network) = network {
                writeln!(f, "{key} = {}", quoted(&network.to_string()))?;
            }
        }
        writeln!(f, "share = {}", quoted(&self.impair.share.to_string()))
    }

    fn print_places(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in &self.places {
            writeln!(f, "\n[[places]]")?;
            let labels =
                [("shopper", &place.shopper), ("agent", &place.agent), ("node", &place.node)];
            for (key, label) in labels {
                if let Some(label) = label {
                    writeln!(f, "{key} = {}", quoted(label.as_str()))?;
                }
            }
            writeln!(f, "weight = {}", place.weight)?;
        }
        if !self.from.is_empty() {
            writeln!(f, "\n[from]")?;
            for (region, address) in &self.from {
                writeln!(f, "{} = \"{address}\"", quoted(region.as_str()))?;
            }
        }
        Ok(())
    }

    fn print_chaos(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut commands = BTreeMap::new();
        for step in &self.chaos {
            writeln!(f, "\n[[chaos]]\nat = {}", quoted(&show_duration(step.at)))?;
            match &step.action {
                Action::Run { name, command } => {
                    writeln!(f, "run = {}", quoted(name.as_str()))?;
                    if !command.is_empty() {
                        commands.insert(name.as_str(), command.as_str());
                    }
                }
                Action::DropUdp { lasts, share } => {
                    writeln!(f, "drop_udp = {}", quoted(&show_duration(*lasts)))?;
                    writeln!(f, "share = {}", quoted(&share.to_string()))?;
                }
                Action::ChangeAddress { share } => {
                    writeln!(f, "change_address = true")?;
                    writeln!(f, "share = {}", quoted(&share.to_string()))?;
                }
            }
            writeln!(f, "within = {}", quoted(&show_duration(step.within)))?;
        }
        if !commands.is_empty() {
            writeln!(f, "\n[commands]")?;
            for (name, command) in commands {
                writeln!(f, "{} = {}", quoted(name), quoted(command))?;
            }
        }
        Ok(())
    }
}

impl Serialize for Run {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
