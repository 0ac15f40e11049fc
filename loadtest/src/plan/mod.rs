//! What a run is to do: the scenario, parsed at the edge into values that cannot be wrong.
//!
//! A scenario is a TOML file ([`Run::parse`]); flags of the command line override it. [`Run`]
//! prints as the TOML of the effective plan, complete and with every default, and that text parses
//! to the same plan again: it is what `loadtest check` shows, what a controller sends to its
//! workers and what a report carries.

mod chaos;
mod error;
mod file;
mod hold;
mod impair;
mod load;
mod media;
mod nearest;
mod place;
mod print;
mod section;
mod units;

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

pub use chaos::{Action, ChaosStep};
pub use error::PlanError;
pub use hold::Hold;
pub use impair::{Impairment, Impairments};
pub use load::{Load, Stage};
pub use media::{Media, MediaProfile};
pub use nearest::nearest;
pub use place::{Label, Place, pick as pick_place};
pub use units::{BadUnit, Kbps, PerSecond, Share, duration, show_duration};

use crate::measure::Threshold;

/// A run, in every detail that the operator decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// A word for reports.
    pub name: Label,
    /// What the scenario is for, in a sentence.
    pub about: String,
    /// Decides everything that chance decides: arrivals, hold times, places, impairments.
    pub seed: u64,
    /// How many calls, when.
    pub load: Load,
    /// Stop beginning calls after so many.
    pub max_calls: Option<u64>,
    /// How long both sides talk.
    pub hold: Hold,
    /// Longest wait in any one step before the call counts as failed.
    pub patience: Duration,
    /// What both sides send.
    pub media: Media,
    /// The networks of the callers.
    pub impair: Impairments,
    /// Where calls come from, and where they should be placed. Empty: no region is declared.
    pub places: Vec<Place>,
    /// Which of the generator's own addresses callers of a region use, where it has several.
    pub from: BTreeMap<Label, Ipv4Addr>,
    /// What is done to the deployment or to the callers meanwhile, by time.
    pub chaos: Vec<ChaosStep>,
    /// Times of calls that begin before this are left out; counts and leaks are not.
    pub warm_up: Duration,
    /// How long calls may go on after the last stage before they are hung up.
    pub grace: Duration,
    /// What must hold for the run to pass.
    pub thresholds: Vec<Threshold>,
    /// End the run as soon as a threshold cannot be trusted to hold any more.
    pub abort_on_fail: bool,
}

impl Run {
    /// Patience with one step, unless the scenario says otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(10);
    /// Grace after the last stage, unless the scenario says otherwise.
    pub const GRACE: Duration = Duration::from_secs(30);

    /// A run of `load` with the default of everything else.
    pub fn new(name: Label, load: Load) -> Self {
        Self {
            name,
            about: String::new(),
            seed: 1,
            load,
            max_calls: None,
            hold: Hold::default(),
            patience: Self::PATIENCE,
            media: Media::default(),
            impair: Impairments::default(),
            places: Vec::new(),
            from: BTreeMap::new(),
            chaos: Vec::new(),
            warm_up: Duration::ZERO,
            grace: Self::GRACE,
            thresholds: Vec::new(),
            abort_on_fail: false,
        }
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// [`PlanError`], with the line and, for a word that is not known, the nearest that is.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        file::parse(text)
    }

    /// Commands that chaos steps name and nobody has given.
    pub fn missing_commands(&self) -> impl Iterator<Item = &Label> {
        self.chaos.iter().filter_map(|step| match &step.action {
            Action::Run { name, command } if command.is_empty() => Some(name),
            _ => None,
        })
    }

    /// The generator's own address for the shopper and the agent of a call, where the plan names one.
    pub fn addresses(&self, place: &Place) -> [Option<Ipv4Addr>; 2] {
        [&place.shopper, &place.agent].map(|region| self.from.get(region.as_ref()?).copied())
    }

    /// From the first call to the end of the last stage.
    pub fn duration(&self) -> Duration {
        self.load.duration()
    }
}

#[cfg(test)]
mod tests;
