//! Reading a scenario.

use std::{collections::BTreeMap, net::Ipv4Addr};

use toml::de::DeTable;

use super::{
    Action, ChaosStep, Hold, Impairments, Label, Load, Media, PerSecond, Place, PlanError, Run,
    Share, duration,
    nearest::hint,
    section::{Item, Section, not_toml},
};
use crate::measure::Threshold;

/// Longest scenario, in bytes: far beyond what anybody writes by hand.
const MAX_TEXT: usize = 256 * 1024;

const KEYS: [&str; 14] = [
    "name",
    "about",
    "seed",
    "warm_up",
    "load",
    "call",
    "media",
    "impair",
    "places",
    "from",
    "commands",
    "chaos",
    "thresholds",
    "abort_on_fail",
];

pub(super) fn parse(text: &str) -> Result<Run, PlanError> {
    if text.len() > MAX_TEXT {
        return Err(PlanError::new("", format!("a scenario has at most {MAX_TEXT} bytes")));
    }
    let table = DeTable::parse(text).map_err(|error| not_toml(text, &error))?;
    run(&Section::new(text, String::new(), table.get_ref()).only(&KEYS)?)
}

fn run(root: &Section<'_>) -> Result<Run, PlanError> {
    let name = root.get("name").ok_or_else(|| root.error("a scenario needs a name"))?.parse()?;
    let about = root.get("about").map(|item| item.text().map(str::to_owned)).transpose()?;
    let seed = root.get("seed").map(|item| item.integer()).transpose()?;
    let warm_up = root.get("warm_up").map(|item| item.read(duration)).transpose()?;
    let load_item = root.get("load").ok_or_else(|| root.error("a scenario needs a [load]"))?;
    let load_section =
        load_item.section()?.only(&["stages", "rate", "duration", "max_calls", "grace"])?;
    let loaded = load(&load_section)?;
    let mut run = Run::new(name, loaded);
    run.max_calls = load_section.get("max_calls").map(|item| positive(&item)).transpose()?;
    if let Some(grace) = load_section.get("grace") {
        run.grace = grace.read(duration)?;
    }
    run.about = about.unwrap_or_default();
    run.seed = seed.unwrap_or(run.seed);
    run.warm_up = warm_up.unwrap_or(run.warm_up);
    if let Some(item) = root.get("call") {
        let section = item.section()?.only(&["hold", "patience"])?;
        if let Some(hold) = section.get("hold") {
            run.hold = hold.parse::<Hold>()?;
        }
        if let Some(patience) = section.get("patience") {
            run.patience = patience.read(duration)?;
        }
    }
    if let Some(item) = root.get("media") {
        run.media = media(&item.section()?.only(&["profile", "video"])?)?;
    }
    if let Some(item) = root.get("impair") {
        run.impair = impair(&item.section()?.only(&["both", "shopper", "agent", "share"])?)?;
    }
    for item in list(root, "places")? {
        let known = ["region", "shopper", "agent", "node", "weight"];
        run.places.push(place(&item.section()?.only(&known)?)?);
    }
    if let Some(item) = root.get("from") {
        run.from = from(&item.section()?, &run.places)?;
    }
    let commands = commands(root)?;
    for item in list(root, "chaos")? {
        let known = ["at", "within", "share", "run", "drop_udp", "change_address"];
        run.chaos.push(chaos(&item.section()?.only(&known)?, &commands)?);
    }
    run.chaos.sort_by_key(|step| step.at);
    every_command_is_run(root, &run.chaos)?;
    for item in list(root, "thresholds")? {
        run.thresholds.push(item.parse::<Threshold>()?);
    }
    if let Some(item) = root.get("abort_on_fail") {
        run.abort_on_fail = item.truth()?;
    }
    Ok(run)
}

fn list<'a>(root: &Section<'a>, key: &'static str) -> Result<Vec<Item<'a>>, PlanError> {
    root.get(key).map_or(Ok(Vec::new()), |item| item.list())
}

fn positive(item: &Item<'_>) -> Result<u64, PlanError> {
    match item.integer()? {
        0 => Err(item.error("at least 1 is wanted")),
        number => Ok(number),
    }
}

fn load(section: &Section<'_>) -> Result<Load, PlanError> {
    let stages = section.get("stages");
    let rate = section.get("rate");
    let over = section.get("duration");
    match (stages, rate, over) {
        (Some(stages), None, None) => {
            let texts: Result<Vec<_>, _> = stages.list()?.iter().map(Item::text).collect();
            Load::parse(&texts?).map_err(|reason| stages.error(reason))
        }
        (None, Some(rate), Some(over)) => {
            Load::rate(rate.parse::<PerSecond>()?, over.read(duration)?)
                .map_err(|reason| rate.error(reason))
        }
        _ => Err(section.error("either stages, or rate and duration, are wanted")),
    }
}

fn media(section: &Section<'_>) -> Result<Media, PlanError> {
    let mut media = Media::default();
    if let Some(profile) = section.get("profile") {
        media.profile = profile.parse()?;
    }
    if let Some(video) = section.get("video") {
        media.video = Some(video.parse()?);
        if !media.profile.has_video() {
            return Err(video.error("the profile audio has no video"));
        }
    }
    Ok(media)
}

fn impair(section: &Section<'_>) -> Result<Impairments, PlanError> {
    let mut impair = Impairments { share: Share::ALL, ..Impairments::default() };
    if let Some(both) = section.get("both") {
        let network = both.parse()?;
        (impair.shopper, impair.agent) = (Some(network), Some(network));
    }
    if let Some(shopper) = section.get("shopper") {
        impair.shopper = Some(shopper.parse()?);
    }
    if let Some(agent) = section.get("agent") {
        impair.agent = Some(agent.parse()?);
    }
    if let Some(share) = section.get("share") {
        impair.share = share.parse()?;
    }
    Ok(impair)
}

fn place(section: &Section<'_>) -> Result<Place, PlanError> {
    let label = |key| section.get(key).map(|item| item.parse::<Label>()).transpose();
    let both = label("region")?;
    let place = Place {
        shopper: label("shopper")?.or_else(|| both.clone()),
        agent: label("agent")?.or(both),
        node: label("node")?,
        weight: match section.get("weight") {
            None => 1,
            Some(item) => u32::try_from(positive(&item)?)
                .map_err(|_| item.error("a weight is at most 4294967295"))?,
        },
    };
    if place.shopper.is_none() && place.agent.is_none() && place.node.is_none() {
        return Err(section.error("a place needs a region (or shopper and agent) or a node"));
    }
    Ok(place)
}

/// The address of each region's callers.
fn from(section: &Section<'_>, places: &[Place]) -> Result<BTreeMap<Label, Ipv4Addr>, PlanError> {
    let regions = || places.iter().flat_map(|place| [&place.shopper, &place.agent]).flatten();
    let mut from = BTreeMap::new();
    for (region, item) in section.all() {
        if !regions().any(|known| known.as_str() == region) {
            let hint = hint(region, regions().map(Label::as_str));
            return Err(item.error(format!("there is no such region in the places{hint}")));
        }
        from.insert(region.parse().map_err(|reason: String| item.error(reason))?, item.parse()?);
    }
    Ok(from)
}

fn commands(root: &Section<'_>) -> Result<BTreeMap<String, String>, PlanError> {
    let Some(item) = root.get("commands") else { return Ok(BTreeMap::new()) };
    let section = item.section()?;
    section.all().map(|(name, item)| Ok((name.to_owned(), item.text()?.to_owned()))).collect()
}

/// A command that no step runs is misspelt, here or in the step.
fn every_command_is_run(root: &Section<'_>, steps: &[ChaosStep]) -> Result<(), PlanError> {
    let run: Vec<&str> = steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Run { name, .. } => Some(name.as_str()),
            Action::DropUdp { .. } | Action::ChangeAddress { .. } => None,
        })
        .collect();
    let Some(item) = root.get("commands") else { return Ok(()) };
    match item.section()?.all().find(|(name, _)| !run.contains(name)) {
        None => Ok(()),
        Some((_, item)) if run.is_empty() => Err(item.error("no chaos step runs a command")),
        Some((name, item)) => {
            let hint = hint(name, run);
            Err(item.error(format!("no chaos step runs it{hint}")))
        }
    }
}

fn chaos(
    section: &Section<'_>,
    commands: &BTreeMap<String, String>,
) -> Result<ChaosStep, PlanError> {
    let at = section.get("at").ok_or_else(|| section.error("a step needs a time: at = \"1m\""))?;
    let at = at.read(duration)?;
    let within = section.get("within").map(|item| item.read(duration)).transpose()?;
    let share = section.get("share");
    let of_calls = || share.as_ref().map_or(Ok(Share::ALL), |item| item.parse::<Share>());
    let run = section.get("run");
    let drop_udp = section.get("drop_udp");
    let change_address = section.get("change_address");
    let action = match (run, drop_udp, change_address) {
        (Some(run), None, None) => {
            if let Some(share) = share {
                return Err(share.error("a command is not done to calls: it has no share"));
            }
            let name: Label = run.parse()?;
            // A command that is not there yet comes with a flag (`--command`).
            let command = commands.get(name.as_str()).cloned().unwrap_or_default();
            Action::Run { name, command }
        }
        (None, Some(lasts), None) => {
            Action::DropUdp { lasts: lasts.read(duration)?, share: of_calls()? }
        }
        (None, None, Some(change)) => {
            if !change.truth()? {
                return Err(change.error("true is wanted, or leave the step out"));
            }
            Action::ChangeAddress { share: of_calls()? }
        }
        _ => {
            let reason = "a step does one thing: run, drop_udp or change_address";
            return Err(section.error(reason));
        }
    };
    Ok(ChaosStep { at, action, within: within.unwrap_or(ChaosStep::WITHIN) })
}
