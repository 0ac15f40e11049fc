//! Where a page's media may go: nodes to measure, relays to fall back on.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{figure, ids::NodeId};

/// A round trip that a page measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasuredNode {
    /// To which node.
    pub node: NodeId,
    /// Milliseconds.
    #[serde(deserialize_with = "figure::read")]
    pub rtt_ms: f32,
}

/// A TURN server as a page's `RTCPeerConnection` takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Where it is: `turn:` and `turns:` URLs (RFC 7065).
    pub urls: Vec<String>,
    /// When the credential expires, in seconds since the Unix epoch, and a random name.
    pub username: String,
    /// The password that goes with it.
    pub credential: String,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// A node to which the page should measure its round trip: an ICE-lite agent that answers
/// connectivity checks with these credentials and does nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateNode {
    /// The node.
    pub node: NodeId,
    /// Where it stands.
    pub region: String,
    /// Its UDP addresses, of both families if it has both.
    pub addresses: Vec<SocketAddr>,
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}
