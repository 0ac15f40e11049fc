//! Reading one section of an offer.

use ::sdp::description::{common::Attribute, media::MediaDescription};

use super::{
    Codec, Direction, Extension, ExtensionMap, Media, PayloadMapping, RemoteStream,
    attributes::{by_payload_type, first, flag, payload_type, values},
    codec::parameter,
};
use crate::{api::MediaKind, rtp::Ssrc};

/// Longest identification tag: what fits a one-byte header extension.
const MAX_MID: usize = 16;
/// Transports of a section that all mean DTLS-SRTP with feedback (RFC 8829 §5.1.2).
const PROTOCOLS: [&str; 3] = ["UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "RTP/SAVPF"];
/// Feedback that we act on, for each kind of media.
const AUDIO_FEEDBACK: [&str; 1] = ["transport-cc"];
const VIDEO_FEEDBACK: [&str; 5] = ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"];

/// One `m=` line and what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) media: String,
    pub(super) protocol: String,
    pub(super) formats: Vec<String>,
    pub(super) mid: Option<String>,
    /// `None`: rejected in the answer.
    pub(super) served: Option<Served>,
}

/// What the answer says about a served section.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) media: Media,
    /// In the order of `media.payloads`.
    pub(super) details: Vec<PayloadDetail>,
    /// Ids as the answer writes them, with the direction that mirrors the offer's if it had one.
    pub(super) extension_ids: Vec<(String, Extension)>,
}

/// The offer's words about a payload type, repeated in the answer.
#[derive(Debug, Clone)]
pub(super) struct PayloadDetail {
    pub(super) encoding: String,
    pub(super) format_parameters: String,
    pub(super) feedback: Vec<&'static str>,
}

impl Section {
    pub(super) fn new(description: &MediaDescription) -> Self {
        let name = &description.media_name;
        let mid = first([&description.attributes], "mid")
            .filter(|mid| (1..=MAX_MID).contains(&mid.len()) && mid.bytes().all(is_token))
            .map(str::to_owned);
        Self {
            media: name.media.clone(),
            protocol: name.protos.join("/"),
            formats: name.formats.clone(),
            mid,
            served: None,
        }
    }

    /// Whether the offerer has not switched the section off.
    pub(super) fn is_open(&self, description: &MediaDescription) -> bool {
        let port = description.media_name.port.value;
        (port != 0 || flag(&description.attributes, "bundle-only"))
            && PROTOCOLS.contains(&self.protocol.as_str())
    }
}

/// What we serve of a section, if anything.
pub(super) fn served(
    description: &MediaDescription,
    session_level: &[Attribute],
    mid: &str,
    mixed_extensions: bool,
) -> Option<Served> {
    let attributes = &description.attributes;
    let kind = match description.media_name.media.as_str() {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => return None,
    };
    let (payloads, details) = payloads(kind, description);
    if payloads.is_empty() {
        return None;
    }
    let direction = direction(attributes).or_else(|| direction(session_level));
    let transport_cc = details.iter().any(|detail| detail.feedback.contains(&"transport-cc"));
    let (extensions, extension_ids) = extensions(attributes, transport_cc, mixed_extensions);
    let media = Media {
        kind,
        mid: mid.to_owned(),
        direction: direction.unwrap_or(Direction { send: true, receive: true }),
        remb: details.iter().any(|detail| detail.feedback.contains(&"goog-remb")),
        payloads,
        extensions,
        remote: remote_stream(attributes),
    };
    Some(Served { media, details, extension_ids })
}

fn payloads(
    kind: MediaKind,
    description: &MediaDescription,
) -> (Vec<PayloadMapping>, Vec<PayloadDetail>) {
    let attributes = &description.attributes;
    let encodings = by_payload_type(attributes, "rtpmap");
    let parameters = by_payload_type(attributes, "fmtp");
    let mut mappings: Vec<PayloadMapping> = Vec::new();
    let mut details = Vec::new();
    let mut repairs = Vec::new();
    for format in &description.media_name.formats {
        let Some(payload_type) = payload_type(format) else { continue };
        let Some(encoding) = encodings.get(&payload_type) else { continue };
        let fmtp = parameters.get(&payload_type).copied().unwrap_or_default();
        if encoding.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("rtx/")) {
            repairs.extend(
                parameter(fmtp, "apt").and_then(self::payload_type).map(|apt| (apt, payload_type)),
            );
            continue;
        }
        let known = mappings.iter().any(|mapping| mapping.payload_type == payload_type);
        let Some(codec) = Codec::from_sdp(encoding, fmtp).filter(|codec| codec.kind() == kind)
        else {
            continue;
        };
        if known {
            continue;
        }
        let feedback = feedback(kind, attributes, format);
        let nack = feedback.contains(&"nack");
        mappings.push(PayloadMapping { payload_type, codec, rtx: None, nack });
        details.push(PayloadDetail {
            encoding: (*encoding).to_owned(),
            format_parameters: fmtp.to_owned(),
            feedback,
        });
    }
    // RED of anything but this section's Opus says nothing to anybody.
    let opus: Vec<_> = mappings.iter().filter(|m| m.codec == Codec::Opus).copied().collect();
    let usable = |mapping: &PayloadMapping| match mapping.codec {
        Codec::Red { opus: inner } => opus.iter().any(|mapping| mapping.payload_type == inner),
        _ => true,
    };
    let (mut mappings, details): (Vec<_>, Vec<_>) =
        mappings.into_iter().zip(details).filter(|(mapping, _)| usable(mapping)).unzip();
    for (apt, rtx) in repairs {
        if let Some(mapping) = mappings.iter_mut().find(|mapping| mapping.payload_type == apt) {
            mapping.rtx.get_or_insert(rtx);
        }
    }
    (mappings, details)
}

/// The feedback of our list that the offer has for a payload type.
fn feedback(kind: MediaKind, attributes: &[Attribute], format: &str) -> Vec<&'static str> {
    let ours: &[&'static str] = match kind {
        MediaKind::Audio => &AUDIO_FEEDBACK,
        MediaKind::Video => &VIDEO_FEEDBACK,
    };
    let offered = |wanted: &str| {
        values(attributes, "rtcp-fb").any(|value| {
            value.split_once(' ').is_some_and(|(target, kind)| {
                (target == format || target == "*") && kind.trim() == wanted
            })
        })
    };
    ours.iter().copied().filter(|wanted| offered(wanted)).collect()
}

fn extensions(
    attributes: &[Attribute],
    transport_cc: bool,
    mixed: bool,
) -> (ExtensionMap, Vec<(String, Extension)>) {
    let mut map = ExtensionMap::default();
    let mut ids = Vec::new();
    for value in values(attributes, "extmap") {
        let mut words = value.split_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else { continue };
        let (id, direction) = id.split_once('/').unwrap_or((id, ""));
        let (Ok(id), Some(extension)) = (id.parse(), Extension::from_uri(uri)) else { continue };
        // A sequence number that nobody reports on is a waste of bytes; a dependency descriptor
        // outgrows one-byte headers, as do ids from 15 on.
        let usable = match extension {
            Extension::TransportSequence => transport_cc,
            Extension::DependencyDescriptor => mixed,
            _ => true,
        };
        if usable && (mixed || id < 15) && map.insert(id, extension) {
            let id = match direction {
                "recvonly" => format!("{id}/sendonly"),
                "sendonly" => format!("{id}/recvonly"),
                _ => id.to_string(),
            };
            ids.push((id, extension));
        }
    }
    (map, ids)
}

/// The stream of a section: the first pair of media and retransmission, else the first SSRC.
fn remote_stream(attributes: &[Attribute]) -> Option<RemoteStream> {
    let pair = values(attributes, "ssrc-group").find_map(|group| {
        let mut ssrcs = group.strip_prefix("FID ")?.split_whitespace().map(str::parse);
        match (ssrcs.next()?, ssrcs.next()?) {
            (Ok(ssrc), Ok(rtx)) => Some(RemoteStream { ssrc: Ssrc(ssrc), rtx: Some(Ssrc(rtx)) }),
            _ => None,
        }
    });
    pair.or_else(|| {
        let ssrc = values(attributes, "ssrc").next()?.split(' ').next()?.parse().ok()?;
        Some(RemoteStream { ssrc: Ssrc(ssrc), rtx: None })
    })
}

/// The direction seen from us.
fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| {
        let (send, receive) = match attribute.key.as_str() {
            "sendrecv" => (true, true),
            "sendonly" => (false, true),
            "recvonly" => (true, false),
            "inactive" => (false, false),
            _ => return None,
        };
        Some(Direction { send, receive })
    })
}

/// RFC 4566 `token-char`.
fn is_token(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
}
