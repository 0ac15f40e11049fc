//! The header of a forwarded packet.

use super::{Incoming, cache::Layout};
use crate::{
    rtp::{HeaderWriter, Ssrc},
    sdp::{Codec, Extension, Media, PayloadMapping},
};

/// The parts of the fixed header that differ from the publisher's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed {
    pub(super) mapping: PayloadMapping,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: Ssrc,
    /// Our own, where the publisher has none.
    pub(super) playout_delay: Option<[u8; 3]>,
}

/// VP8's payload says itself what a frame refers to. With the descriptor beside it Chromium believes the
/// descriptor, and before the first one with a structure has come, which is in one packet, it throws
/// everything away and takes it for received: nothing of that is ever asked for again.
fn is_described(codec: Codec) -> bool {
    codec == Codec::Vp8
}

/// Writes the header as the viewer agreed to it: its ids, our MID, and room for what is only known
/// when the packet is sent.
pub(super) fn write_header(
    buffer: &mut [u8],
    media: &Media,
    two_byte_allowed: bool,
    incoming: &Incoming,
    packet: &[u8],
    fixed: Fixed,
) -> Layout {
    let ids = &media.extensions;
    let passed = || {
        incoming.extensions.iter().filter_map(|(extension, value)| {
            if *extension == Extension::DependencyDescriptor && is_described(fixed.mapping.codec) {
                return None;
            }
            let value = packet.get(usize::from(value.start)..usize::from(value.end))?;
            Some((ids.id(*extension)?, value))
        })
    };
    let is_passed =
        incoming.extensions.iter().any(|(passed, _)| *passed == Extension::PlayoutDelay);
    let playout_delay = fixed.playout_delay.filter(|_| !is_passed);
    let own = [
        Extension::Mid,
        Extension::TransportSequence,
        Extension::AbsSendTime,
        Extension::PlayoutDelay,
    ];
    let two_byte = two_byte_allowed
        && (passed().any(|(id, value)| HeaderWriter::needs_two_byte(id, value.len()))
            || own.iter().filter_map(|own| ids.id(*own)).any(|id| id > 14));
    let mut header = HeaderWriter::new(buffer, two_byte);
    header.fixed(
        incoming.marker,
        fixed.mapping.payload_type,
        fixed.sequence,
        fixed.timestamp,
        fixed.ssrc,
    );
    let mut add = |extension, value: &[u8]| {
        let at = ids.id(extension).and_then(|id| header.extension(id, value));
        at.map_or(0, |at| at as u8)
    };
    add(Extension::Mid, media.mid.as_bytes());
    let transport_sequence_at = add(Extension::TransportSequence, &[0; 2]);
    let send_time_at = add(Extension::AbsSendTime, &[0; 3]);
    if let Some(value) = playout_delay {
        add(Extension::PlayoutDelay, &value);
    }
    for (id, value) in passed() {
        header.extension(id, value);
    }
    let needed = incoming.layer.is_needed();
    Layout { header_len: header.finish() as u8, transport_sequence_at, send_time_at, needed }
}
