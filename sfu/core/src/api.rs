//! The values that go in and out of a [`Core`](crate::Core).
//!
//! Everything here is plain data: a shell can log it, queue it between threads or replay it.

use std::net::SocketAddr;

use bytes::Bytes;

/// A participant's transport on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u128);

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u128);

/// A call's way between two nodes, as both name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u64);

impl ChannelId {
    /// The channel of one bridge. Both nodes come to the same without talking about it; ids of
    /// calls are random, so that two of them do not collide.
    pub fn of(call: CallId, epoch: Epoch) -> Self {
        // The 64-bit golden ratio spreads neighbouring epochs far apart.
        let spread = u64::from(epoch.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self((call.0 as u64) ^ (call.0 >> 64) as u64 ^ spread)
    }
}

/// One of the node's links to other nodes. The core passes it through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop(pub u16);

/// Counts the bridges of one call; a command about an older one is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u32);

/// One of the node's UDP sockets. The socket of worker `i` is port `i`.
///
/// A leg keeps the port on which its peer reached it, even when the leg itself has moved to
/// another worker: to the peer's NAT and ICE agent the path must stay the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(pub u16);

/// A TCP connection over which a page reaches the node. Counted by the shell; a number is never
/// used twice.
///
/// Unlike a UDP port it belongs to one leg, and moves with it from worker to worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Our end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// One of our UDP sockets.
    Udp(Port),
    /// A connection that the peer has made (RFC 6544, we are the passive side).
    Tcp(ConnectionId),
}

/// Both ends of a way between a peer and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Our end.
    pub via: Via,
    /// The peer's.
    pub remote: SocketAddr,
}

impl Path {
    /// By one of our UDP sockets.
    pub fn udp(port: Port, remote: SocketAddr) -> Self {
        Self { via: Via::Udp(port), remote }
    }

    /// By a TCP connection.
    pub fn tcp(connection: ConnectionId, remote: SocketAddr) -> Self {
        Self { via: Via::Tcp(connection), remote }
    }

    /// The connection, if it is one.
    pub fn connection(self) -> Option<ConnectionId> {
        match self.via {
            Via::Udp(_) => None,
            Via::Tcp(connection) => Some(connection),
        }
    }
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Opus.
    Audio,
    /// VP8, VP9, H.264 or AV1.
    Video,
}

/// What the shell asks of the core.
#[derive(Debug)]
pub enum Command {
    /// Open a leg from a page's SDP offer. Answered by [`Event::Answer`] or [`Event::Rejected`].
    OpenLeg {
        /// The new leg; unique for ever.
        leg: LegId,
        /// The offer.
        offer: String,
    },
    /// ICE restart from a new offer: same DTLS association and media state, new credentials.
    /// Answered like `OpenLeg`.
    RestartLeg {
        /// The leg.
        leg: LegId,
        /// The offer.
        offer: String,
    },
    /// Close a leg at once (DTLS `close_notify` is sent).
    CloseLeg {
        /// The leg.
        leg: LegId,
    },
    /// Forward media between two legs. Both must live in this core.
    Bridge {
        /// The call.
        call: CallId,
        /// Its epoch; a bridge with a higher one replaces the former.
        epoch: Epoch,
        /// The two legs.
        legs: [LegId; 2],
    },
    /// Forward media between a leg of this core and one on another node.
    BridgeRemote {
        /// The call.
        call: CallId,
        /// Its epoch; a bridge with a higher one replaces the former.
        epoch: Epoch,
        /// The leg here.
        leg: LegId,
        /// The leg there.
        remote: LegId,
        /// The way to that node.
        hop: Hop,
    },
    /// Hold each publisher here whose call leads over a hop to a bitrate, whatever its viewer asks
    /// for: the way to that node is too narrow for all of them.
    LimitHop {
        /// The way to the other node.
        hop: Hop,
        /// Bit/s, audio included; `None` ends the limit.
        bitrate: Option<u64>,
    },
    /// The way to another node stands, or does not any more. While it does, media of a new bridge leaves at once: the
    /// other node is bridged a moment earlier or later, and what comes too early waits there.
    Hop {
        /// The way to the other node.
        hop: Hop,
        /// Whether it stands.
        is_up: bool,
    },
    /// Stop forwarding. The legs stay warm.
    Unbridge {
        /// The call.
        call: CallId,
        /// The epoch meant; a newer bridge stays.
        epoch: Epoch,
    },
    /// Take over a leg that another worker's core gave away with
    /// [`Core::release`](crate::Core::release).
    Adopt(Box<crate::ReleasedLeg>),
}

/// What the core tells the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The SDP answer for an opened or restarted leg.
    Answer {
        /// The leg.
        leg: LegId,
        /// The answer, with every candidate.
        sdp: String,
    },
    /// The leg could not be opened or restarted. An existing leg is untouched.
    Rejected {
        /// The leg.
        leg: LegId,
        /// Why.
        reason: RejectReason,
    },
    /// The first ICE check of the leg has been validated.
    Connected {
        /// The leg.
        leg: LegId,
    },
    /// DTLS is done: media can flow.
    Warm {
        /// The leg.
        leg: LegId,
        /// DTLS version.
        dtls: DtlsVersion,
        /// SRTP profile.
        srtp: SrtpProfile,
    },
    /// Nothing authenticated has come from the peer for a while (the leg lives on).
    Silent {
        /// The leg.
        leg: LegId,
    },
    /// The leg is gone.
    Closed {
        /// The leg.
        leg: LegId,
        /// Why.
        reason: CloseReason,
    },
    /// A step in a call's life.
    Call {
        /// The call.
        call: CallId,
        /// Its epoch.
        epoch: Epoch,
        /// The publisher it is about.
        leg: LegId,
        /// The step.
        step: CallStep,
    },
    /// The video to a viewer was paused, or flows again, because of what the way to it can carry.
    /// Both pages should say so; audio is not touched. A call begins with [`VideoState::Flowing`],
    /// which is not told.
    Video {
        /// The call.
        call: CallId,
        /// The viewer's leg: the one whose way is too narrow.
        leg: LegId,
        /// What is so from now on.
        state: VideoState,
    },
    /// The way from a page may carry more than its browser has found out by itself: the page should let it
    /// try. At most once in 0.7 seconds.
    Room {
        /// The call.
        call: CallId,
        /// The page's leg.
        leg: LegId,
        /// No more than this is to be tried, bit/s; `None` where that is not known.
        up_to: Option<u64>,
    },
    /// Quality of a bridged leg; every two seconds and at the end of the bridge.
    Quality {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// The figures.
        quality: Quality,
    },
}

/// A step in a call's life. The times between them are measured by whoever reads the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStep {
    /// The bridge is in place.
    Bridged,
    /// The first packet of this kind from the publisher was forwarded.
    FirstPacket(MediaKind),
    /// The publisher's first complete key frame was forwarded.
    FirstKeyFrame,
}

/// Whether a viewer gets the publisher's video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoState {
    /// It does.
    Flowing,
    /// The way to it carries audio and too little besides.
    Paused,
}

/// Why a leg cannot be opened or restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// The SDP cannot be parsed or lacks what a call needs.
    #[error("the offer cannot be served")]
    BadOffer,
    /// There is no such leg, or there is one already.
    #[error("the leg is unknown, or known already")]
    WrongLeg,
    /// The core carries as many legs as it may.
    #[error("no room for another leg")]
    Full,
}

/// Why a leg is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The shell asked for it.
    Asked,
    /// ICE consent expired (RFC 7675).
    ConsentLost,
    /// No check was validated in time.
    NeverConnected,
    /// DTLS failed, or the certificate does not match the fingerprint in the SDP.
    DtlsFailed,
    /// The peer closed its DTLS association.
    PeerClosed,
}

/// DTLS version of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtlsVersion {
    /// RFC 6347.
    V1_2,
    /// RFC 9147.
    V1_3,
}

/// SRTP protection profile of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpProfile {
    /// RFC 7714.
    AeadAes128Gcm,
    /// RFC 7714, with a 256-bit key.
    AeadAes256Gcm,
    /// RFC 3711 with an 80-bit tag.
    AesCm128HmacSha1_80,
}

/// Quality of a leg since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// Smoothed round trip to the peer in milliseconds.
    pub rtt_ms: f32,
    /// Share of the peer's packets lost on the way here, before repair, 0 to 1.
    pub loss_up: f32,
    /// Share of our packets lost on the way to the peer, as it reports, 0 to 1.
    pub loss_down: f32,
    /// From the peer, kbit/s.
    pub up_kbps: f32,
    /// To the peer, kbit/s.
    pub down_kbps: f32,
    /// Estimate of what the way to the peer can carry, kbit/s.
    pub estimate_kbps: f32,
    /// What the publisher whom the peer watches is held to, kbit/s; 0 if it is told nothing.
    pub target_kbps: f32,
    /// Longest that a packet to the peer waited here for its turn, milliseconds.
    pub queue_ms: f32,
    /// Share of the packets to the peer that were dropped here instead of being sent too late, 0
    /// to 1.
    pub dropped: f32,
}

/// A datagram to send.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// From where and to whom. Only paths that passed an authenticated STUN check are ever sent to.
    pub path: Path,
    /// The bytes, valid until the next call on the core.
    pub data: &'a [u8],
}

/// Datagrams of one length that came together from one sender; the last may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// From where.
    pub from: SocketAddr,
    /// Length of the first.
    pub datagram: usize,
    /// Of all together.
    pub bytes: usize,
}

/// Room for any datagram that a core sends.
pub const MAX_TRANSMIT: usize = 2_048;

/// What became of a received datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Taken, or dropped and counted: nothing is left to do.
    Done,
    /// It belongs to a leg that has moved to the worker with this port: pass it on unchanged. What
    /// came over TCP is passed on with its connection, which belongs to that leg alone.
    Forward(Port),
}

/// How a core is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// This worker's own socket.
    pub port: Port,
    /// Candidate addresses that reach this worker's socket, best first.
    pub candidates: Vec<SocketAddr>,
    /// TCP candidate addresses that reach this node, best first: for pages that UDP does not reach
    /// it from. None: it is not offered.
    pub tcp_candidates: Vec<SocketAddr>,
    /// Most legs at a time.
    pub max_legs: usize,
    /// Seed of the core's randomness (SSRCs, ufrags). Passwords come from it as well, so it must
    /// be drawn from the system's generator in production.
    pub seed: [u8; 32],
    /// The DTLS certificate and key of the node, shared by its workers.
    pub certificate: crate::Certificate,
    /// With what pages that have no leg here may measure their round trip; none: they may not.
    pub measuring: Option<Measuring>,
}

/// ICE credentials for measuring the round trip to a node, the same for all its workers.
#[derive(Clone, PartialEq, Eq)]
pub struct Measuring {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

impl Measuring {
    /// Fresh ones. The randomness must come from the system's generator in production.
    pub fn random(rng: &mut impl rand::Rng) -> Self {
        let (ufrag, pwd) = crate::ice::LocalCredentials::random_texts(rng);
        Self { ufrag, pwd }
    }
}

impl std::fmt::Debug for Measuring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measuring").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// An owned datagram, for queues between workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// On which socket it arrived.
    pub port: Port,
    /// From whom.
    pub from: SocketAddr,
    /// The bytes.
    pub data: Bytes,
}
