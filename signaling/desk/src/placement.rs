//! Which node a leg is given, and on which node, or nodes, a call lives.
//!
//! Pure functions of what is known at that moment: the nodes with their corrected load, and what a
//! page has measured. The shell keeps the nodes; it asks here and carries out the answer, and the
//! words of [`LegPlace::why`] go into the record of the call.
//!
//! Round trips are milliseconds, loads are shares of a node's capacity (0 to 1).

mod join;
#[cfg(test)]
mod tests;

use std::{fmt::Write, net::IpAddr};

use serde::{Deserialize, Serialize};
use signaling_wire::{ids::NodeId, text::Name};

pub use self::join::{Join, Side, join};

/// Round trips this close are the same to a person and to a jitter buffer: among such nodes load
/// decides. Wi-Fi alone moves a round trip by as much.
pub const SAME_MS: f32 = 5.0;
/// The same as a share of the nearest one's round trip: what it moves grows with the distance.
pub const SAME_SHARE: f32 = 0.1;

/// What a page has to be nearer to another node before its leg is opened anew there.
const WORTH_MOVING_MS: f32 = 10.0;

/// From this load on a node is crowded: a burst could fill it before its next report.
pub const CROWDED: f32 = 0.7;
/// What a completely full node would seem farther away than it is, in milliseconds. Between
/// [`CROWDED`] and full it grows evenly, so that a node half a continent away helps out before
/// the near one refuses shoppers who have no other.
pub const CROWDED_MS: f32 = 100.0;

/// Distances this close are the same: an address is not known better than by its city.
pub const SAME_KM: f32 = 150.0;
/// What light in fibre takes there and back for each kilometre, with the usual detour.
const MS_FOR_KM: f32 = 0.015;

/// Nodes that a page measures when its location orders them.
pub const CANDIDATES: usize = 3;
/// Nodes that a page measures when nothing is known about where it is. One for each region;
/// more regions than this are for operators who have a location database.
pub const CANDIDATES_ANYWHERE: usize = 8;

/// A node that may be given a leg: its link is alive, it serves, and it has room.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Where it stands.
    pub region: String,
    /// Share of its capacity in use, recent placements included.
    pub load: f32,
    /// It runs the same version of the software as this signaling instance.
    pub same_version: bool,
    /// How far it is from the page as the crow flies, if both locations are known.
    pub distance_km: Option<f32>,
}

/// A round trip that a page measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// To which node.
    pub node: NodeId,
    /// Milliseconds.
    pub rtt_ms: f32,
}

/// What is known about the page that wants a leg.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wish {
    /// The link names a region.
    pub region: Option<Name>,
    /// The address that the page comes from, as far as it is known.
    pub from: Option<IpAddr>,
    /// What the page measured; empty when it has not (yet).
    pub measured: Vec<Measured>,
    /// Nodes to stay away from while there is another: the leg is to leave them. Where there is none, the
    /// first of them is taken again first.
    pub avoid: Vec<NodeId>,
    /// The node that carries the page's call: preferred to those that are no nearer, so that the call does not
    /// come to span two nodes because the page's address has changed.
    pub at: Option<NodeId>,
}

impl Wish {
    /// What was measured to this node.
    #[must_use]
    pub fn rtt_ms(&self, node: NodeId) -> Option<f32> {
        self.measured.iter().find(|measured| measured.node == node).map(|found| found.rtt_ms)
    }
}

/// Where a leg is and why. Goes into the record of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegPlace {
    /// The node.
    pub node: NodeId,
    /// Where it stands.
    pub region: String,
    /// Why, for people.
    pub why: String,
}

/// What a place follows from, for those who count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The link names the region.
    Link,
    /// The page has measured.
    Measured,
    /// Where the page's address is.
    Address,
    /// Nothing is known about where the page is.
    Load,
    /// There is no other.
    OnlyOne,
    /// The other side of the call is there, or goes there.
    Call,
}

impl Ground {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Link, Self::Measured, Self::Address, Self::Load, Self::OnlyOne, Self::Call];

    /// One lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Measured => "measured",
            Self::Address => "address",
            Self::Load => "load",
            Self::OnlyOne => "only_one",
            Self::Call => "call",
        }
    }
}

/// A node for one leg; none when there is no candidate. What [`choose_on_grounds`] chooses.
#[must_use]
pub fn choose(candidates: &[Candidate], wish: &Wish) -> Option<LegPlace> {
    choose_on_grounds(candidates, wish).map(|(place, _)| place)
}

/// A node for one leg, and what that follows from; none when there is no candidate.
///
/// The region in the link wins over everything but [`Wish::avoid`] while it has a candidate. Then what the page
/// measured, each round trip lengthened by how crowded its node is; then the distance; then load
/// alone. Nodes that are equally good are told apart by version and load; [`Wish::at`] comes before them unless it is crowded.
#[must_use]
pub fn choose_on_grounds(candidates: &[Candidate], wish: &Wish) -> Option<(LegPlace, Ground)> {
    // Nodes that drain one after the other must not leave a call without any, nor with a dead one.
    let all_but = |avoid: &[NodeId]| -> Vec<&Candidate> {
        candidates.iter().filter(|candidate| !avoid.contains(&candidate.node)).collect()
    };
    let forgiven = 0..=wish.avoid.len();
    let all = forgiven.map(|many| all_but(&wish.avoid[many..])).find(|all| !all.is_empty())?;
    let in_region = wish.region.as_ref().map(|region| {
        let there = all.iter().filter(|candidate| candidate.region == region.as_str());
        there.copied().collect::<Vec<_>>()
    });
    let (pool, region) = match in_region {
        Some(there) if !there.is_empty() => (there, wish.region.as_ref()),
        _ => (all, None),
    };
    let on = |ground: Ground| move |(best, how)| (best, how, ground);
    let (best, how, ground) = nearest_measured(&pool, wish)
        .map(on(Ground::Measured))
        .or_else(|| nearest_located(&pool, wish).map(on(Ground::Address)))
        .or_else(|| least_loaded(&pool, wish).map(on(Ground::Load)))?;
    let ground = match region {
        Some(_) => Ground::Link,
        None if pool.len() == 1 => Ground::OnlyOne,
        None => ground,
    };
    let mut why = String::new();
    if let Some(region) = region {
        let _ = write!(why, "the link asks for {region}; ");
    } else if let Some(region) = &wish.region {
        let _ = write!(why, "no node of {region} can take it; ");
    }
    why.push_str(&how);
    Some((LegPlace { node: best.node, region: best.region.clone(), why }, ground))
}

/// The nodes that a page should measure, best guess first: one of each region. None when there is
/// nothing to choose between.
#[must_use]
pub fn to_measure<'a>(candidates: &'a [Candidate], wish: &Wish) -> Vec<&'a Candidate> {
    let mut regions: Vec<&Candidate> = Vec::new();
    for candidate in candidates {
        match regions.iter_mut().find(|known| known.region == candidate.region) {
            Some(known) if better(candidate, known) => *known = candidate,
            Some(_) => {}
            None => regions.push(candidate),
        }
    }
    if regions.len() < 2 {
        return Vec::new();
    }
    let asked = |candidate: &Candidate| {
        wish.region.as_ref().is_some_and(|region| region.as_str() == candidate.region)
    };
    regions.sort_by(|a, b| {
        let key = |c: &Candidate| (!asked(c), c.distance_km.unwrap_or(f32::MAX), c.load);
        let ((asked_a, far_a, load_a), (asked_b, far_b, load_b)) = (key(a), key(b));
        asked_a
            .cmp(&asked_b)
            .then(far_a.total_cmp(&far_b))
            .then(load_a.total_cmp(&load_b))
            .then(a.node.cmp(&b.node))
    });
    let located = regions.iter().all(|candidate| candidate.distance_km.is_some());
    regions.truncate(if located { CANDIDATES } else { CANDIDATES_ANYWHERE });
    regions
}

/// Where a leg should go that is on `at`, now that this is known about its page; none when it is
/// best where it is, or not much worse: opening another is not free.
#[must_use]
pub fn better_place(at: NodeId, candidates: &[Candidate], wish: &Wish) -> Option<LegPlace> {
    let best = choose(candidates, wish).filter(|best| best.node != at)?;
    let asked = |region: &str| wish.region.as_ref().is_some_and(|asked| asked.as_str() == region);
    let here = candidates.iter().find(|candidate| candidate.node == at);
    let here_ms = wish.rtt_ms(at).or_else(|| neighbours_ms(here?, candidates.iter(), wish));
    let worth = match (here, here_ms, wish.rtt_ms(best.node)) {
        (Some(here), ..) if asked(&here.region) != asked(&best.region) => asked(&best.region),
        (_, Some(here), Some(there)) => there + WORTH_MOVING_MS.max(there * SAME_SHARE) < here,
        _ => false,
    };
    worth.then_some(best)
}

/// Of each region one node is measured, which says how far its neighbours are.
fn neighbours_ms<'a>(
    node: &Candidate,
    candidates: impl Iterator<Item = &'a Candidate>,
    wish: &Wish,
) -> Option<f32> {
    let neighbours = candidates.filter(|candidate| candidate.region == node.region);
    neighbours.filter_map(|candidate| wish.rtt_ms(candidate.node)).min_by(f32::total_cmp)
}

/// How much farther away a node seems because of its load.
fn crowding_ms(load: f32) -> f32 {
    ((load - CROWDED) / (1.0 - CROWDED)).clamp(0.0, 1.0) * CROWDED_MS
}

/// Whether `a` is to be preferred to `b` where they are equally near.
fn better(a: &Candidate, b: &Candidate) -> bool {
    let order = b.same_version.cmp(&a.same_version).then(a.load.total_cmp(&b.load));
    order.then(a.node.cmp(&b.node)).is_lt()
}

/// A candidate, how far it is, and how much farther it seems.
struct Cost<'a> {
    candidate: &'a Candidate,
    far_ms: f32,
    ms: f32,
}

impl<'a> Cost<'a> {
    fn new(candidate: &'a Candidate, far_ms: f32) -> Self {
        Self { candidate, far_ms, ms: far_ms + crowding_ms(candidate.load) }
    }
}

/// The preferred one of those that are as near as the cheapest: within `band` of its cost.
fn pick<'a, 'b>(
    costs: &'b [Cost<'a>],
    wish: &Wish,
    band: impl Fn(f32) -> f32,
) -> Option<&'b Cost<'a>> {
    let least = costs.iter().min_by(|a, b| a.ms.total_cmp(&b.ms))?;
    let most = least.ms + band(least.far_ms);
    let near = costs.iter().filter(|cost| cost.ms <= most);
    if let Some(at) = near.clone().find(|cost| Some(cost.candidate.node) == wish.at) {
        return Some(at);
    }
    near.reduce(|best, next| if better(next.candidate, best.candidate) { next } else { best })
}

fn same_ms(rtt_ms: f32) -> f32 {
    SAME_MS.max(rtt_ms * SAME_SHARE)
}

fn nearest_measured<'a>(pool: &[&'a Candidate], wish: &Wish) -> Option<(&'a Candidate, String)> {
    let measured = |&candidate: &&'a Candidate| {
        let rtt_ms = wish.rtt_ms(candidate.node).or_else(|| {
            let at = Some(candidate.node) == wish.at;
            at.then(|| neighbours_ms(candidate, pool.iter().copied(), wish)).flatten()
        });
        Some(Cost::new(candidate, rtt_ms?))
    };
    let costs: Vec<_> = pool.iter().filter_map(measured).collect();
    let best = pick(&costs, wish, same_ms)?;
    let others = costs.iter().filter(|cost| cost.candidate.node != best.candidate.node);
    let next = others.min_by(|a, b| a.far_ms.total_cmp(&b.far_ms));
    let next = next.map_or_else(String::new, |next| {
        let nearer = next.far_ms + same_ms(next.far_ms) < best.far_ms;
        let word = if nearer { "nearer but crowded" } else { "next" };
        format!(", {word} {} {:.0} ms", next.candidate.region, next.far_ms)
    });
    Some((best.candidate, format!("nearest by measurement {:.0} ms{next}", best.far_ms)))
}

fn nearest_located<'a>(pool: &[&'a Candidate], wish: &Wish) -> Option<(&'a Candidate, String)> {
    let located =
        |&candidate: &&'a Candidate| Some(Cost::new(candidate, candidate.distance_km? * MS_FOR_KM));
    let costs: Vec<_> = pool.iter().filter_map(located).collect();
    let best = pick(&costs, wish, |_| SAME_KM * MS_FOR_KM)?.candidate;
    let km = best.distance_km?;
    Some((best, format!("nearest by address, about {km:.0} km")))
}

fn least_loaded<'a>(pool: &[&'a Candidate], wish: &Wish) -> Option<(&'a Candidate, String)> {
    let has_room = |node: &&&'a Candidate| Some(node.node) == wish.at && node.load < CROWDED;
    if let Some(at) = pool.iter().find(has_room) {
        return Some((at, "where the call is".to_owned()));
    }
    let best =
        pool.iter().copied().reduce(|best, next| if better(next, best) { next } else { best })?;
    let why = match pool.len() {
        1 => "the only node that can take it".to_owned(),
        _ => format!("least loaded, {:.0} % in use", best.load * 100.0),
    };
    Some((best, why))
}
