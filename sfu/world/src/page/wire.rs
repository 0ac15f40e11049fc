//! RTP as a page writes it: Chromium's payload types, extensions and sizes.

use sfu_core::{
    rtp::{HeaderWriter, MAX_HEADER, PayloadType, Ssrc},
    sdp::{
        Codec, Extension, Fingerprint, IceCredentials, LocalParameters, LocalSsrcs, Media,
        Negotiated, Offer,
    },
};

use crate::time::Time;

/// What Chromium 156 offers.
const OFFER: &str = include_str!("../../../core/src/sdp/fixtures/chromium-156.sdp");

/// The node's streams on every leg. SSRCs need to differ on one transport only.
pub const NODE: LocalSsrcs = LocalSsrcs { audio: Ssrc(11), video: Ssrc(22), video_rtx: Ssrc(33) };

/// Bytes that IPv4, UDP and an SRTP tag of AES-GCM add to RTP.
pub const RTP_OVERHEAD: usize = 20 + 8 + 16;
/// The same for RTCP, whose index is sent along (RFC 3711 §3.4).
pub const RTCP_OVERHEAD: usize = RTP_OVERHEAD + 4;
/// Largest RTP packet that Chromium makes.
pub const MAX_RTP: usize = 1_200;

/// The session that node and page agree on.
pub fn negotiated() -> Negotiated {
    let ice = IceCredentials { ufrag: "abcd".into(), pwd: "a".repeat(24) };
    let candidate = ([192, 0, 2, 1], 5_000).into();
    let local = LocalParameters {
        ice: &ice,
        fingerprint: &Fingerprint::sha256([7; 32]),
        candidates: &[candidate],
        tcp_candidates: &[],
        ssrcs: NODE,
        cname: "node",
        session_id: 1,
        session_version: 1,
    };
    let Ok(offer) = Offer::parse(OFFER) else { unreachable!("the core's own fixture is an offer") };
    offer.answer(&local).1
}

/// One stream's constants.
#[derive(Debug, Clone)]
pub struct StreamIds {
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// The SSRC of its repeats.
    pub rtx_ssrc: Ssrc,
    payload_type: PayloadType,
    rtx_payload_type: PayloadType,
    mid: String,
    mid_id: u8,
    transport_id: u8,
    send_time_id: u8,
}

/// The fields of a packet that change.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// End of a frame.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
}

/// Where in a packet stands what is filled in when it leaves.
#[derive(Debug, Clone, Copy)]
pub struct Stamps {
    number: Option<usize>,
    time: Option<usize>,
}

impl Stamps {
    /// Fills in the transport-wide number and the time.
    pub fn fill(self, out: &mut [u8], number: u16, now: Time) {
        if let Some(at) = self.number {
            out[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
        if let Some(at) = self.time {
            // abs-send-time: seconds with 18 bits behind the point, 24 bits in all.
            let time = ((now.as_micros() << 18) / 1_000_000) as u32;
            out[at..at + 3].copy_from_slice(&time.to_be_bytes()[1..]);
        }
    }
}

impl StreamIds {
    /// The page's streams: audio, video.
    pub fn of_page(negotiated: &Negotiated) -> Option<[Self; 2]> {
        let audio = Self::new(negotiated.audio.as_ref()?, Codec::Opus)?;
        Some([audio, Self::new(negotiated.video.as_ref()?, Codec::Vp8)?])
    }

    fn new(media: &Media, codec: Codec) -> Option<Self> {
        let mapping = media.best_for(codec)?;
        let remote = media.remote?;
        let id = |extension| media.extensions.id(extension).unwrap_or(0);
        Some(Self {
            ssrc: remote.ssrc,
            rtx_ssrc: remote.rtx.unwrap_or(remote.ssrc),
            payload_type: mapping.payload_type,
            rtx_payload_type: mapping.rtx.unwrap_or(mapping.payload_type),
            mid: media.mid.clone(),
            mid_id: id(Extension::Mid),
            transport_id: id(Extension::TransportSequence),
            send_time_id: id(Extension::AbsSendTime),
        })
    }

    /// Writes a packet into `out`, but for what is only known when it leaves.
    pub fn write(&self, out: &mut Vec<u8>, fields: Fields, payload: &[&[u8]]) -> Stamps {
        self.write_as(out, self.payload_type, self.ssrc, fields, payload)
    }

    /// The same on the stream of repeats.
    pub fn write_rtx(&self, out: &mut Vec<u8>, fields: Fields, payload: &[&[u8]]) -> Stamps {
        self.write_as(out, self.rtx_payload_type, self.rtx_ssrc, fields, payload)
    }

    fn write_as(
        &self,
        out: &mut Vec<u8>,
        payload_type: PayloadType,
        ssrc: Ssrc,
        fields: Fields,
        payload: &[&[u8]],
    ) -> Stamps {
        let Fields { marker, sequence, timestamp } = fields;
        out.clear();
        out.resize(MAX_HEADER, 0);
        let mut header = HeaderWriter::new(out, false);
        header.fixed(marker, payload_type, sequence, timestamp, ssrc);
        let number = header.extension(self.transport_id, &[0; 2]);
        let time = header.extension(self.send_time_id, &[0; 3]);
        header.extension(self.mid_id, self.mid.as_bytes());
        let len = header.finish();
        out.truncate(len);
        for part in payload {
            out.extend_from_slice(part);
        }
        Stamps { number, time }
    }
}
