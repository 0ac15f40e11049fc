//! The outgoing tracks of a leg, and the codecs it offers.

use std::sync::Arc;

use rtc::{
    media_stream::MediaStreamTrack,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
        RtpCodecKind,
    },
};
use webrtc::{
    media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    peer_connection::MediaEngine,
};

use crate::media::{Kind, Outgoing};

/// The two outgoing tracks of a leg.
#[derive(Clone)]
pub(in crate::drive) struct Voice {
    pub(super) audio: Outlet,
    pub(super) video: Outlet,
}

/// One outgoing track.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) track: Arc<TrackLocalStaticRTP>,
    pub(super) ssrc: u32,
    payload_type: u8,
}

const OPUS: u8 = 111;
const VP8: u8 = 96;

impl Voice {
    pub(super) fn new() -> Self {
        Self { audio: Outlet::new(Kind::Audio), video: Outlet::new(Kind::Video) }
    }

    pub(in crate::drive) async fn send(&self, packet: Outgoing) -> webrtc::error::Result<()> {
        let outlet = match packet.head.kind {
            Kind::Audio => &self.audio,
            Kind::Video => &self.video,
        };
        let header = rtc::rtp::header::Header {
            version: 2,
            marker: packet.head.marker,
            payload_type: outlet.payload_type,
            sequence_number: packet.head.sequence,
            timestamp: packet.head.timestamp,
            ssrc: outlet.ssrc,
            ..Default::default()
        };
        outlet.track.write_rtp(rtc::rtp::Packet { header, payload: packet.payload }).await
    }
}

impl Outlet {
    fn new(kind: Kind) -> Self {
        let codec = match kind {
            Kind::Audio => opus(),
            Kind::Video => vp8(),
        };
        let name = match kind {
            Kind::Audio => "audio",
            Kind::Video => "video",
        };
        let ssrc = rand::random();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec: codec.rtp_codec,
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            "loadtest".to_owned(),
            name.to_owned(),
            name.to_owned(),
            codec_kind(kind),
            vec![encoding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        Self { track, ssrc, payload_type: codec.payload_type }
    }
}

fn codec_kind(kind: Kind) -> RtpCodecKind {
    match kind {
        Kind::Audio => RtpCodecKind::Audio,
        Kind::Video => RtpCodecKind::Video,
    }
}

pub(super) fn codecs() -> webrtc::error::Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    engine.register_codec(opus(), RtpCodecKind::Audio)?;
    engine.register_codec(vp8(), RtpCodecKind::Video)?;
    engine.register_codec(rtx(), RtpCodecKind::Video)?;
    Ok(engine)
}

fn opus() -> RTCRtpCodecParameters {
    codec(OPUS, "audio/opus", 48_000, 2, "minptime=10;useinbandfec=1")
}

fn vp8() -> RTCRtpCodecParameters {
    codec(VP8, "video/VP8", 90_000, 0, "")
}

fn rtx() -> RTCRtpCodecParameters {
    codec(VP8 + 1, "video/rtx", 90_000, 0, "apt=96")
}

fn codec(
    payload_type: u8,
    mime_type: &str,
    clock_rate: u32,
    channels: u16,
    parameters: &str,
) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: parameters.to_owned(),
            rtcp_feedback: Vec::new(),
        },
        payload_type,
    }
}
