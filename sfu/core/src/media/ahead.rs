//! Asking what the way to the peer carries while no call is on it (decision 0064).
//!
//! What is sent is padding in the stream of repeats (RFC 3550 §5.1, RFC 4588), as browsers probe their own way: the peer's
//! transport feedback tells when it came, and nothing of it reaches a decoder.

use std::{num::NonZeroU8, time::Instant};

use super::{MediaLeg, outbound::Outbound, padding::Run};
use crate::{
    api::MediaKind, bwe::ProbeId, rtcp::transport_feedback::TransportFeedback, rtp::HeaderWriter,
    sdp::Extension,
};

/// A packet has as much padding as its length can say.
const PADDING: NonZeroU8 = NonZeroU8::MAX;
/// What a packet has on the wire beside itself, in bytes: IPv4, UDP and an SRTP tag. With small packets that counts.
const ON_THE_WIRE: usize = 20 + 8 + 16;

impl MediaLeg {
    /// Writes the next packet that only asks, if one is due.
    pub(super) fn poll_ahead(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if self.ahead_due().is_none_or(|due| due > now) {
            return None;
        }
        let outbound = &mut self.outbound;
        if outbound.asking.is_none() {
            outbound.asking = outbound.ahead.poll(now).map(|probe| Run::filled(now, probe));
            outbound.sent.expect_few();
        }
        let asking = outbound.asking.as_mut()?;
        if let Some((packets, bytes)) = asking.complete() {
            outbound.ahead.sent(packets, bytes);
            outbound.asking = None;
            return None;
        }
        if !asking.is_due(now) {
            return None;
        }
        let len = self.write_padding(now, out)?;
        self.outbound.asking.as_mut()?.sent(len + ON_THE_WIRE);
        self.counters.probe_packets += 1;
        self.counters.probe_bytes += len as u64;
        Some(len)
    }

    /// When [`Self::poll_ahead`] has something to do.
    pub(super) fn ahead_due(&self) -> Option<Instant> {
        if self.is_forwarding() || !self.can_ask() {
            return None;
        }
        Some(self.outbound.asking.map_or(self.outbound.ahead.due(), |asking| asking.wake()))
    }

    /// A call begins: feedback is about its packets from now on. What the way carries, if that is known to be little, bit/s.
    pub(super) fn stop_asking(&mut self, now: Instant) -> Option<f64> {
        self.outbound.asking = None;
        self.outbound.sent.forget();
        self.outbound.ahead.begin(now)
    }

    /// The peer tells what came of a burst.
    pub(super) fn on_answer(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        let Outbound { sent, ahead, .. } = &mut self.outbound;
        sent.on_feedback(feedback, |result| ahead.on_packet(result), |_| {});
        // Nothing is under way until the next one, half a minute later.
        if ahead.end_feedback(now) {
            sent.forget();
        }
    }

    /// The peer tells of what it gets, and takes repeats.
    fn can_ask(&self) -> bool {
        self.negotiated.video.as_ref().is_some_and(|media| {
            media.direction.send
                && media.extensions.id(Extension::TransportSequence).is_some()
                && media.payloads.iter().any(|payload| payload.rtx.is_some())
        })
    }

    fn write_padding(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let media = self.negotiated.video.as_ref()?;
        let payload_type = media.payloads.iter().find_map(|payload| payload.rtx)?;
        let transport = media.extensions.id(Extension::TransportSequence)?;
        let rtx = self.outbound.streams[MediaKind::Video as usize].rtx.as_mut()?;
        let mut header = HeaderWriter::new(out, false);
        header.fixed(false, payload_type, rtx.sequence, 0, rtx.ssrc);
        let at = header.extension(transport, &[0; 2])?;
        if let Some(id) = media.extensions.id(Extension::Mid) {
            header.extension(id, media.mid.as_bytes());
        }
        let len = header.finish_empty(PADDING);
        rtx.sequence = rtx.sequence.wrapping_add(1);
        let sequence = self.outbound.sent.next(now, len + ON_THE_WIRE, Some(ProbeId::AHEAD), None);
        out[at..at + 2].copy_from_slice(&sequence.to_be_bytes());
        Some(len)
    }
}
