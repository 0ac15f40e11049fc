//! The two seats of a call and the plan they follow.

use std::time::Duration;

use signaling_wire::{
    browser::{Role, Stage},
    ids::CallId,
};

use super::{
    Action, Credentials, Failure, Input, Marks, Step,
    seat::{Seat, State},
};

/// How a call is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How long both sides talk once both see and hear each other.
    pub hold: Duration,
    /// Longest wait in any one step before the call counts as failed.
    pub patience: Duration,
    /// Whether there are pictures; with sound alone, sound is enough to be connected.
    pub video: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { hold: Duration::from_secs(5), patience: Duration::from_secs(10), video: true }
    }
}

/// How the call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every step was done.
    Completed,
    /// One was not.
    Failed(Failure),
}

/// A synthetic shopper, a synthetic agent and their call.
#[derive(Debug)]
pub struct Pair {
    plan: Plan,
    shopper: Seat,
    agent: Seat,
    phase: Phase,
    /// When the phase fails, or when it ends by plan.
    deadline: Duration,
    call: Option<CallId>,
    /// When the shopper hung up, and when both pages knew that the call is over.
    hung_up: (Option<Duration>, Option<Duration>),
    actions: Vec<(Role, Action)>,
}

/// Where the call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Both pages open their socket and warm their leg.
    Warming,
    /// The shopper has joined; the agent becomes available when the shopper is in the queue.
    Queueing,
    /// Both wait for the call to start on both sides.
    Connecting,
    /// The call is on; one side does not see or hear the other yet.
    Starting,
    /// Both see and hear each other.
    Holding,
    /// No more media is sent; what is on its way may arrive.
    Settling,
    /// The shopper has hung up.
    Ending,
    /// Over.
    Over(Outcome),
}

/// Time for packets on their way to arrive, repairs included, before the shopper hangs up.
/// Otherwise every call would end with a few packets lost by design.
const SETTLE: Duration = Duration::from_millis(500);

impl Pair {
    /// A call about to begin at `now`.
    pub fn new(plan: Plan, shopper: Credentials, agent: Credentials, now: Duration) -> Self {
        let mut pair = Self {
            plan,
            shopper: Seat::new(shopper, plan.video),
            agent: Seat::new(agent, plan.video),
            phase: Phase::Warming,
            deadline: now + plan.patience,
            call: None,
            hung_up: (None, None),
            actions: Vec::new(),
        };
        pair.collect();
        pair
    }

    /// Something happened at a seat.
    pub fn handle(&mut self, now: Duration, side: Role, input: Input) {
        if matches!(self.phase, Phase::Over(_)) {
            return;
        }
        let result = self.seat_mut(side).handle(now, input);
        self.collect();
        match result {
            Ok(()) => self.advance(now),
            Err(failure) => self.end(Outcome::Failed(failure)),
        }
    }

    /// The time of [`Pair::next_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Duration) {
        if let Some((side, since)) = self.away()
            && now >= since + self.plan.patience
        {
            let reason = "the page lost its WebSocket and did not come back to its seat";
            return self.end(Outcome::Failed(Failure::new(Step::Socket, Some(side), reason)));
        }
        if now < self.deadline {
            return;
        }
        match self.phase {
            Phase::Over(_) => {}
            Phase::Holding => self.settle(now),
            Phase::Settling => {
                self.hang_up(now);
                self.enter(Phase::Ending, now + self.plan.patience);
            }
            Phase::Warming
            | Phase::Queueing
            | Phase::Connecting
            | Phase::Starting
            | Phase::Ending => {
                let (side, step) = self.late();
                let reason = format!("nothing for {} s", self.plan.patience.as_secs_f32());
                self.end(Outcome::Failed(Failure::new(step, Some(side), reason)));
            }
        }
    }

    /// The operator wants the call to end now: hang up, if there is something to hang up.
    pub fn stop(&mut self, now: Duration) {
        match self.phase {
            Phase::Holding => self.settle(now),
            Phase::Starting => {
                self.hang_up(now);
                self.enter(Phase::Ending, now + self.plan.patience);
            }
            Phase::Settling | Phase::Ending | Phase::Over(_) => {}
            Phase::Warming | Phase::Queueing | Phase::Connecting => {
                let (side, step) = self.late();
                self.end(Outcome::Failed(Failure::new(step, Some(side), "interrupted")));
            }
        }
    }

    /// When [`Pair::handle_timeout`] is to be called; none when the call is over.
    pub fn next_timeout(&self) -> Option<Duration> {
        let back = self.away().map_or(Duration::MAX, |(_, since)| since + self.plan.patience);
        (!matches!(self.phase, Phase::Over(_))).then_some(self.deadline.min(back))
    }

    /// The page that has been without a socket for the longest.
    fn away(&self) -> Option<(Role, Duration)> {
        [&self.shopper, &self.agent]
            .into_iter()
            .filter_map(|seat| Some((seat.role(), seat.away_since()?)))
            .min_by_key(|(_, since)| *since)
    }

    /// What is to be done now, in order.
    pub fn take_actions(&mut self) -> Vec<(Role, Action)> {
        std::mem::take(&mut self.actions)
    }

    /// How it went, once it is over.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether both sides have seen and heard each other, and still are in the call.
    pub fn holding(&self) -> bool {
        matches!(self.phase, Phase::Holding)
    }

    /// The call, once it has started.
    pub fn call(&self) -> Option<CallId> {
        self.call
    }

    /// From hanging up to the end that both pages were told of; none if nobody hung up.
    pub fn hang_up_took(&self) -> Option<Duration> {
        let (began, over) = self.hung_up;
        Some(over?.saturating_sub(began?))
    }

    /// The stage that makes a side connected: its first picture, or with sound alone its first
    /// sound.
    pub fn connected_by(&self) -> Stage {
        if self.plan.video { Stage::FirstFrame } else { Stage::FirstAudio }
    }

    /// The stages a side has reached.
    pub fn marks(&self, side: Role) -> &Marks {
        match side {
            Role::Shopper => self.shopper.marks(),
            Role::Agent => self.agent.marks(),
        }
    }

    /// How long a side's page was without its seat, each time that it came back.
    pub fn rejoined(&self, side: Role) -> &[Duration] {
        match side {
            Role::Shopper => self.shopper.rejoined(),
            Role::Agent => self.agent.rejoined(),
        }
    }

    fn seat_mut(&mut self, side: Role) -> &mut Seat {
        match side {
            Role::Shopper => &mut self.shopper,
            Role::Agent => &mut self.agent,
        }
    }

    /// Goes on as far as both seats allow.
    fn advance(&mut self, now: Duration) {
        if let (State::InCall { call, .. }, _) | (_, State::InCall { call, .. }) =
            (self.shopper.state(), self.agent.state())
        {
            self.call = Some(*call);
        }
        let over = |state: &State| matches!(state, State::Ended { .. } | State::Done);
        if self.phase == Phase::Ending && over(self.shopper.state()) && over(self.agent.state()) {
            self.hung_up.1.get_or_insert(now);
        }
        let patience = now + self.plan.patience;
        match (&self.phase, self.shopper.state(), self.agent.state()) {
            (Phase::Warming, State::Warm, State::Warm) => {
                self.shopper.enter(now);
                self.enter(Phase::Queueing, patience);
            }
            // Only now is the agent available: had it been so earlier, a real shopper could have
            // been put through to a machine.
            (Phase::Queueing, State::Waiting { queued: true }, _) => {
                self.agent.enter(now);
                self.enter(Phase::Connecting, patience);
            }
            (
                Phase::Connecting,
                State::InCall { call: shoppers, .. },
                State::InCall { call: agents, .. },
            ) => {
                if shoppers == agents {
                    self.enter(Phase::Starting, patience);
                    self.advance(now);
                } else {
                    let reason = format!("the shopper is in {shoppers}, the agent in {agents}");
                    self.end(Outcome::Failed(Failure::new(Step::Start, None, reason)));
                }
            }
            (
                Phase::Starting,
                State::InCall { audio: true, picture: shopper_sees, .. },
                State::InCall { audio: true, picture: agent_sees, .. },
            ) if !self.plan.video || *shopper_sees && *agent_sees => {
                self.enter(Phase::Holding, now + self.plan.hold)
            }
            (Phase::Ending, State::Done, State::Done) => self.end(Outcome::Completed),
            (
                Phase::Connecting | Phase::Starting | Phase::Holding | Phase::Settling,
                State::Done,
                _,
            )
            | (
                Phase::Connecting | Phase::Starting | Phase::Holding | Phase::Settling,
                _,
                State::Ended { .. } | State::Done,
            ) => {
                let reason = "the server ended the call";
                self.end(Outcome::Failed(Failure::new(Step::Hold, None, reason)));
            }
            _ => {}
        }
    }

    fn hang_up(&mut self, now: Duration) {
        self.hung_up.0 = Some(now);
        self.shopper.hang_up();
    }

    fn settle(&mut self, now: Duration) {
        self.shopper.stop_media();
        self.agent.stop_media();
        self.enter(Phase::Settling, now + SETTLE);
    }

    /// Which seat is behind, and in what.
    fn late(&self) -> (Role, Step) {
        let (shopper, agent) = (self.shopper.step(), self.agent.step());
        let (side, step) =
            if agent < shopper { (Role::Agent, agent) } else { (Role::Shopper, shopper) };
        match (&self.phase, self.agent.state()) {
            // Once the shopper is in the queue, it is the agent's console that does not ring.
            (Phase::Connecting, State::Waiting { .. }) => (Role::Agent, Step::Ring),
            (Phase::Connecting, State::Accepted) => (Role::Agent, Step::Start),
            (Phase::Connecting, _) => (Role::Shopper, Step::Start),
            (Phase::Ending, _) if step < Step::HangUp => (side, Step::HangUp),
            _ => (side, step),
        }
    }

    fn enter(&mut self, phase: Phase, deadline: Duration) {
        self.phase = phase;
        self.deadline = deadline;
        self.collect();
    }

    fn end(&mut self, outcome: Outcome) {
        self.shopper.close();
        self.agent.close();
        self.phase = Phase::Over(outcome);
        self.collect();
    }

    fn collect(&mut self) {
        for seat in [&mut self.shopper, &mut self.agent] {
            let side = seat.role();
            self.actions.extend(seat.take_actions().into_iter().map(|action| (side, action)));
        }
    }
}

#[cfg(test)]
mod tests;
