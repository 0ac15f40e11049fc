//! Legs from browsers' offers, and packets as browsers send them.

use std::time::Instant;

pub(super) use crate::media::agreed::{CHROMIUM, FIREFOX, NODE, leg_of, nack, negotiated};
use crate::{
    api::MediaKind,
    media::{MAX_PACKET, MediaLeg, Outgoing},
    rtp::{Header, PayloadType, Ssrc},
    sdp::{Codec, LocalSsrcs, RemoteStream},
};

pub(super) const SAFARI: &str = include_str!("../../sdp/fixtures/safari-like.sdp");

pub(super) fn leg(offer: &str, now: Instant) -> MediaLeg {
    leg_of(negotiated(offer), NODE, now)
}

/// The page's end of a leg: the same agreement seen from the other side.
pub(super) fn page(offer: &str, now: Instant) -> MediaLeg {
    let mut negotiated = negotiated(offer);
    let own = |media: &Option<crate::sdp::Media>| media.as_ref().unwrap().remote.unwrap();
    let (audio, video) = (own(&negotiated.audio), own(&negotiated.video));
    let ssrcs = LocalSsrcs { audio: audio.ssrc, video: video.ssrc, video_rtx: video.rtx.unwrap() };
    negotiated.audio.as_mut().unwrap().remote = Some(RemoteStream { ssrc: NODE.audio, rtx: None });
    negotiated.video.as_mut().unwrap().remote =
        Some(RemoteStream { ssrc: NODE.video, rtx: Some(NODE.video_rtx) });
    leg_of(negotiated, ssrcs, now)
}

/// What a publisher's encoder sends on the streams of its offer.
pub(super) struct Encoder {
    pub(super) ssrcs: [Ssrc; 2],
    pub(super) sequences: [u16; 2],
    pub(super) payload_types: [PayloadType; 2],
    mids: [(u8, String); 2],
    transport: (u8, u16),
    described: Option<u8>,
    /// The dependency descriptor of the next packets.
    pub(super) description: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(offer: &str) -> Self {
        Self::with_codec(offer, Codec::Vp8)
    }

    pub(super) fn with_codec(offer: &str, codec: Codec) -> Self {
        let negotiated = negotiated(offer);
        let media = [negotiated.audio.unwrap(), negotiated.video.unwrap()];
        let payload_type = |index: usize, codec| media[index].best_for(codec).unwrap().payload_type;
        let mid = |index: usize| {
            let id = media[index].extensions.id(crate::sdp::Extension::Mid).unwrap();
            (id, media[index].mid.clone())
        };
        let transport = crate::sdp::Extension::TransportSequence;
        Self {
            ssrcs: [0, 1].map(|index| media[index].remote.unwrap().ssrc),
            sequences: [65_530, 65_000],
            payload_types: [payload_type(0, Codec::Opus), payload_type(1, codec)],
            mids: [mid(0), mid(1)],
            transport: (media[1].extensions.id(transport).unwrap(), 0),
            described: None,
            description: Vec::new(),
        }
    }

    /// Packets carry [`Self::description`] under this id.
    pub(super) fn describe_with(&mut self, id: u8) {
        self.described = Some(id);
    }

    /// Another SSRC for the stream of a kind.
    pub(super) fn change_ssrc(&mut self, kind: MediaKind, ssrc: Ssrc) {
        self.ssrcs[kind as usize] = ssrc;
    }

    pub(super) fn packet(
        &mut self,
        kind: MediaKind,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) -> Vec<u8> {
        let slot = kind as usize;
        let mut packet = vec![0; crate::rtp::MAX_HEADER];
        let mut header = crate::rtp::HeaderWriter::new(&mut packet, false);
        let sequence = self.sequences[slot];
        header.fixed(marker, self.payload_types[slot], sequence, timestamp, self.ssrcs[slot]);
        header.extension(self.mids[slot].0, self.mids[slot].1.as_bytes()).unwrap();
        header.extension(self.transport.0, &self.transport.1.to_be_bytes()).unwrap();
        if let Some(id) = self.described {
            header.extension(id, &self.description).unwrap();
        }
        let len = header.finish();
        packet.truncate(len);
        packet.extend(payload);
        self.sequences[slot] = sequence.wrapping_add(1);
        self.transport.1 = self.transport.1.wrapping_add(1);
        packet
    }

    pub(super) fn audio(&mut self, timestamp: u32) -> Vec<u8> {
        self.packet(MediaKind::Audio, timestamp, false, &[1, 2, 3])
    }

    /// A VP8 frame of so many packets. Each payload carries `id` and its index.
    pub(super) fn frame(
        &mut self,
        timestamp: u32,
        key: bool,
        packets: u8,
        id: u16,
    ) -> Vec<Vec<u8>> {
        (0..packets)
            .map(|index| {
                let mut payload = vec![if index == 0 { 0x10 } else { 0 }, u8::from(!key), index];
                payload.extend(id.to_be_bytes());
                payload.resize(900, 0xab);
                self.packet(MediaKind::Video, timestamp, index + 1 == packets, &payload)
            })
            .collect()
    }
}

/// The repeat of a peer's packet of VP8 (RFC 4588): the stream, payload type and number are the repeats' own.
pub(super) fn repeat(to: &MediaLeg, packet: &[u8], number: u16) -> Vec<u8> {
    let original = header(packet);
    let video = to.negotiated.video.as_ref().unwrap();
    let mut repeat = packet.to_vec();
    repeat[1] = packet[1] & 0x80 | video.best_for(Codec::Vp8).unwrap().rtx.unwrap().0;
    repeat[2..4].copy_from_slice(&number.to_be_bytes());
    repeat[8..12].copy_from_slice(&video.remote.unwrap().rtx.unwrap().0.to_be_bytes());
    let at = original.payload.start;
    repeat.splice(at..at, original.sequence.to_be_bytes());
    repeat
}

/// Everything that a leg wants to send now.
pub(super) fn drain(leg: &mut MediaLeg, now: Instant) -> Vec<(Outgoing, Vec<u8>)> {
    let mut out = [0; MAX_PACKET];
    std::iter::from_fn(|| {
        let outgoing = leg.poll_packet(now, &mut out)?;
        let (Outgoing::Rtp(len) | Outgoing::Rtcp(len)) = outgoing;
        Some((outgoing, out[..len].to_vec()))
    })
    .collect()
}

/// The media among what a leg wants to send now: RTP packets that carry something.
pub(super) fn drain_rtp(leg: &mut MediaLeg, now: Instant) -> Vec<Vec<u8>> {
    drain(leg, now)
        .into_iter()
        .filter(|(outgoing, _)| matches!(outgoing, Outgoing::Rtp(_)))
        .map(|(_, packet)| packet)
        .filter(|packet| !header(packet).payload.is_empty())
        .collect()
}

/// The same without repeats.
pub(super) fn drain_first(leg: &mut MediaLeg, now: Instant) -> Vec<Vec<u8>> {
    let mut packets = drain_rtp(leg, now);
    packets.retain(|packet| header(packet).ssrc != NODE.video_rtx);
    packets
}

/// Passes packets from the publisher's leg to the viewer's.
pub(super) fn pass(
    publisher: &mut MediaLeg,
    viewer: &mut MediaLeg,
    now: Instant,
    packets: &[Vec<u8>],
) {
    for packet in packets {
        if let Some(incoming) = publisher.receive_rtp(now, packet) {
            viewer.forward(now, &incoming, packet);
        }
    }
}

/// A page's request for a key frame of the node's video (RFC 4585 §6.3.1).
pub(super) const PLI: [u8; 12] = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 22];

pub(super) fn header(packet: &[u8]) -> Header {
    Header::parse(packet).unwrap()
}

pub(super) fn sender_report(ssrc: Ssrc, ntp: u64, timestamp: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.0.to_be_bytes());
    packet.extend(ntp.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend([0; 8]);
    packet
}
