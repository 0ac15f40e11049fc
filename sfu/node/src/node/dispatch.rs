//! The task between links and workers.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use sfu_core::api::{ChannelId, Command, Hop, Port};
use signaling_wire::{
    control::{CarriedCall, Load, MAX_PEERS, NodeMessage, NodeState, PeerRtt, SignalingMessage},
    ids::LegId,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval, sleep_until},
};

use super::{
    registry::{Crossing, LinkId, Order, Registry},
    ways::Ways,
};
use crate::{
    relay::Relay,
    worker::{Happening, Input, WorkerEvent, Workers},
};

/// How often load is read from the workers, which copy it out as often.
const REFRESH: Duration = Duration::from_secs(1);

/// A worker that has copied out nothing for this long hangs.
const HUNG: Duration = Duration::from_secs(5);

/// How long a stopping node waits for its workers to close their legs.
const CLOSING: Duration = Duration::from_secs(2);

/// What links tell the dispatcher.
#[derive(Debug)]
pub(crate) enum ToDispatch {
    /// A link wants to register.
    Hello { link: LinkId, reply: oneshot::Sender<Hello> },
    /// A link is registered; `messages` is the way back.
    Up { link: LinkId, messages: mpsc::Sender<NodeMessage> },
    /// A link is lost. Ends no call.
    Down { link: LinkId },
    /// Take nothing more, or take legs again.
    Drain { on: bool, reply: oneshot::Sender<Load> },
    /// Signaling says something; `at` is when it arrived.
    Said { link: LinkId, at: Instant, message: SignalingMessage },
}

/// What a link needs to register.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) legs: Vec<LegId>,
    pub(crate) calls: Vec<CarriedCall>,
    pub(crate) load: Load,
}

/// How the node is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Status {
    pub(crate) load: Load,
    /// Registered links.
    pub(crate) links: usize,
    /// Whether every worker runs and answers.
    pub(crate) whole: bool,
}

impl Status {
    /// A node without legs and links.
    pub(crate) fn starting() -> Self {
        let load = Load { state: NodeState::Serving, legs: 0, calls: 0, busy: 0.0 };
        Self { load, links: 0, whole: true }
    }
}

/// The dispatcher: owns the registry, carries out its orders.
pub(super) struct Dispatch {
    workers: Workers,
    registry: Registry,
    links: HashMap<LinkId, mpsc::Sender<NodeMessage>>,
    events: mpsc::Receiver<WorkerEvent>,
    commands: mpsc::Receiver<ToDispatch>,
    status: watch::Sender<Status>,
    started: Instant,
    ways: Ways,
    relay: Relay,
    /// Signaling instances that bridge between nodes: they are told how far those are.
    relaying: HashSet<LinkId>,
    /// Links that a worker has been told the way to.
    told: HashSet<(Port, Hop)>,
    busy: f32,
    hung: bool,
}

impl Dispatch {
    pub(super) fn new(
        workers: Workers,
        events: mpsc::Receiver<WorkerEvent>,
        commands: mpsc::Receiver<ToDispatch>,
        status: watch::Sender<Status>,
        ways: Ways,
        relay: Relay,
    ) -> Self {
        Self {
            registry: Registry::new(workers.peers.len()),
            workers,
            links: HashMap::new(),
            events,
            commands,
            status,
            started: Instant::now(),
            ways,
            relay,
            relaying: HashSet::new(),
            told: HashSet::new(),
            busy: 0.0,
            hung: false,
        }
    }

    /// Runs until told to stop, closes the legs, and hands back the workers, told to stop.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Workers {
        let mut refresh = interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Also when the node was dropped.
                _ = stop.wait_for(|&stop| stop) => break,
                Some(event) = self.events.recv() => self.happened(event),
                Some(command) = self.commands.recv() => self.command(command),
                _ = refresh.tick() => self.refresh(),
            }
            self.carry_out();
        }
        self.close_legs().await;
        self.workers
    }

    fn happened(&mut self, event: WorkerEvent) {
        if let Happening::Core(event) = &event.what {
            self.ways.observe(event);
        }
        self.registry.event(event);
    }

    async fn close_legs(&mut self) {
        self.registry.stop();
        self.carry_out();
        let deadline = tokio::time::Instant::now() + CLOSING;
        while !self.registry.is_empty() {
            tokio::select! {
                Some(event) = self.events.recv() => self.happened(event),
                () = sleep_until(deadline) => {
                    tracing::warn!("not every leg could be closed in time");
                    break;
                }
            }
            self.carry_out();
        }
        for peer in self.workers.peers.iter() {
            // Refused by a worker that is down, and that needs no stopping.
            let _ = peer.mailbox.tell(Input::Stop);
        }
    }

    fn command(&mut self, command: ToDispatch) {
        match command {
            ToDispatch::Hello { link, reply } => {
                let hello = Hello {
                    legs: self.registry.legs_of(link),
                    calls: self.registry.calls_of(link),
                    load: self.registry.load(self.busy),
                };
                // Fails when the link was lost meanwhile.
                let _ = reply.send(hello);
            }
            ToDispatch::Up { link, messages } => {
                self.links.insert(link, messages);
                self.registry.link_up(link);
            }
            ToDispatch::Down { link } => {
                self.links.remove(&link);
                self.relaying.remove(&link);
            }
            ToDispatch::Said { link, at, message } => {
                if let SignalingMessage::BridgeRemote { .. } | SignalingMessage::Meet { .. } =
                    message
                {
                    self.relaying.insert(link);
                }
                if let SignalingMessage::Meet { peers } = message {
                    return self.relay.meet(peers);
                }
                self.registry.command(at, link, message);
            }
            ToDispatch::Drain { on, reply } => {
                self.registry.drain(on);
                // Whoever asked may have given up.
                let _ = reply.send(self.registry.load(self.busy));
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(order) = self.registry.poll_order() {
            match order {
                Order::Tell(port, input) => self.tell(port, input),
                Order::Cross(port, crossing) => self.cross(port, crossing),
                Order::Uncross(node, channel) => self.relay.link(node).unroute(channel),
                Order::Say(link, message) => self.say(link, message),
            }
        }
        let status = Status {
            load: self.registry.load(self.busy),
            links: self.links.len(),
            whole: self.registry.is_whole() && !self.hung,
        };
        self.status.send_if_modified(|seen| {
            let changed = *seen != status;
            *seen = status;
            changed
        });
    }

    fn tell(&mut self, port: Port, input: Input) {
        let told = self.workers.peers[usize::from(port.0)].mailbox.tell(input);
        if let Err(input) = told {
            self.registry.refused(input);
        }
    }

    /// Has a worker bridge a call with another node. The way there comes before the bridge, and
    /// the route back after it: what arrives earlier waits with the link.
    fn cross(&mut self, port: Port, crossing: Crossing) {
        let Crossing { call, epoch, leg, remote, node, addresses } = crossing;
        let link = self.relay.link(node);
        link.reach(addresses);
        let hop = link.hop();
        if self.told.insert((port, hop)) {
            self.tell(port, Input::Way { hop, way: link.way() });
        }
        let command = Command::BridgeRemote { call, epoch, leg, remote, hop };
        self.tell(port, Input::Command(command));
        link.route(ChannelId::of(call, epoch), port);
    }

    /// Says something on a link. A link that is down is told how its legs are when it comes back.
    fn say(&mut self, link: LinkId, message: NodeMessage) {
        let Some(messages) = self.links.get(&link) else { return };
        if messages.try_send(message).is_err() {
            // Dropping the sender ends the link; it is dialed again and starts afresh.
            tracing::warn!(%link, "signaling takes no messages: the link is cut");
            self.links.remove(&link);
        }
    }

    fn refresh(&mut self) {
        let now = Instant::now();
        self.busy = 0.0;
        let mut hung = false;
        for peer in self.workers.peers.iter() {
            let stats = peer.stats.read();
            self.busy = self.busy.max(stats.busy);
            hung |= now.saturating_duration_since(stats.at.unwrap_or(self.started)) > HUNG;
        }
        if hung && !self.hung {
            tracing::error!("a worker hangs: the node is not ready");
        }
        self.hung = hung;
        self.tell_of_peers();
    }

    /// Says how far other nodes are.
    fn tell_of_peers(&mut self) {
        if self.relaying.is_empty() {
            return;
        }
        let rtts: Vec<PeerRtt> = self.relay.round_trips().take(MAX_PEERS).collect();
        for link in self.relaying.clone() {
            self.say(link, NodeMessage::Peers { rtts: rtts.clone() });
        }
    }
}
