//! The node registry and the choice of a node.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dashmap::DashMap;
use signaling_wire::{
    control::{LEASE_MS, LegReject, Load, NodeState, SignalingMessage},
    ids::{LegId, NodeId},
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

/// What a node is known to carry.
#[derive(Debug)]
struct Known {
    load: Load,
    at: Instant,
    /// Legs placed since that report: reported load is stale by construction.
    placed: u32,
}

/// A node with a live control link.
#[derive(Debug)]
pub struct Node {
    incarnation: Incarnation,
    region: String,
    capacity: u32,
    known: Mutex<Known>,
    commands: mpsc::Sender<SignalingMessage>,
    answers: DashMap<u64, oneshot::Sender<Result<String, LegReject>>>,
    next_request: AtomicU64,
}

impl Node {
    pub(super) fn new(
        incarnation: Incarnation,
        region: String,
        capacity: u32,
        load: Load,
        commands: mpsc::Sender<SignalingMessage>,
    ) -> Self {
        Self {
            incarnation,
            region,
            capacity,
            known: Mutex::new(Known { load, at: Instant::now(), placed: 0 }),
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

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heartbeat(&self, load: Load) {
        *self.known() = Known { load, at: Instant::now(), placed: 0 };
    }

    /// Share of its capacity in use, our own recent placements included; none when it must not
    /// be given anything.
    fn corrected_load(&self, now: Instant) -> Option<f32> {
        let known = self.known();
        let fresh = now.saturating_duration_since(known.at) < Duration::from_millis(LEASE_MS);
        if !fresh || known.load.state != NodeState::Serving || self.commands.is_closed() {
            return None;
        }
        let room = self.capacity as f32 * LEGS_PER_CALL;
        let share = (known.load.legs + known.placed) as f32 / room.max(1.0);
        (share < 1.0).then(|| share.max(known.load.busy))
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
        self.known().placed += 1;
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

/// How many nodes there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeStates {
    /// Taking new legs.
    pub serving: u32,
    /// Draining, full, or silent for longer than the lease.
    pub not_eligible: u32,
}

/// The nodes with a live control link.
#[derive(Debug, Default)]
pub struct Nodes {
    by_id: DashMap<NodeId, Arc<Node>>,
}

impl Nodes {
    /// The node, if its link is up.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<Arc<Node>> {
        self.by_id.get(&id).map(|node| Arc::clone(&node))
    }

    /// The node, if it may be given legs.
    #[must_use]
    pub fn eligible(&self, id: NodeId) -> Option<Arc<Node>> {
        self.get(id).filter(|node| node.corrected_load(Instant::now()).is_some())
    }

    /// The eligible node with the least corrected load.
    #[must_use]
    pub fn least_loaded(&self) -> Option<Arc<Node>> {
        let now = Instant::now();
        self.by_id
            .iter()
            .filter_map(|node| Some((node.corrected_load(now)?, Arc::clone(&node))))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, node)| node)
    }

    /// How many nodes there are of each kind.
    #[must_use]
    pub fn states(&self) -> NodeStates {
        let now = Instant::now();
        self.by_id.iter().fold(NodeStates::default(), |mut states, node| {
            match node.corrected_load(now) {
                Some(_) => states.serving += 1,
                None => states.not_eligible += 1,
            }
            states
        })
    }

    pub(super) fn insert(&self, node: Arc<Node>) {
        self.by_id.insert(node.incarnation.node, node);
    }

    /// Forgets the node unless a newer link has taken its place.
    pub(super) fn remove(&self, node: &Arc<Node>) {
        node.forget_requests();
        self.by_id.remove_if(&node.incarnation.node, |_, known| Arc::ptr_eq(known, node));
    }
}

#[cfg(test)]
mod tests {
    use signaling_wire::ids::NodeEpoch;

    use super::*;

    fn node(id: u128, load: Load) -> (Arc<Node>, mpsc::Receiver<SignalingMessage>) {
        let (commands, received) = mpsc::channel(COMMAND_QUEUE);
        let incarnation =
            Incarnation { node: NodeId::from_bits(id), epoch: NodeEpoch::from_bits(1) };
        (Arc::new(Node::new(incarnation, "local".to_owned(), 10, load, commands)), received)
    }

    fn load(legs: u32) -> Load {
        Load { state: NodeState::Serving, legs, calls: legs / 2, busy: 0.0 }
    }

    #[test]
    fn the_least_loaded_eligible_node_is_chosen() {
        let nodes = Nodes::default();
        assert!(nodes.least_loaded().is_none());
        let (busy, _busy_link) = node(1, load(6));
        let (idle, _idle_link) = node(2, load(2));
        let (draining, _draining_link) = node(3, Load { state: NodeState::Draining, ..load(0) });
        let (full, _full_link) = node(4, load(20));
        let (cut, cut_link) = node(5, load(0));
        drop(cut_link);
        for node in [&busy, &idle, &draining, &full, &cut] {
            nodes.insert(Arc::clone(node));
        }
        let chosen = nodes.least_loaded().expect("two are eligible");
        assert_eq!(chosen.incarnation(), idle.incarnation());
        assert_eq!(nodes.states(), NodeStates { serving: 2, not_eligible: 3 });
    }

    #[tokio::test]
    async fn placements_count_before_the_node_reports_them() {
        let nodes = Nodes::default();
        let (a, mut a_link) = node(1, load(2));
        let (b, _b_link) = node(2, load(3));
        nodes.insert(Arc::clone(&a));
        nodes.insert(Arc::clone(&b));
        for leg in 0..2 {
            let open = a.open(LegId::from_bits(leg), String::new());
            let answer = async {
                let Some(SignalingMessage::OpenLeg { request, .. }) = a_link.recv().await else {
                    panic!("an open command");
                };
                a.answered(request, Ok("answer".to_owned()));
            };
            let (opened, ()) = tokio::join!(open, answer);
            assert_eq!(opened.as_deref(), Ok("answer"));
        }
        let chosen = nodes.least_loaded().expect("eligible");
        assert_eq!(chosen.incarnation(), b.incarnation());
    }

    #[tokio::test]
    async fn a_lost_link_ends_the_wait_for_answers() {
        let nodes = Nodes::default();
        let (a, _link) = node(1, load(0));
        nodes.insert(Arc::clone(&a));
        let open = a.open(LegId::from_bits(1), String::new());
        let lose = async { nodes.remove(&a) };
        let (opened, ()) = tokio::join!(open, lose);
        assert_eq!(opened, Err(OpenError::NoAnswer));
        assert!(nodes.get(a.incarnation().node).is_none());
    }
}
