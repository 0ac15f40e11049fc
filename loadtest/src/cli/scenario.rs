//! The plan: a scenario, overridden by flags.

use std::{path::Path, time::Duration};

use crate::{
    measure::Threshold,
    plan::{
        self, Action, Hold, Impairment, Kbps, Label, Load, MediaProfile, PerSecond, Place,
        PlanError, Run, Share,
    },
};

/// A scenario, overridden by flags.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArguments {
    /// A scenario file, or the name of a built-in scenario (`loadtest scenarios` lists them)
    scenario: Option<String>,
    /// So many calls at a time (with --duration)
    #[arg(long, value_name = "CALLS", conflicts_with_all = ["rate", "stage"])]
    #[arg(help_heading = "Load")]
    calls: Option<u32>,
    /// So many calls begin each second, whatever becomes of those before: 20/s (with --duration)
    #[arg(long, value_name = "RATE", conflicts_with = "stage", help_heading = "Load")]
    rate: Option<PerSecond>,
    /// How long to keep --calls or --rate
    #[arg(long, value_name = "TIME", value_parser = plan::duration, help_heading = "Load")]
    duration: Option<Duration>,
    /// A stage, in their order: 0..200@2m, 200@5m, hold@10m, 0..20/s@1m
    #[arg(long, value_name = "STAGE", help_heading = "Load")]
    stage: Vec<String>,
    /// Stop beginning calls after so many
    #[arg(long, value_name = "CALLS", help_heading = "Load")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    max_calls: Option<u64>,
    /// Leave out times of calls that begin before this
    #[arg(long, value_name = "TIME", value_parser = plan::duration, help_heading = "Load")]
    warm_up: Option<Duration>,
    /// How long calls may go on after the last stage before they are hung up
    #[arg(long, value_name = "TIME", value_parser = plan::duration, help_heading = "Load")]
    grace: Option<Duration>,
    /// Decides everything that chance decides
    #[arg(long, value_name = "NUMBER", help_heading = "Load")]
    seed: Option<u64>,
    /// How long both sides talk: 30s, 10s..2m or exp(60s)
    #[arg(long, value_name = "TIME", help_heading = "Calls")]
    hold: Option<Hold>,
    /// Longest wait in any one step
    #[arg(long, value_name = "TIME", value_parser = plan::duration, help_heading = "Calls")]
    patience: Option<Duration>,
    /// What both sides send: audio, 360p, 720p or screen
    #[arg(long, value_name = "PROFILE", help_heading = "Calls")]
    media: Option<MediaProfile>,
    /// Video bitrate, if not the profile's: 800k, 2M
    #[arg(long, value_name = "BITRATE", help_heading = "Calls")]
    video: Option<Kbps>,
    /// Networks of both sides: wifi, lte, 3g, train, or loss=2%,rtt=80ms,rate=800k
    #[arg(long, value_name = "NETWORK", help_heading = "Calls")]
    impair: Option<Impairment>,
    /// Share of the calls whose networks are impaired
    #[arg(long, value_name = "SHARE", help_heading = "Calls")]
    impair_share: Option<Share>,
    /// Regions that callers declare and must be placed in: eu-west,us-east
    #[arg(long, value_name = "REGION", value_delimiter = ',', help_heading = "Calls")]
    region: Vec<Label>,
    /// Node that every leg must be placed on
    #[arg(long, value_name = "NODE", help_heading = "Calls")]
    node: Option<Label>,
    /// A command that chaos steps name: drain='ssh node-1 systemctl stop sfu'
    #[arg(long, value_name = "NAME=COMMAND", value_parser = command, help_heading = "Calls")]
    command: Vec<(Label, String)>,
    /// What must hold, besides what the scenario says: 'connect_seconds:p(95)<0.6'
    #[arg(long, value_name = "THRESHOLD", help_heading = "Verdict")]
    threshold: Vec<Threshold>,
    /// Forget the scenario's own thresholds
    #[arg(long, help_heading = "Verdict")]
    no_thresholds: bool,
    /// End the run as soon as a threshold is beyond hope
    #[arg(long, help_heading = "Verdict")]
    abort_on_fail: bool,
}

/// The scenarios that come with the program.
const BUILT_IN: [(&str, &str); 9] = [
    ("smoke", include_str!("../../scenarios/smoke.toml")),
    ("steady", include_str!("../../scenarios/steady.toml")),
    ("ramp", include_str!("../../scenarios/ramp.toml")),
    ("spike", include_str!("../../scenarios/spike.toml")),
    ("soak", include_str!("../../scenarios/soak.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("drain", include_str!("../../scenarios/drain.toml")),
    ("impaired", include_str!("../../scenarios/impaired.toml")),
    ("regions", include_str!("../../scenarios/regions.toml")),
];

/// The text of a scenario that comes with the program.
pub(super) fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of the scenarios that come with the program, each with what it is for.
pub(super) fn all_built_in() -> impl Iterator<Item = (&'static str, String)> {
    BUILT_IN
        .iter()
        .map(|(name, text)| (*name, Run::parse(text).map(|run| run.about).unwrap_or_default()))
}

/// What to say about a name that is neither a file nor built in.
pub(super) fn unknown(name: &str) -> String {
    let names = BUILT_IN.iter().map(|(name, _)| *name);
    match plan::nearest(name, names.clone()) {
        Some(near) => format!("{name:?} is neither a file nor a scenario; did you mean {near:?}?"),
        None => {
            let names: Vec<&str> = names.collect();
            format!("{name:?} is neither a file nor a scenario; built in are {}", names.join(", "))
        }
    }
}

fn command(text: &str) -> Result<(Label, String), String> {
    let (name, command) = text.split_once('=').ok_or("NAME=COMMAND is wanted")?;
    if command.trim().is_empty() {
        return Err("the command is empty".to_owned());
    }
    Ok((name.trim().parse()?, command.to_owned()))
}

fn read(name: &str) -> Result<Run, PlanError> {
    let path = Path::new(name);
    if !path.exists() {
        return built_in(name).map_or_else(|| Err(PlanError::new("", unknown(name))), Run::parse);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| PlanError::new(name, format!("it cannot be read: {error}")))?;
    Run::parse(&text).map_err(|error| PlanError::new(name, error.to_string()))
}

impl PlanArguments {
    /// The effective plan.
    pub(super) fn plan(&self) -> Result<Run, PlanError> {
        let load = self.load()?;
        let mut run = match (&self.scenario, load) {
            (Some(name), load) => {
                let mut run = read(name)?;
                run.load = load.unwrap_or(run.load);
                run
            }
            (None, Some(load)) => {
                let name = "run".parse().map_err(|reason: String| PlanError::new("", reason))?;
                Run::new(name, load)
            }
            (None, None) => {
                let reason = "a scenario is wanted, or --calls, --rate or --stage";
                return Err(PlanError::new("", reason));
            }
        };
        self.override_in(&mut run)?;
        let missing: Vec<&str> = run.missing_commands().map(Label::as_str).collect();
        if let Some(name) = missing.first() {
            let reason = format!(
                "a chaos step runs {name:?}; say what that is: --command {name}='…', or [commands] \
                 in the scenario"
            );
            return Err(PlanError::new("", reason));
        }
        Ok(run)
    }

    fn load(&self) -> Result<Option<Load>, PlanError> {
        let wrong = |flag: &'static str| move |reason: String| PlanError::new(flag, reason);
        let needs = |flag| PlanError::new(flag, "--duration is wanted with it");
        match (self.calls, self.rate, self.duration) {
            (Some(calls), _, Some(over)) => {
                Load::calls(calls, over).map(Some).map_err(wrong("--calls"))
            }
            (_, Some(rate), Some(over)) => {
                Load::rate(rate, over).map(Some).map_err(wrong("--rate"))
            }
            (Some(_), _, None) => Err(needs("--calls")),
            (_, Some(_), None) => Err(needs("--rate")),
            (None, None, Some(_)) => {
                Err(PlanError::new("--duration", "--calls or --rate is wanted with it"))
            }
            (None, None, None) if self.stage.is_empty() => Ok(None),
            (None, None, None) => Load::parse(&self.stage).map(Some).map_err(wrong("--stage")),
        }
    }

    fn override_in(&self, run: &mut Run) -> Result<(), PlanError> {
        run.max_calls = self.max_calls.or(run.max_calls);
        run.warm_up = self.warm_up.unwrap_or(run.warm_up);
        run.grace = self.grace.unwrap_or(run.grace);
        run.seed = self.seed.unwrap_or(run.seed);
        run.hold = self.hold.unwrap_or(run.hold);
        run.patience = self.patience.unwrap_or(run.patience);
        run.media.profile = self.media.unwrap_or(run.media.profile);
        run.media.video = self.video.or(run.media.video).filter(|_| run.media.profile.has_video());
        if self.video.is_some() && !run.media.profile.has_video() {
            return Err(PlanError::new("--video", "the profile audio has no video"));
        }
        if let Some(network) = self.impair {
            (run.impair.shopper, run.impair.agent) = (Some(network), Some(network));
            run.impair.share = Share::ALL;
        }
        run.impair.share = self.impair_share.unwrap_or(run.impair.share);
        if !self.region.is_empty() || self.node.is_some() {
            run.places = self.places();
            run.from.retain(|region, _| self.region.contains(region));
        }
        for (name, given) in &self.command {
            let mut known = false;
            for step in &mut run.chaos {
                if let Action::Run { name: of, command } = &mut step.action
                    && of == name
                {
                    command.clone_from(given);
                    known = true;
                }
            }
            if !known {
                let reason = format!("no chaos step of the scenario runs {:?}", name.as_str());
                return Err(PlanError::new("--command", reason));
            }
        }
        if self.no_thresholds {
            run.thresholds.clear();
        }
        run.thresholds.extend(self.threshold.iter().cloned());
        run.abort_on_fail |= self.abort_on_fail;
        Ok(())
    }

    fn places(&self) -> Vec<Place> {
        let node = self.node.clone();
        let place = |region: Option<&Label>| Place {
            shopper: region.cloned(),
            agent: region.cloned(),
            node: node.clone(),
            weight: 1,
        };
        if self.region.is_empty() {
            return vec![place(None)];
        }
        self.region.iter().map(|region| place(Some(region))).collect()
    }
}
