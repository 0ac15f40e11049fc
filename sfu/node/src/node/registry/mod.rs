//! Which leg and which call is on which worker, and who controls it.
//!
//! A state machine without threads or sockets: commands from links and events from workers go in,
//! [`Order`]s come out. It is what keeps commands in order while a leg moves between workers:
//!
//! ```text
//! Bridge ─► both legs on one worker? ─yes─► Bridge to that worker
//!                    │no
//!                    ▼
//!   Release to the younger leg's worker; whatever is said to the leg meanwhile is held
//!                    ▼
//!   Adopted ─► held commands, then Bridge, to the older leg's worker
//! ```
//!
//! The younger leg moves because the older one is the agent's as a rule: it lives for a whole
//! shift, and would wander over all workers call by call.

mod commands;
mod events;
#[cfg(feature = "miswire")]
mod miswire;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::Instant,
};

use sfu_core::api::{CallId, ChannelId, Command, Epoch, LegId, Port};
use signaling_wire::{
    control::{
        CarriedCall, CarriedEnds, LegEnd, LegReject, LegState, Load, NodeMessage, NodeState, Remote,
    },
    ids::{self, NodeId},
};

use super::translate;
use crate::worker::Input;

/// A signaling instance, by the first address at which the node dials it. It stays the same when
/// the link is lost and dialed again, also through the instance's other address family.
pub(crate) type LinkId = SocketAddr;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Order {
    /// Tell a worker something.
    Tell(Port, Input),
    /// Say something to a signaling instance.
    Say(LinkId, NodeMessage),
    /// Bridge a leg of a worker with one on another node.
    Cross(Port, Crossing),
    /// The way of a bridge to another node has ended.
    Uncross(NodeId, ChannelId),
}

/// A bridge to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crossing {
    pub(super) call: CallId,
    pub(super) epoch: Epoch,
    pub(super) leg: LegId,
    pub(super) remote: LegId,
    pub(super) node: NodeId,
    pub(super) addresses: Vec<SocketAddr>,
}

/// The legs, calls and workers of a node.
#[derive(Debug)]
pub(super) struct Registry {
    workers: Vec<Worker>,
    legs: HashMap<LegId, Leg>,
    calls: HashMap<CallId, Call>,
    opened: u64,
    /// The instance that leads, by its own word and term; none where there is only one.
    leader: Option<(u64, LinkId)>,
    draining: bool,
    stopping: bool,
    orders: VecDeque<Order>,
    #[cfg(feature = "miswire")]
    miswire: miswire::Miswire,
}

#[derive(Debug)]
struct Worker {
    legs: usize,
    up: bool,
}

#[derive(Debug)]
struct Leg {
    /// Who opened or restarted it last.
    owner: LinkId,
    /// Counts the legs of this node; the higher, the younger.
    opened: u64,
    /// Whether its first answer is out.
    answered: bool,
    /// Requests that the core has not answered, in their order, and who made them.
    requests: VecDeque<(LinkId, u64)>,
    /// What its owner was told last, told again after a lost link.
    state: Option<LegState>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    At(Port),
    /// On its way; what it is told meanwhile is held.
    Moving {
        from: Port,
        to: Port,
        held: Vec<Command>,
    },
}

#[derive(Debug)]
struct Call {
    owner: LinkId,
    epoch: Epoch,
    ends: Ends,
    /// When the bridge command arrived.
    commanded: Instant,
    stage: Stage,
    /// Where its former epoch is still bridged.
    former: Option<(Port, Epoch)>,
}

/// The two legs of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ends {
    /// Both on this node.
    Here([LegId; 2]),
    /// One here, the other on another node.
    Across(LegId, Remote),
}

impl Ends {
    /// Those on this node.
    fn here(&self) -> &[LegId] {
        match self {
            Self::Here(legs) => legs,
            Self::Across(leg, _) => std::slice::from_ref(leg),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A leg is on its way.
    Waiting,
    /// The worker has been told to bridge.
    On(Port),
    /// The worker has been told to stop; its last reports may still come.
    Ended,
}

impl Registry {
    /// No legs on this many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Worker { legs: 0, up: true }).collect(),
            legs: HashMap::new(),
            calls: HashMap::new(),
            opened: 0,
            leader: None,
            draining: false,
            stopping: false,
            orders: VecDeque::new(),
            #[cfg(feature = "miswire")]
            miswire: miswire::Miswire::default(),
        }
    }

    /// The next thing to do.
    pub(super) fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Load and state; `busy` is the busiest worker's share of a core.
    pub(super) fn load(&self, busy: f32) -> Load {
        let bridged = |call: &&Call| !matches!(call.stage, Stage::Ended);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Load {
            state: if self.takes_more() { NodeState::Serving } else { NodeState::Draining },
            legs: count(self.legs.len()),
            calls: count(self.calls.values().filter(bridged).count()),
            busy,
        }
    }

    /// Whether every worker runs.
    pub(super) fn is_whole(&self) -> bool {
        self.workers.iter().all(|worker| worker.up)
    }

    fn takes_more(&self) -> bool {
        !self.stopping && !self.draining && self.is_whole()
    }

    /// The legs that `link` controls.
    pub(super) fn legs_of(&self, link: LinkId) -> Vec<ids::LegId> {
        let owned = self.legs.iter().filter(|(_, leg)| leg.owner == link);
        owned.map(|(&id, _)| translate::leg_out(id)).collect()
    }

    /// The bridged calls that `link` controls.
    pub(super) fn calls_of(&self, link: LinkId) -> Vec<CarriedCall> {
        let owned = self.calls.iter().filter(|(_, call)| call.owner == link);
        let bridged = owned.filter(|(_, call)| !matches!(call.stage, Stage::Ended));
        bridged
            .map(|(&id, call)| CarriedCall {
                call: translate::call_out(id),
                epoch: call.epoch.0,
                ends: match &call.ends {
                    Ends::Here(legs) => CarriedEnds::Here(legs.map(translate::leg_out)),
                    Ends::Across(leg, remote) => CarriedEnds::Across {
                        leg: translate::leg_out(*leg),
                        remote: remote.clone(),
                    },
                },
            })
            .collect()
    }

    /// Hands everything to the instance that leads from now on.
    fn lead(&mut self, link: LinkId, term: u64) {
        if self.leader.is_some_and(|(known, _)| known > term) {
            return tracing::warn!(%link, term, "an instance of the past says that it leads");
        }
        tracing::info!(%link, term, "leads from now on");
        self.leader = Some((term, link));
        self.legs.values_mut().for_each(|leg| leg.owner = link);
        self.calls.values_mut().for_each(|call| call.owner = link);
        let (legs, calls) = (self.legs_of(link), self.calls_of(link));
        self.say(link, NodeMessage::Carries { term, legs, calls });
        self.link_up(link);
    }

    /// A link is up (again): tells it how its legs are, as it may have missed it.
    pub(super) fn link_up(&mut self, link: LinkId) {
        for (&id, leg) in self.legs.iter().filter(|(_, leg)| leg.owner == link) {
            if let Some(state) = leg.state.clone() {
                let message = NodeMessage::LegState { leg: translate::leg_out(id), state };
                self.orders.push_back(Order::Say(link, message));
            }
        }
    }

    /// Takes nothing more while `on`: signaling moves what there is to other nodes.
    pub(super) fn drain(&mut self, on: bool) {
        self.draining = on;
    }

    /// Takes nothing more and closes every leg.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        for leg in legs {
            self.tell(leg, Command::CloseLeg { leg });
        }
    }

    /// Whether no leg is left.
    pub(super) fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// A worker took nothing: its queue is full, or it is gone.
    pub(super) fn refused(&mut self, input: Input) {
        tracing::error!(?input, "a worker takes nothing: what it was told is lost");
        if let Input::Command(Command::OpenLeg { leg, .. } | Command::RestartLeg { leg, .. }) =
            input
        {
            self.reject(leg, LegReject::NoCapacity);
        }
    }

    /// Answers the oldest request about a leg with a refusal. A leg that never had an answer is
    /// forgotten.
    fn reject(&mut self, id: LegId, reason: LegReject) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let answered = leg.answered;
        if let Some((asker, request)) = leg.requests.pop_front() {
            self.say_rejected(asker, request, id, reason);
        }
        if !answered {
            self.forget(id);
        }
    }

    fn say_rejected(&mut self, to: LinkId, request: u64, leg: LegId, reason: LegReject) {
        let leg = translate::leg_out(leg);
        self.say(to, NodeMessage::LegRejected { request, leg, reason });
    }

    fn say_state(&mut self, id: LegId, state: LegState) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.state = Some(state.clone());
        let owner = leg.owner;
        self.say(owner, NodeMessage::LegState { leg: translate::leg_out(id), state });
    }

    fn say_gone(&mut self, to: LinkId, id: LegId, reason: LegEnd) {
        let state = LegState::Closed { reason };
        self.say(to, NodeMessage::LegState { leg: translate::leg_out(id), state });
    }

    fn say(&mut self, to: LinkId, message: NodeMessage) {
        self.orders.push_back(Order::Say(to, message));
    }

    /// Tells the worker of a leg, or holds it until the leg has arrived.
    fn tell(&mut self, leg: LegId, command: Command) {
        match self.legs.get_mut(&leg).map(|leg| &mut leg.place) {
            Some(Place::At(port)) => {
                self.orders.push_back(Order::Tell(*port, Input::Command(command)));
            }
            Some(Place::Moving { held, .. }) => held.push(command),
            None => {}
        }
    }

    /// Forgets a leg, and the calls that have no leg left.
    fn forget(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        let worker = match leg.place {
            Place::At(port) | Place::Moving { to: port, .. } => port,
        };
        self.workers[usize::from(worker.0)].legs -= 1;
        let legs = &self.legs;
        let gone: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| !call.ends.here().iter().any(|leg| legs.contains_key(leg)))
            .map(|(&call, _)| call)
            .collect();
        for call in gone {
            self.forget_call(call);
        }
        Some(leg)
    }

    /// Forgets a call, and its way to another node.
    fn forget_call(&mut self, id: CallId) {
        if let Some(call) = self.calls.remove(&id) {
            self.uncross(id, &call);
        }
    }

    /// The way of a bridge to another node has ended, if it had one.
    fn uncross(&mut self, id: CallId, call: &Call) {
        if let Ends::Across(_, remote) = &call.ends {
            let channel = ChannelId::of(id, call.epoch);
            self.orders.push_back(Order::Uncross(remote.node, channel));
        }
    }
}
