//! Where the time went when a call was set up.
//!
//! Three clocks meet here: the agent's page, the server, and the shopper's page. Zero is the
//! agent's press on **Accept**. The press reaches the server half a round trip later, and the
//! page sees that round trip itself (from its press to its `call_started`). The shopper's page is
//! aligned at its own `call_started`, which left the server at once and took half of that page's
//! round trip, where it has reported one.
//!
//! Where the desk has accepted for the agent nobody pressed: zero is its decision, and the agent's
//! page is aligned as the shopper's is.

use std::collections::BTreeMap;

use signaling_wire::{
    browser::{Role, Stage, StageMark, TimelineEntry},
    control::{CallEvent, MediaKind},
};

use crate::Millis;

/// Longest way from a page to the server that is believed, in milliseconds.
const MAX_ONE_WAY: f64 = 2_000.0;

/// Stages one page has reached, by its own clock. The set of stages bounds it.
pub(crate) type Marks = BTreeMap<Stage, f64>;

/// Adds what a page reports; what it reports last counts.
pub(crate) fn note(marks: &mut Marks, reported: &[StageMark]) {
    marks.extend(finite(reported));
}

fn finite(reported: &[StageMark]) -> impl Iterator<Item = (Stage, f64)> {
    reported.iter().filter(|mark| mark.at_ms.is_finite()).map(|mark| (mark.stage, mark.at_ms))
}

/// Forgets what belongs to one call only, so that the page's next call starts afresh.
pub(crate) fn keep_page_stages(marks: &mut Marks) {
    marks.retain(|stage, _| *stage <= Stage::Dtls);
}

/// Round trips from the pages to the server as far as they have reported them, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RoundTrips {
    pub(crate) shopper: f32,
    pub(crate) agent: f32,
}

/// A call's time line.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// From before a restart of the desk.
    earlier: Vec<TimelineEntry>,
    /// The server's and the node's stages, in milliseconds from when the accept arrived.
    server: BTreeMap<&'static str, f64>,
    shopper: Option<Marks>,
    agent: Option<Marks>,
    /// The agent's way to the server, from before their page was loaded again.
    up: f64,
}

impl Timeline {
    pub(crate) fn new(shopper: Marks, agent: Marks) -> Self {
        Self {
            earlier: Vec::new(),
            server: BTreeMap::new(),
            shopper: Some(shopper),
            agent: Some(agent),
            up: 0.0,
        }
    }

    pub(crate) fn restored(earlier: Vec<TimelineEntry>) -> Self {
        Self { earlier, ..Self::default() }
    }

    /// Adds a page's stages; what it reported first stays. False when nothing is new, or when
    /// the page's clock is another by now.
    pub(crate) fn page(&mut self, side: Role, reported: &[StageMark]) -> bool {
        let Some(marks) = self.side(side) else { return false };
        let before = marks.len();
        for (stage, at_ms) in finite(reported) {
            marks.entry(stage).or_insert(at_ms);
        }
        marks.len() > before
    }

    /// The page was loaded again: its clock has started anew. What it said so far stays.
    pub(crate) fn page_reloaded(&mut self, side: Role, trips: RoundTrips) {
        let entries = self.entries(trips);
        self.up = self.agent_up();
        if self.side(side).take().is_some() {
            self.earlier.extend(entries.into_iter().filter(|entry| entry.side == Some(side)));
        }
    }

    /// A stage of the server.
    pub(crate) fn server(&mut self, stage: &'static str, accepted: Millis, at: Millis) {
        self.server.entry(stage).or_insert(at.0 as f64 - accepted.0 as f64);
    }

    /// A stage of the node, counted from the bridge.
    pub(crate) fn node(&mut self, event: CallEvent, from: Role, at_us: u64) {
        let stage = match (event, from) {
            (CallEvent::Bridged, _) => "bridged",
            (CallEvent::FirstPacket { kind: MediaKind::Audio }, Role::Shopper) => {
                "first_audio_packet_of_shopper"
            }
            (CallEvent::FirstPacket { kind: MediaKind::Audio }, Role::Agent) => {
                "first_audio_packet_of_agent"
            }
            (CallEvent::FirstPacket { kind: MediaKind::Video }, Role::Shopper) => {
                "first_video_packet_of_shopper"
            }
            (CallEvent::FirstPacket { kind: MediaKind::Video }, Role::Agent) => {
                "first_video_packet_of_agent"
            }
            (CallEvent::FirstKeyFrame, Role::Shopper) => "first_key_frame_of_shopper",
            (CallEvent::FirstKeyFrame, Role::Agent) => "first_key_frame_of_agent",
            (CallEvent::Stalled, _) => return,
        };
        if let Some(bridge) = self.server.get("bridge").copied() {
            self.server.entry(stage).or_insert(bridge + at_us as f64 / 1_000.0);
        }
    }

    fn side(&mut self, side: Role) -> &mut Option<Marks> {
        match side {
            Role::Shopper => &mut self.shopper,
            Role::Agent => &mut self.agent,
        }
    }

    /// Half a round trip of the agent's page, in milliseconds.
    fn agent_up(&self) -> f64 {
        match (at(&self.agent, Stage::Accept), at(&self.agent, Stage::CallStarted)) {
            (Some(accept), Some(started)) => ((started - accept) / 2.0).clamp(0.0, MAX_ONE_WAY),
            _ => self.up,
        }
    }

    /// All stages in order of time.
    pub(crate) fn entries(&self, trips: RoundTrips) -> Vec<TimelineEntry> {
        let accept = at(&self.agent, Stage::Accept);
        let up = self.agent_up();
        let down = |trip: f32| (f64::from(trip) / 2.0).clamp(0.0, MAX_ONE_WAY);
        let started = |side, trip| Some(at(side, Stage::CallStarted)? - up - down(trip));
        // By the pages' clocks: the moment of the press on Accept, or of the desk's decision.
        let agent_zero = accept.or_else(|| started(&self.agent, trips.agent));
        let shopper_zero = started(&self.shopper, trips.shopper);

        let mut entries = self.earlier.clone();
        for (side, marks, zero) in
            [(Role::Agent, &self.agent, agent_zero), (Role::Shopper, &self.shopper, shopper_zero)]
        {
            let (Some(marks), Some(zero)) = (marks, zero) else { continue };
            entries.extend(marks.iter().map(|(stage, at)| TimelineEntry {
                side: Some(side),
                stage: name(*stage).to_owned(),
                at_ms: at - zero,
            }));
        }
        entries.extend(self.server.iter().map(|(stage, at)| TimelineEntry {
            side: None,
            stage: (*stage).to_owned(),
            at_ms: at + up,
        }));
        entries.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
        entries
    }
}

/// When a page reached a stage, by its own clock.
fn at(marks: &Option<Marks>, stage: Stage) -> Option<f64> {
    marks.as_ref()?.get(&stage).copied()
}

/// The stage's name as in the protocol.
fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::PageReady => "page_ready",
        Stage::Socket => "socket",
        Stage::Welcome => "welcome",
        Stage::LegOffer => "leg_offer",
        Stage::LegAnswer => "leg_answer",
        Stage::Ice => "ice",
        Stage::Dtls => "dtls",
        Stage::Join => "join",
        Stage::Ring => "ring",
        Stage::Accept => "accept",
        Stage::CallStarted => "call_started",
        Stage::TracksAttached => "tracks_attached",
        Stage::FirstFrame => "first_frame",
        Stage::FirstAudio => "first_audio",
    }
}

#[cfg(test)]
mod tests;
