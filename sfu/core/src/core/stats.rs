//! What a core counts.

use crate::media::{Counters, relay::RelayCounters};

/// Counters since the start, copied out once a second. Cumulative, so a lost copy is harmless.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreStats {
    /// Legs now.
    pub legs: u64,
    /// Of them, those that are sent to over TCP.
    pub tcp_legs: u64,
    /// Legs now whose handshake is done.
    pub warm_legs: u64,
    /// Calls now.
    pub calls: u64,
    /// Calls now whose other leg is on another node.
    pub relayed_calls: u64,
    /// What went between this node and others.
    pub relay: RelayCounters,
    /// Datagrams received, whatever became of them.
    pub received: Traffic,
    /// Datagrams handed out to be sent.
    pub sent: Traffic,
    /// Received datagrams that had no effect, by reason.
    pub dropped: Drops,
    /// Datagrams passed on to the worker that has the leg now.
    pub passed_on: u64,
    /// Validated connectivity checks.
    pub checks: u64,
    /// Answered checks of pages that measure how far this node is.
    pub measured: u64,
    /// Packets of ours that could not be protected; above zero means a defect.
    pub unsealed: u64,
    /// What the legs' media halves have counted, closed legs included.
    pub media: Counters,
}

/// Datagrams and their bytes, UDP payload only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams.
    pub datagrams: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    pub(super) fn add(&mut self, len: usize) {
        self.datagrams += 1;
        self.bytes += len as u64;
    }
}

/// Datagrams that had no effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// Neither STUN nor DTLS nor RTP by its first byte (RFC 7983), or not well-formed as what it
    /// claims to be.
    pub malformed: u64,
    /// STUN for a user name fragment that is not ours.
    pub unknown_ufrag: u64,
    /// STUN without the leg's password, or with the wrong half of the user name.
    pub unauthenticated_check: u64,
    /// STUN that was authentic when it was said first, and is said again from elsewhere.
    pub replayed_check: u64,
    /// Authentic STUN of pages that measure, beyond what is answered in a second.
    pub too_many_measuring: u64,
    /// STUN from a peer that claims to be the controlled side. It was told.
    pub role_conflict: u64,
    /// DTLS or RTP from an address that has not passed a connectivity check.
    pub unknown_source: u64,
    /// DTLS that does not fit the handshake or the association.
    pub dtls: u64,
    /// RTP or RTCP before the handshake was done.
    pub no_keys: u64,
    /// RTP or RTCP whose tag does not verify.
    pub srtp_auth: u64,
    /// RTP or RTCP seen before.
    pub srtp_replay: u64,
    /// Answers to checks that were not sent because the queue for them was full.
    pub answer_queue_full: u64,
    /// DTLS that was not taken, and handshakes not begun, because too much of it waits. Both are
    /// tried again.
    pub handshake_queue_full: u64,
}

impl Drops {
    /// All reasons with their counts, named as in metrics.
    pub fn by_reason(&self) -> [(&'static str, u64); 13] {
        [
            ("malformed", self.malformed),
            ("unknown_ufrag", self.unknown_ufrag),
            ("unauthenticated_check", self.unauthenticated_check),
            ("replayed_check", self.replayed_check),
            ("too_many_measuring", self.too_many_measuring),
            ("role_conflict", self.role_conflict),
            ("unknown_source", self.unknown_source),
            ("dtls", self.dtls),
            ("no_keys", self.no_keys),
            ("srtp_auth", self.srtp_auth),
            ("srtp_replay", self.srtp_replay),
            ("answer_queue_full", self.answer_queue_full),
            ("handshake_queue_full", self.handshake_queue_full),
        ]
    }
}
