//! Reading an offer.

use std::{collections::HashMap, io::Cursor};

use ::sdp::description::{common::Attribute, media::MediaDescription, session::SessionDescription};

use super::{
    Codec, Direction, Extension, ExtensionMap, Fingerprint, IceCredentials, Media, Negotiated,
    PayloadMapping, RemoteStream,
    answer::{self, LocalParameters},
    codec::parameter,
};
use crate::{
    api::MediaKind,
    rtp::{PayloadType, Ssrc},
};

/// Largest offer, in bytes; a browser's with audio, video and every codec is below 10 kB.
const MAX_OFFER: usize = 48 * 1024;
/// Most sections. We ask pages for two; a page with more gets the rest rejected, not a parser to
/// play with.
const MAX_SECTIONS: usize = 16;
/// Most fingerprints kept: one for each hash function, and one to spare for a rollover.
const MAX_FINGERPRINTS: usize = 4;
/// Longest identification tag: what fits a one-byte header extension.
const MAX_MID: usize = 16;
/// Lengths of RFC 8839's `ice-ufrag` and `ice-pwd`.
const UFRAG_LEN: std::ops::RangeInclusive<usize> = 4..=256;
const PWD_LEN: std::ops::RangeInclusive<usize> = 22..=256;
/// Transports of a section that all mean DTLS-SRTP with feedback (RFC 8829 §5.1.2).
const PROTOCOLS: [&str; 3] = ["UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "RTP/SAVPF"];
/// Feedback that we act on, for each kind of media.
const AUDIO_FEEDBACK: [&str; 1] = ["transport-cc"];
const VIDEO_FEEDBACK: [&str; 5] = ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"];

/// Why an offer cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Larger than any browser's offer.
    #[error("the offer is too large")]
    TooLarge,
    /// Not SDP.
    #[error("the offer is not SDP")]
    Syntax,
    /// ICE user name fragment or password is missing or malformed.
    #[error("the offer has no usable ICE credentials")]
    Ice,
    /// No usable certificate fingerprint.
    #[error("the offer has no usable fingerprint")]
    Fingerprint,
    /// The offerer does not leave the role of the DTLS client to us.
    #[error("the offer does not leave us the DTLS client role")]
    Setup,
    /// No section that can be served.
    #[error("the offer has neither audio nor video that can be served")]
    NoMedia,
}

/// A page's offer.
#[derive(Debug, Clone)]
pub struct Offer {
    pub(super) ice: IceCredentials,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) sections: Vec<Section>,
    pub(super) mixed_extensions: bool,
}

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

impl Offer {
    /// Parses an offer.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_OFFER {
            return Err(OfferError::TooLarge);
        }
        let session = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
            .map_err(|_| OfferError::Syntax)?;
        if session.media_descriptions.len() > MAX_SECTIONS {
            return Err(OfferError::TooLarge);
        }
        let session_level = &session.attributes;
        let bundle: Vec<&str> = values(session_level, "group")
            .find_map(|group| group.strip_prefix("BUNDLE"))
            .map(|mids| mids.split_whitespace().collect())
            .unwrap_or_default();
        let mixed_extensions = flag(session_level, "extmap-allow-mixed")
            || session
                .media_descriptions
                .iter()
                .any(|section| flag(&section.attributes, "extmap-allow-mixed"));

        let mut sections = Vec::with_capacity(session.media_descriptions.len());
        let mut transport: Option<&[Attribute]> = None;
        let mut taken = [false; 2];
        for description in &session.media_descriptions {
            let mut section = Section::new(description);
            if section.is_open(description) {
                let in_bundle = section.mid.as_deref().is_some_and(|mid| bundle.contains(&mid));
                let served = section
                    .mid
                    .as_deref()
                    .and_then(|mid| served(description, session_level, mid, mixed_extensions));
                if let Some(served) = served {
                    let taken = &mut taken[served.media.kind as usize];
                    if !*taken && (transport.is_none() || in_bundle) {
                        *taken = true;
                        transport.get_or_insert(&description.attributes);
                        section.served = Some(served);
                    }
                }
            }
            sections.push(section);
        }

        let levels = [transport.ok_or(OfferError::NoMedia)?, session_level.as_slice()];
        if !flag(levels[0], "rtcp-mux") {
            return Err(OfferError::NoMedia);
        }
        match first(levels, "setup") {
            Some("actpass" | "passive") => {}
            _ => return Err(OfferError::Setup),
        }
        Ok(Self {
            ice: credentials(levels).ok_or(OfferError::Ice)?,
            fingerprints: fingerprints(levels).ok_or(OfferError::Fingerprint)?,
            sections,
            mixed_extensions,
        })
    }

    /// The peer's ICE credentials.
    pub fn ice(&self) -> &IceCredentials {
        &self.ice
    }

    /// The peer's certificate must match one of these.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// Our answer, and what is agreed by it.
    pub fn answer(&self, local: &LocalParameters<'_>) -> (String, Negotiated) {
        let media = |kind| {
            self.sections
                .iter()
                .filter_map(|section| section.served.as_ref())
                .find(|served| served.media.kind == kind)
                .map(|served| served.media.clone())
        };
        let negotiated = Negotiated {
            ice: self.ice.clone(),
            fingerprints: self.fingerprints.clone(),
            audio: media(MediaKind::Audio),
            video: media(MediaKind::Video),
            mixed_extensions: self.mixed_extensions,
        };
        (answer::write(self, local), negotiated)
    }
}

impl Section {
    fn new(description: &MediaDescription) -> Self {
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
    fn is_open(&self, description: &MediaDescription) -> bool {
        let port = description.media_name.port.value;
        (port != 0 || flag(&description.attributes, "bundle-only"))
            && PROTOCOLS.contains(&self.protocol.as_str())
    }
}

/// What we serve of a section, if anything.
fn served(
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

fn credentials(levels: [&[Attribute]; 2]) -> Option<IceCredentials> {
    let ufrag = first(levels, "ice-ufrag")?;
    let pwd = first(levels, "ice-pwd")?;
    let well_formed =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    (UFRAG_LEN.contains(&ufrag.len())
        && PWD_LEN.contains(&pwd.len())
        && well_formed(ufrag)
        && well_formed(pwd))
    .then(|| IceCredentials { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() })
}

fn fingerprints(levels: [&[Attribute]; 2]) -> Option<Vec<Fingerprint>> {
    levels
        .into_iter()
        .map(|level| {
            values(level, "fingerprint")
                .filter_map(Fingerprint::parse)
                .take(MAX_FINGERPRINTS)
                .collect::<Vec<_>>()
        })
        .find(|found| !found.is_empty())
}

/// A payload type that cannot be taken for RTCP when both share a port (RFC 5761 §4).
fn payload_type(text: &str) -> Option<PayloadType> {
    text.parse().ok().filter(|pt| matches!(pt, 0..=63 | 96..=127)).map(PayloadType)
}

fn by_payload_type<'a>(attributes: &'a [Attribute], key: &str) -> HashMap<PayloadType, &'a str> {
    values(attributes, key)
        .filter_map(|value| {
            let (format, rest) = value.split_once(' ')?;
            Some((payload_type(format)?, rest.trim()))
        })
        .collect()
}

fn values<'a>(attributes: &'a [Attribute], key: &str) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |attribute| attribute.key == key)
        .filter_map(|attribute| attribute.value.as_deref())
        .map(str::trim)
}

/// The first value of a key, looked for level by level.
fn first<'a, const N: usize>(levels: [&'a [Attribute]; N], key: &str) -> Option<&'a str> {
    levels.into_iter().find_map(|level| values(level, key).next())
}

fn flag(attributes: &[Attribute], key: &str) -> bool {
    attributes.iter().any(|attribute| attribute.key == key)
}

/// RFC 4566 `token-char`.
fn is_token(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
}
