//! The packet before the first one of a video stream.
//!
//! A browser asks for what is missing between packets that it has: the loss of a stream's very first
//! packet shows in no gap, and costs a new key frame. So an empty packet takes the number before, as
//! soon as the legs are joined, while the publisher has not sent anything yet.

use std::num::NonZeroU8;

use super::MediaLeg;
use crate::{api::MediaKind, rtp::HeaderWriter};

impl MediaLeg {
    /// Writes the opener of the video stream, once in the life of the leg: its number is used up, and
    /// what later publishers send follows other packets.
    pub(super) fn poll_opener(&mut self, out: &mut [u8]) -> Option<usize> {
        let forwarding = self.is_forwarding();
        let stream = &mut self.outbound.streams[MediaKind::Video as usize];
        if stream.opened || !forwarding {
            return None;
        }
        stream.opened = true;
        let (number, timestamp) = stream.before_first()?;
        let media = self.negotiated.video.as_ref().filter(|media| media.direction.send)?;
        let mut header = HeaderWriter::new(out, false);
        // Which payload type does not matter: nothing is in it.
        let payload_type = media.payloads.first()?.payload_type;
        header.fixed(false, payload_type, number, timestamp, stream.ssrc);
        Some(header.finish_empty(NonZeroU8::MIN))
    }
}
