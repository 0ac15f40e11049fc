//! A look at what packets will need, before the first of them is taken.
//!
//! With hundreds of legs nothing of a leg is in the near caches any more when its next packets come, and neither are
//! the addresses of its pages. Found one by one, each such place costs a whole way to the far cache and back, for it is
//! known only when the one before has come. Places that are looked at together cost hardly more than one of them: a
//! processor fetches a dozen at a time. So those that a received batch needs are looked at first, and its packets are
//! taken then.
//!
//! What is read means nothing, it only has to be read: the functions mix it into a number, which ends in
//! [`std::hint::black_box`]. A place more or less changes nothing but time.

use super::{MediaLeg, send::SendStream};
use crate::api::MediaKind;

/// Bytes that are fetched at once: a line of the cache.
pub(super) const LINE: usize = 64;

/// Packets that came together from one peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// As it seems: only their length was looked at.
    pub(crate) kind: MediaKind,
    pub(crate) packets: usize,
    /// Of all of them.
    pub(crate) bytes: usize,
}

impl MediaLeg {
    /// What packets of the peer need of the leg itself.
    pub(crate) fn glance_inbound(&self) -> u64 {
        let inbound = &self.inbound;
        let streams = inbound.streams.iter().flatten();
        streams.fold(0, |seen, stream| seen ^ stream.glance())
            ^ inbound.glance()
            ^ u64::from(self.behind)
            ^ self.counters.packets_in
    }

    /// What packets of the peer need that the leg only points at.
    pub(crate) fn glance_beyond_inbound(&self, run: Run) -> u64 {
        let mapping = self.section(run.kind).and_then(|media| media.payloads.first());
        mapping.map_or(0, |mapping| mapping.payload_type.0.into())
            ^ self.inbound.arrivals.glance_places(run.packets)
    }

    /// What packets for the peer need of the leg itself.
    pub(crate) fn glance_outbound(&self, run: Run) -> u64 {
        let outbound = &self.outbound;
        glance_stream(&outbound.streams[run.kind as usize])
            ^ outbound.sent.glance()
            ^ outbound.estimator.bitrate()
            ^ u64::from(outbound.estimator.has_rivals())
            ^ u64::from(outbound.latest_media.is_some())
            ^ self.counters.packets_out
            ^ u64::from(self.report_due.is_some())
            ^ u64::from(self.negotiated.mixed_extensions)
            ^ u64::from(self.wishes.is_paused())
    }

    /// What packets for the peer need that the leg only points at.
    pub(crate) fn glance_beyond_outbound(&self, run: Run) -> u64 {
        let stream = &self.outbound.streams[run.kind as usize];
        let mid = self.section(run.kind).and_then(|media| media.mid.as_bytes().first());
        mid.map_or(0, |&mid| mid.into())
            ^ stream.cache.glance_places(stream.highest + 1, run.packets, run.bytes)
            ^ self.outbound.sent.glance_places(run.packets)
    }
}

fn glance_stream(stream: &SendStream) -> u64 {
    stream.highest
        ^ stream.backlog.len() as u64
        ^ u64::from(stream.packets)
        ^ u64::from(stream.key.is_some())
        ^ u64::from(stream.source.is_some())
        ^ stream.cache.slots() as u64
}
