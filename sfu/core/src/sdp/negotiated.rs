//! What offer and answer agreed on.

use super::{Codec, ExtensionMap, Fingerprint};
use crate::{
    api::MediaKind,
    rtp::{PayloadType, Ssrc},
};

/// ICE user name fragment and password of one side.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User name fragment, 4 to 256 characters.
    pub ufrag: String,
    /// Password, 22 to 256 characters.
    pub pwd: String,
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// The SSRCs of the streams we send on a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalSsrcs {
    /// Audio.
    pub audio: Ssrc,
    /// Video.
    pub video: Ssrc,
    /// Retransmissions of video (RFC 4588).
    pub video_rtx: Ssrc,
}

/// Who sends, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// We may send.
    pub send: bool,
    /// The peer may send.
    pub receive: bool,
}

/// A payload type in one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadMapping {
    /// The payload type.
    pub payload_type: PayloadType,
    /// What it carries.
    pub codec: Codec,
    /// The payload type of its retransmissions.
    pub rtx: Option<PayloadType>,
    /// Whether generic NACK was negotiated for it.
    pub nack: bool,
}

/// A stream that the peer announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteStream {
    /// The media stream.
    pub ssrc: Ssrc,
    /// Its retransmissions, from `a=ssrc-group:FID`.
    pub rtx: Option<Ssrc>,
}

/// A served section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Audio or video.
    pub kind: MediaKind,
    /// Its identification tag, at most 16 bytes.
    pub mid: String,
    /// Who sends.
    pub direction: Direction,
    /// Payload types in the offerer's order of preference.
    pub payloads: Vec<PayloadMapping>,
    /// Header extensions, the same ids both ways.
    pub extensions: ExtensionMap,
    /// The peer's encoder obeys REMB.
    pub remb: bool,
    /// The stream that the peer announced, if it did.
    pub remote: Option<RemoteStream>,
}

impl Media {
    /// The mapping of a payload type.
    pub fn payload(&self, payload_type: PayloadType) -> Option<&PayloadMapping> {
        self.payloads.iter().find(|mapping| mapping.payload_type == payload_type)
    }

    /// The mapping whose retransmissions have this payload type.
    pub fn repaired_by(&self, rtx: PayloadType) -> Option<&PayloadMapping> {
        self.payloads.iter().find(|mapping| mapping.rtx == Some(rtx))
    }

    /// Where a stream of `codec` fits best.
    pub fn best_for(&self, codec: Codec) -> Option<&PayloadMapping> {
        self.payloads
            .iter()
            .filter_map(|mapping| Some((mapping.codec.accepts(codec)?, mapping)))
            .min_by_key(|(penalty, _)| *penalty)
            .map(|(_, mapping)| mapping)
    }
}

/// The agreed session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The peer's ICE credentials.
    pub ice: IceCredentials,
    /// The peer's certificate must match one of these.
    pub fingerprints: Vec<Fingerprint>,
    /// The audio section.
    pub audio: Option<Media>,
    /// The video section.
    pub video: Option<Media>,
    /// One-byte and two-byte header extensions may alternate (RFC 8285 §6).
    pub mixed_extensions: bool,
}

impl Negotiated {
    /// The section of a kind.
    pub fn media(&self, kind: MediaKind) -> Option<&Media> {
        match kind {
            MediaKind::Audio => self.audio.as_ref(),
            MediaKind::Video => self.video.as_ref(),
        }
    }
}
