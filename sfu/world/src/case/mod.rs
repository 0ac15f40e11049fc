//! The cases: what the world does in them, and what is asked of the node.

mod access;
mod extras;
mod goal;
mod rfc8867;

use std::ops::RangeInclusive;

pub use self::goal::{Bound, Figure, Goal};
use crate::{
    net::{FlowId, LinkId},
    world::WorldPlan,
};

/// Seeds of every case.
pub const SEEDS: RangeInclusive<u64> = 1..=5;
/// Seeds that no parameter is chosen on: they tell how much of what the others show is chance. Do not
/// look at single ones; take others (`--seeds`) to find out why something happens.
pub const HOLD_OUT: RangeInclusive<u64> = 101..=110;

/// Which of the two access lines is narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The viewer's, from the node.
    Down,
    /// The publisher's, to the node.
    Up,
}

/// A case on one of the two ways.
#[derive(Debug, Clone)]
pub struct Case {
    /// Short name, as in RFC 8867 or a letter.
    pub name: &'static str,
    /// What happens.
    pub title: &'static str,
    /// Which access line is narrow.
    pub way: Way,
    /// The world.
    pub plan: WorldPlan,
    /// What is looked at.
    pub judged: Judged,
    /// What is asked.
    pub goals: Vec<Goal>,
}

/// What is looked at in a case.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The narrow link.
    pub link: LinkId,
    /// Media whose figures count.
    pub media: Vec<FlowId>,
    /// Other flows on the link, which count in its utilisation.
    pub others: Vec<FlowId>,
    /// Utilisation is looked at from here to there, seconds.
    pub from: f64,
    /// See `from`.
    pub to: f64,
    /// Seconds after each rise of the capacity that do not count in the utilisation.
    pub grace: f64,
    /// Bit/s that the media can use at most.
    pub most: f64,
    /// Falls of the capacity.
    pub falls: Vec<Fall>,
    /// Rises of the capacity, of a flow that begins or begins again.
    pub rises: Vec<Rise>,
    /// Times in which flows share the link, and which.
    pub shared: Vec<Shared>,
    /// A time without a picture that is nobody's fault, seconds.
    pub dark: Option<(f64, f64)>,
}

/// A fall of the capacity.
#[derive(Debug, Clone, Copy)]
pub struct Fall {
    /// When, seconds.
    pub at: f64,
    /// To how much, bit/s.
    pub to: f64,
}

/// Something to grow into.
#[derive(Debug, Clone, Copy)]
pub struct Rise {
    /// When, seconds.
    pub at: f64,
    /// Which flow; `None`: all media together.
    pub flow: Option<FlowId>,
    /// Bit/s that count as reached.
    pub to: f64,
    /// Bit/s are looked at over this long, seconds.
    pub over: f64,
}

/// A time of sharing.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Seconds.
    pub from: f64,
    /// Seconds.
    pub to: f64,
    /// Who shares.
    pub flows: Vec<FlowId>,
    /// A flow's fair share, bit/s.
    pub fair: f64,
}

impl Case {
    /// Name and way, as on the command line.
    pub fn id(&self) -> String {
        let way = match self.way {
            Way::Down => "down",
            Way::Up => "up",
        };
        format!("{}/{way}", self.name)
    }
}

/// All cases, those of each way together.
pub fn all() -> Vec<Case> {
    let both = [Way::Down, Way::Up];
    both.into_iter().flat_map(|way| [rfc8867::all(way), extras::all(way)].concat()).collect()
}
