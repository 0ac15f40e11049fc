//! Who gets a shopper: pure functions, with the reason in words.
//!
//! Shoppers are served in the queue's order (priority, then waiting time). For each, the agents
//! who may be asked form **rings** that widen as the shopper waits: first those who speak the
//! language and have every skill the link asks for, then those who speak the language, then
//! anyone. A ring that nobody on duty is in is skipped at once: waiting for it would help nobody.
//! A test tool's shopper never leaves the first ring: no person is rung by a machine.
//! Within a ring the best match goes first, and among equals the one who has been free longest.

use std::{cmp::Reverse, time::Duration};

use signaling_wire::{ids::AgentId, text::Name};

use crate::{Millis, Rules, store::AgentProfile};

/// What a shopper needs.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// BCP 47 tag.
    pub language: Option<&'a Name>,
    /// Skills the link asks for.
    pub skills: &'a [Name],
    /// How long the shopper has waited.
    pub waited: Duration,
    /// The shopper is a test tool: its skills are those of its own agents, and nobody else is asked.
    pub synthetic: bool,
}

/// An agent on duty.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Who.
    pub profile: &'a AgentProfile,
    /// Can be rung at once.
    pub free: bool,
    /// Since when they could have taken a call.
    pub idle_since: Millis,
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The agent.
    pub agent: AgentId,
    /// Why, for people.
    pub why: String,
}

/// How wide to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ring {
    /// Language and every skill.
    Full,
    /// Language.
    Language,
    /// Anyone.
    Anyone,
}

/// Waiting times after which the search widens.
pub(crate) fn relaxations(rules: &Rules) -> [Duration; 2] {
    [rules.relax_skills_after, rules.relax_language_after]
}

/// The best free agent for a shopper, or none who may be asked yet. `on_duty` leaves out agents
/// who just let this shopper pass.
pub fn choose(
    need: &Need<'_>,
    on_duty: &[Candidate<'_>],
    rules: &Rules,
    now: Millis,
) -> Option<Choice> {
    let by_time = if need.waited >= rules.relax_language_after {
        Ring::Anyone
    } else if need.waited >= rules.relax_skills_after {
        Ring::Language
    } else {
        Ring::Full
    };
    let ring = [Ring::Full, Ring::Language, Ring::Anyone]
        .into_iter()
        .filter(|ring| if need.synthetic { *ring == Ring::Full } else { *ring >= by_time })
        .find(|ring| on_duty.iter().any(|candidate| is_in(*ring, need, candidate.profile)))?;
    let best = on_duty
        .iter()
        .filter(|candidate| candidate.free && is_in(ring, need, candidate.profile))
        .max_by_key(|candidate| {
            (
                speaks(need, candidate.profile),
                skills(need, candidate.profile),
                Reverse(candidate.idle_since),
                Reverse(candidate.profile.id),
            )
        })?;
    Some(Choice { agent: best.profile.id, why: explain(need, best, ring, by_time, on_duty, now) })
}

fn is_in(ring: Ring, need: &Need<'_>, agent: &AgentProfile) -> bool {
    match ring {
        Ring::Full => speaks(need, agent) && skills(need, agent) == need.skills.len(),
        Ring::Language => speaks(need, agent),
        Ring::Anyone => true,
    }
}

/// Whether the agent speaks the shopper's language (any regional form of it).
fn speaks(need: &Need<'_>, agent: &AgentProfile) -> bool {
    need.language.is_none_or(|wanted| {
        agent.languages.iter().any(|spoken| primary(spoken).eq_ignore_ascii_case(primary(wanted)))
    })
}

/// How many of the skills asked for the agent has.
fn skills(need: &Need<'_>, agent: &AgentProfile) -> usize {
    let has = |skill: &Name| agent.skills.iter().any(|own| own.eq_ignore_ascii_case(skill));
    need.skills.iter().filter(|skill| has(skill)).count()
}

/// The language of a BCP 47 tag, without region and script.
fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

fn explain(
    need: &Need<'_>,
    best: &Candidate<'_>,
    ring: Ring,
    by_time: Ring,
    on_duty: &[Candidate<'_>],
    now: Millis,
) -> String {
    let mut why = Vec::new();
    match need.language {
        Some(language) if speaks(need, best.profile) => why.push(format!("speaks {language}")),
        Some(language) if by_time == Ring::Anyone => why.push(format!(
            "does not speak {language}, but the shopper has waited {} s",
            need.waited.as_secs()
        )),
        Some(language) => why.push(format!("nobody on duty speaks {language}")),
        None => {}
    }
    let (has, of) = (skills(need, best.profile), need.skills.len());
    if of > 0 {
        why.push(match (has == of, ring > Ring::Full && by_time == Ring::Full) {
            (true, _) => "has every skill asked for".to_owned(),
            (false, true) => format!("has {has} of {of} skills, nobody on duty has all"),
            (false, false) => {
                format!("has {has} of {of} skills after {} s of waiting", need.waited.as_secs())
            }
        });
    }
    let idle = now.since(best.idle_since).as_secs();
    let free = on_duty.iter().filter(|candidate| candidate.free).count();
    why.push(match free {
        1 => format!("free for {idle} s, the only one free"),
        _ => format!("free for {idle} s, best of {free} free"),
    });
    why.join("; ")
}

#[cfg(test)]
mod tests;
