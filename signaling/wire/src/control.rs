//! Node ↔ signaling: JSON frames on one bidirectional QUIC stream that the node opens.
//!
//! A frame is a 32-bit big-endian length and that many bytes of JSON, at most
//! [`crate::limits::MAX_CONTROL_FRAME`]. Order on the stream is the order of events.
//!
//! Both ends prove that they know the cluster secret: an HMAC over keying material exported from
//! the TLS session they are on, with a label for each direction. A man in the middle has another
//! TLS session, so its proof is worthless.
//!
//! A lost control link means "no new legs on that node", never "end its calls": the node keeps
//! forwarding, dials again with the same [`NodeEpoch`] and lists what it still carries.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    figure,
    ids::{CallId, LegId, NodeEpoch, NodeId},
};

/// ALPN of the control link.
pub const ALPN: &[u8] = b"vitrine-control/1";
/// ALPN of the link between signaling instances, on the same port as the control link.
pub const ALPN_INSTANCE: &[u8] = b"vitrine-instance/1";
/// Label of the keying material export that the proofs are computed over.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-vitrine-control";
/// What the node's proof is an HMAC-SHA-256 of, followed by the exported material.
pub const PROOF_NODE: &[u8] = b"vitrine node";
/// What the proof of an instance that follows another is an HMAC-SHA-256 of, likewise.
pub const PROOF_INSTANCE: &[u8] = b"vitrine instance";
/// What signaling's proof is an HMAC-SHA-256 of, followed by the exported material.
pub const PROOF_SIGNALING: &[u8] = b"vitrine signaling";

/// What a node says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NodeMessage {
    /// First frame.
    Register(Box<Register>),
    /// Every [`HEARTBEAT_MS`], and at once when the state changes.
    Heartbeat(Load),
    /// Answer to [`SignalingMessage::OpenLeg`] and [`SignalingMessage::RestartLeg`].
    LegAnswer {
        /// From the request.
        request: u64,
        /// The leg.
        leg: LegId,
        /// The SDP answer with every candidate.
        sdp: String,
    },
    /// The leg cannot be opened or restarted.
    LegRejected {
        /// From the request.
        request: u64,
        /// The leg.
        leg: LegId,
        /// Why.
        reason: LegReject,
    },
    /// A leg changed.
    LegState {
        /// The leg.
        leg: LegId,
        /// What it is now.
        state: LegState,
    },
    /// Something happened in a call.
    CallEvent {
        /// The call.
        call: CallId,
        /// The call's epoch from the bridge command.
        epoch: u32,
        /// Which leg it is about.
        leg: LegId,
        /// What happened.
        event: CallEvent,
        /// Microseconds since the bridge command of this epoch arrived at the node.
        at_us: u64,
    },
    /// Whether the network lets a leg have the other side's picture. Said when it changes; a call
    /// begins with it.
    LegVideo {
        /// The viewer's leg.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The epoch of its bridge.
        epoch: u32,
        /// The way to this leg is too narrow for a picture: sound goes on alone.
        paused: bool,
    },
    /// The way from a page may carry more than its browser has found out: the page should let it try.
    LegRoom {
        /// The page's leg.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The epoch of its bridge.
        epoch: u32,
        /// No more than this is to be tried, kbit/s; absent where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_to_kbps: Option<u32>,
    },
    /// How far other nodes are, of those that this one has a relay link to. Said every second,
    /// to an instance that has sent [`SignalingMessage::BridgeRemote`].
    Peers {
        /// Round trips, at most [`MAX_PEERS`].
        rtts: Vec<PeerRtt>,
    },
    /// Answer to [`SignalingMessage::Lead`]: all that this node carries, whoever ordered it. How each
    /// leg is follows as [`NodeMessage::LegState`].
    Carries {
        /// From the question.
        term: u64,
        /// Every leg.
        legs: Vec<LegId>,
        /// Every bridged call.
        calls: Vec<CarriedCall>,
    },
    /// Quality of a leg in a call, every few seconds and once at its end.
    LegQuality {
        /// The leg.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The figures.
        quality: LegQuality,
    },
}

/// What signaling says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SignalingMessage {
    /// The node is known from now on.
    Registered {
        /// The protocol number of signaling.
        protocol: u16,
        /// HMAC that proves that signaling knows the cluster secret.
        proof: String,
    },
    /// The node is refused; the link closes.
    Refused {
        /// Why, for the node's log.
        reason: String,
    },
    /// Of several instances this one decides from now on. The node tells it of all its legs and
    /// calls, and does no longer what an instance with a lower term, or with none, says. A single
    /// instance never says it.
    Lead {
        /// Counts the instances that ever led.
        term: u64,
    },
    /// Open a leg.
    OpenLeg {
        /// Comes back in the answer.
        request: u64,
        /// The leg.
        leg: LegId,
        /// The page's SDP offer.
        sdp: String,
    },
    /// ICE restart of a leg.
    RestartLeg {
        /// Comes back in the answer.
        request: u64,
        /// The leg.
        leg: LegId,
        /// The page's SDP offer.
        sdp: String,
    },
    /// Close a leg.
    CloseLeg {
        /// The leg.
        leg: LegId,
    },
    /// Join two legs into a call: from now on media is forwarded between them. A second bridge
    /// with a higher epoch replaces the first (one side came back with a new leg).
    Bridge {
        /// The call.
        call: CallId,
        /// Counts the call's bridges from 1.
        epoch: u32,
        /// The two legs.
        legs: [LegId; 2],
    },
    /// Join a leg of this node and one on another node into a call: media travels between the two
    /// nodes. Both nodes are told, each with its own leg, the same call and the same epoch.
    /// Replaces and is replaced like [`SignalingMessage::Bridge`].
    BridgeRemote {
        /// The call.
        call: CallId,
        /// Counts the call's bridges from 1.
        epoch: u32,
        /// The leg on this node.
        leg: LegId,
        /// The other end.
        remote: Remote,
    },
    /// Other nodes that have registered, as each of them may have to carry a call together with this one.
    /// Connections to them are made now, so that no call waits for one.
    Meet {
        /// At most [`MAX_PEERS`]; a node that relays nothing is not among them.
        peers: Vec<Peer>,
    },
    /// Take nothing more, so that signaling can move what there is to other nodes; or take legs
    /// again. An operator wants it so; the node says [`NodeState::Draining`] to everybody.
    Drain {
        /// Take nothing more.
        on: bool,
    },
    /// End a call's forwarding. The legs stay.
    Unbridge {
        /// The call.
        call: CallId,
        /// The epoch it is about; a newer bridge stays.
        epoch: u32,
    },
}

/// Milliseconds between heartbeats. Three of them missed make a node suspect
/// ([`SILENT_MS`]), and a suspect node costs the people of its calls their picture.
pub const HEARTBEAT_MS: u64 = 250;

/// Milliseconds without a heartbeat after which a node is suspect: when its pages hear nothing from
/// it either, their calls move.
pub const SILENT_MS: u64 = 3 * HEARTBEAT_MS;

/// The far end of a call between two nodes. The nodes prove to each other that they know the
/// cluster secret, as they do to signaling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// The leg there.
    pub leg: LegId,
    /// The node.
    pub node: NodeId,
    /// Where it takes relay connections, best first; see [`Register::relay`].
    pub addresses: Vec<SocketAddr>,
}

/// Another node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The node.
    pub node: NodeId,
    /// Where it takes relay connections, best first; see [`Register::relay`].
    pub addresses: Vec<SocketAddr>,
}

/// Other nodes in one [`NodeMessage::Peers`] or [`SignalingMessage::Meet`]: more than regions that one shop serves.
pub const MAX_PEERS: usize = 64;

/// Round trip to another node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PeerRtt {
    /// The other node.
    pub node: NodeId,
    /// Milliseconds.
    #[serde(deserialize_with = "figure::read")]
    pub rtt_ms: f32,
}

/// Milliseconds without a heartbeat after which a node gets no new legs.
pub const LEASE_MS: u64 = 3_000;

/// A node's first words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// The protocol number of the node.
    pub protocol: u16,
    /// The node.
    pub node: NodeId,
    /// This start of its process.
    pub epoch: NodeEpoch,
    /// Where it stands, for example `eu-west`.
    pub region: String,
    /// Version of its software.
    pub version: String,
    /// Public media addresses, one for each worker and address family.
    pub addresses: Vec<SocketAddr>,
    /// Where other nodes reach it, best first. Empty for a node that carries no calls between
    /// nodes.
    #[serde(default)]
    pub relay: Vec<SocketAddr>,
    /// Most calls it should be given.
    pub capacity: u32,
    /// Load and state at this moment.
    pub load: Load,
    /// Legs it carries, after a lost link.
    pub legs: Vec<LegId>,
    /// Calls that it has bridged, after a lost link.
    #[serde(default)]
    pub calls: Vec<CarriedCall>,
    /// HMAC that proves that the node knows the cluster secret.
    pub proof: String,
    /// With what pages may measure their round trip to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
}

/// ICE credentials that a node answers connectivity checks for without there being a leg. They are
/// good for this start of its process.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

impl std::fmt::Debug for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measure").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// A call that a node has bridged, all of it or one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedCall {
    /// The call.
    pub call: CallId,
    /// The epoch of its bridge.
    pub epoch: u32,
    /// Its legs, as they were ordered.
    pub ends: CarriedEnds,
}

/// The legs of a call that a node has bridged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarriedEnds {
    /// The shopper's and the agent's, both on this node.
    Here([LegId; 2]),
    /// One is on another node.
    Across {
        /// The leg on this node.
        leg: LegId,
        /// The other end.
        remote: Remote,
    },
}

impl CarriedCall {
    /// Both legs; of a call over two nodes in no particular order.
    pub fn legs(&self) -> [LegId; 2] {
        match &self.ends {
            CarriedEnds::Here(legs) => *legs,
            CarriedEnds::Across { leg, remote } => [*leg, remote.leg],
        }
    }

    /// What the node was told.
    pub fn command(&self) -> SignalingMessage {
        let (call, epoch) = (self.call, self.epoch);
        match &self.ends {
            CarriedEnds::Here(legs) => SignalingMessage::Bridge { call, epoch, legs: *legs },
            CarriedEnds::Across { leg, remote } => {
                let (leg, remote) = (*leg, remote.clone());
                SignalingMessage::BridgeRemote { call, epoch, leg, remote }
            }
        }
    }
}

/// Load and state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// What it may be given.
    pub state: NodeState,
    /// Open legs.
    pub legs: u32,
    /// Bridged calls.
    pub calls: u32,
    /// Busiest worker's share of a core, 0 to 1.
    #[serde(deserialize_with = "figure::read")]
    pub busy: f32,
}

/// What a node may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Legs and calls.
    Serving,
    /// Nothing new.
    Draining,
}

/// What a leg is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LegState {
    /// ICE has a working path.
    Connected,
    /// DTLS is done: media can flow.
    Warm {
        /// For example `1.3`.
        dtls: String,
        /// For example `AEAD_AES_128_GCM`.
        srtp: String,
    },
    /// Nothing has come from the page for a while.
    Silent,
    /// The leg is gone.
    Closed {
        /// Why.
        reason: LegEnd,
    },
}

/// Why a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegEnd {
    /// Signaling asked for it.
    Asked,
    /// ICE consent expired.
    ConsentLost,
    /// The page never connected.
    NeverConnected,
    /// DTLS failed, or the certificate is not the one in the SDP.
    DtlsFailed,
    /// The page closed its DTLS association.
    PeerClosed,
    /// The node is stopping.
    NodeStopping,
}

/// Why a leg cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegReject {
    /// The SDP cannot be served.
    BadOffer,
    /// The node is full or draining.
    NoCapacity,
    /// There is no such leg to restart.
    UnknownLeg,
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Opus.
    Audio,
    /// VP8, VP9, H.264 or AV1.
    Video,
}

/// What happened in a call. The leg in the message is the publisher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CallEvent {
    /// The bridge is in place on the worker.
    Bridged,
    /// First packet forwarded from the leg.
    FirstPacket {
        /// Of which kind.
        kind: MediaKind,
    },
    /// First key frame of the leg completely forwarded.
    FirstKeyFrame,
    /// The page did not send media (no packet) since the last report although it should.
    Stalled,
}

/// Quality of a leg, measured by the node.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LegQuality {
    /// Round trip to the page in milliseconds.
    #[serde(deserialize_with = "figure::read")]
    pub rtt_ms: f32,
    /// Share of packets lost on the way from the page, 0 to 1, before repair.
    #[serde(deserialize_with = "figure::read")]
    pub loss_up: f32,
    /// Share of packets lost on the way to the page, 0 to 1, as the page reports.
    #[serde(deserialize_with = "figure::read")]
    pub loss_down: f32,
    /// From the page, kbit/s.
    #[serde(deserialize_with = "figure::read")]
    pub up_kbps: f32,
    /// To the page, kbit/s.
    #[serde(deserialize_with = "figure::read")]
    pub down_kbps: f32,
    /// Estimate of what the way to the page can carry, kbit/s.
    #[serde(deserialize_with = "figure::read")]
    pub estimate_kbps: f32,
    /// What the other side was told to send at most, kbit/s; 0 when nothing was said.
    #[serde(deserialize_with = "figure::read")]
    pub target_kbps: f32,
    /// Longest wait of a packet for its turn on the way to the page, in milliseconds.
    #[serde(deserialize_with = "figure::read")]
    pub queue_ms: f32,
    /// Share of packets for the page that were dropped rather than sent late, 0 to 1.
    #[serde(deserialize_with = "figure::read")]
    pub dropped: f32,
}
