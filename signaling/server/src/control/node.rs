//! One node: what it said about itself, what it carries, and what it is asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dashmap::DashMap;
use signaling_desk::NodeHealth;
use signaling_wire::{
    browser::CandidateNode,
    control::{
        LEASE_MS, LegReject, Load, Measure, NodeState, Register, SILENT_MS, SignalingMessage,
    },
    ids::LegId,
    problem::Code,
};
use tokio::sync::{mpsc, oneshot};

use super::Incarnation;

/// Commands that may wait for a link. A node that is so far behind is not serving anyone.
pub(super) const COMMAND_QUEUE: usize = 1_024;

/// How long a node may take to answer an offer. It takes milliseconds; a page that waits longer
/// is better served by trying again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// Legs of a call.
const LEGS_PER_CALL: f32 = 2.0;

/// How much older than a round trip a placement has to be to be in the report that comes in now:
/// what the node may take to write it down.
const REPORT_SLACK: Duration = Duration::from_millis(50);

/// Addresses of a node that a page tries when it measures: one of each family, and as many inside
/// a private network.
const MEASURED_ADDRESSES: usize = 4;

/// Why a leg could not be opened or restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No node is registered, or all are full or draining.
    #[error("no node can take a leg")]
    NoNode,
    /// The node did not answer in time, or its link was lost.
    #[error("the node did not answer")]
    NoAnswer,
    /// The node refused.
    #[error("the node refused: {0:?}")]
    Rejected(LegReject),
}

impl OpenError {
    /// What a page is told.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::NoNode | Self::Rejected(LegReject::NoCapacity) => Code::NoNode,
            Self::NoAnswer => Code::Unavailable,
            Self::Rejected(LegReject::BadOffer) => Code::OfferRejected,
            Self::Rejected(LegReject::UnknownLeg) => Code::NotFound,
        }
    }
}

/// Whether a node may be given legs, and why not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Eligibility {
    /// It may; the share of its capacity in use, recent placements included.
    Eligible(f32),
    /// It takes nothing new.
    Draining,
    /// It has no room.
    Full,
    /// Nothing has been heard of it for longer than the lease.
    Silent,
}

impl Eligibility {
    /// One lower-case word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eligible(_) => "serving",
            Self::Draining => "draining",
            Self::Full => "full",
            Self::Silent => "silent",
        }
    }
}

/// What a node is known to carry.
#[derive(Debug)]
struct Known {
    load: Load,
    at: Instant,
    /// When legs were placed that may not be in that report: reported load is stale by
    /// construction.
    placed: VecDeque<Instant>,
    /// Of the control link, when the report came.
    rtt: Duration,
}

/// A node with a live control link.
#[derive(Debug)]
pub struct Node {
    incarnation: Incarnation,
    region: String,
    version: String,
    addresses: Vec<SocketAddr>,
    measure: Option<Measure>,
    capacity: u32,
    known: Mutex<Known>,
    commands: mpsc::Sender<SignalingMessage>,
    answers: DashMap<u64, oneshot::Sender<Result<String, LegReject>>>,
    next_request: AtomicU64,
}

impl Node {
    /// A node as it registered; `rtt` is the control link's round trip.
    pub(super) fn new(
        register: Register,
        rtt: Duration,
        commands: mpsc::Sender<SignalingMessage>,
    ) -> Self {
        let Register { node, epoch, region, version, addresses, capacity, load, measure, .. } =
            register;
        let known = Known { load, at: Instant::now(), placed: VecDeque::new(), rtt };
        Self {
            incarnation: Incarnation { node, epoch },
            region,
            version,
            addresses,
            measure,
            capacity,
            known: Mutex::new(known),
            commands,
            answers: DashMap::new(),
            next_request: AtomicU64::new(1),
        }
    }

    /// Which start of which node.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Where it stands.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The version of its software.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether its software is of our version.
    #[must_use]
    pub fn is_same_version(&self) -> bool {
        self.version == env!("CARGO_PKG_VERSION")
    }

    /// Where pages reach it.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What a page needs to measure its round trip to it; none when it answers no such checks.
    #[must_use]
    pub fn to_measure(&self) -> Option<CandidateNode> {
        let Measure { ufrag, pwd } = self.measure.clone()?;
        let mut addresses: Vec<SocketAddr> = Vec::new();
        // The first worker's; the others are as far away.
        for address in &self.addresses {
            if addresses.len() < MEASURED_ADDRESSES
                && addresses.iter().all(|known| known.ip() != address.ip())
            {
                addresses.push(*address);
            }
        }
        let (node, region) = (self.incarnation.node, self.region.clone());
        Some(CandidateNode { node, region, addresses, ufrag, pwd })
    }

    /// Most calls it should be given.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest report.
    #[must_use]
    pub fn load(&self) -> Load {
        self.known().load
    }

    /// How old the latest report is.
    #[must_use]
    pub fn report_age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.known().at)
    }

    /// Round trip of the control link.
    #[must_use]
    pub fn control_rtt(&self) -> Duration {
        self.known().rtt
    }

    /// How it is, as far as its link tells.
    pub(super) fn health(&self, now: Instant) -> NodeHealth {
        match self.load().state {
            _ if self.commands.is_closed() => NodeHealth::Lost,
            _ if self.report_age(now) >= Duration::from_millis(SILENT_MS) => NodeHealth::Silent,
            NodeState::Draining => NodeHealth::Draining,
            NodeState::Serving => NodeHealth::Well,
        }
    }

    /// A report has come; `rtt` is the control link's round trip.
    pub(super) fn heartbeat(&self, now: Instant, load: Load, rtt: Duration) {
        let mut known = self.known();
        let seen = rtt + REPORT_SLACK;
        known.placed.retain(|placed| now.saturating_duration_since(*placed) < seen);
        (known.load, known.at, known.rtt) = (load, now, rtt);
    }

    /// Whether it may be given legs.
    #[must_use]
    pub fn eligibility(&self, now: Instant) -> Eligibility {
        let known = self.known();
        let fresh = now.saturating_duration_since(known.at) < Duration::from_millis(LEASE_MS);
        if !fresh || self.commands.is_closed() {
            return Eligibility::Silent;
        }
        if known.load.state != NodeState::Serving {
            return Eligibility::Draining;
        }
        let room = (self.capacity as f32 * LEGS_PER_CALL).max(1.0);
        let legs = known.load.legs as f32 + known.placed.len() as f32;
        if legs >= room {
            return Eligibility::Full;
        }
        // What the placed legs will cost is what the others do.
        let busy = known.load.busy * legs / known.load.legs.max(1) as f32;
        Eligibility::Eligible((legs / room).max(busy.min(1.0)))
    }

    /// A leg is about to be asked for.
    fn place(&self) {
        self.known().placed.push_back(Instant::now());
    }

    /// Sends a command that needs no answer. False when the link is lost or hopelessly behind.
    pub fn send(&self, command: SignalingMessage) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// Opens a leg and waits for its answer.
    ///
    /// # Errors
    /// When the node refuses or does not answer in time.
    pub async fn open(&self, leg: LegId, sdp: String) -> Result<String, OpenError> {
        self.place();
        self.request(|request| SignalingMessage::OpenLeg { request, leg, sdp }).await
    }

    /// Restarts a leg's ICE and waits for the answer.
    ///
    /// # Errors
    /// As [`Node::open`].
    pub async fn restart(&self, leg: LegId, sdp: String) -> Result<String, OpenError> {
        self.request(|request| SignalingMessage::RestartLeg { request, leg, sdp }).await
    }

    async fn request(
        &self,
        command: impl FnOnce(u64) -> SignalingMessage,
    ) -> Result<String, OpenError> {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.answers.insert(request, sender);
        let result = if self.send(command(request)) {
            match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
                Ok(Ok(answer)) => answer.map_err(OpenError::Rejected),
                Ok(Err(_)) | Err(_) => Err(OpenError::NoAnswer),
            }
        } else {
            Err(OpenError::NoAnswer)
        };
        self.answers.remove(&request);
        result
    }

    /// An answer has come. One that nobody waits for any more is dropped.
    pub(super) fn answered(&self, request: u64, answer: Result<String, LegReject>) {
        if let Some((_, sender)) = self.answers.remove(&request) {
            // The asker may have given up this instant.
            let _ = sender.send(answer);
        }
    }

    /// The link is lost: nobody needs to wait for answers.
    pub(super) fn forget_requests(&self) {
        self.answers.clear();
    }
}
