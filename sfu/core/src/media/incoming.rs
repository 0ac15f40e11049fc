//! A publisher's packet on its way to the viewer's leg.

use std::{ops::Range, time::Duration};

use arrayvec::ArrayVec;

use super::clock::RtpClock;
use crate::{
    api::MediaKind,
    rtp::{Layer, Ssrc},
    sdp::{Codec, Extension},
};

/// Most header extensions passed on with one packet: all that we know.
pub(super) const MAX_PASSED: usize = Extension::ALL.len();

/// A publisher's packet, taken apart. Offsets are into the packet that
/// [`MediaLeg::receive_rtp`](super::MediaLeg::receive_rtp) was given; both go to
/// [`MediaLeg::forward`](super::MediaLeg::forward) of the viewer's leg.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub(super) codec: Codec,
    pub(super) source: SourceId,
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) starts_key_frame: bool,
    pub(super) layer: Layer,
    pub(super) payload: Range<usize>,
    pub(super) extensions: ArrayVec<(Extension, Range<u16>), MAX_PASSED>,
    pub(super) clock: Option<RtpClock>,
    /// How long repairs of this stream take on the publisher's way; zero where nearly none is
    /// needed.
    pub(super) repair: Duration,
    /// A queue of the publisher's own stands on its way, and will be gone soon.
    pub(super) queued: bool,
}

/// One numbering of one stream of a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceId {
    pub(super) ssrc: Ssrc,
    pub(super) generation: u32,
}

impl Incoming {
    /// Audio or video.
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    /// Whether all its offsets are within a packet of this length.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn is_within(&self, len: usize) -> bool {
        let extensions = self.extensions.iter().all(|(_, value)| usize::from(value.end) <= len);
        extensions && self.payload.start <= self.payload.end && self.payload.end <= len
    }

    /// Whether a viewer who has seen nothing can start with this packet.
    pub fn starts_key_frame(&self) -> bool {
        self.starts_key_frame
    }
}
