//! Writing an answer.

use std::{fmt::Write as _, net::SocketAddr};

use super::{
    Codec, Fingerprint, IceCredentials, LocalSsrcs, PayloadMapping,
    offer::Offer,
    section::{PayloadDetail, Section, Served},
};
use crate::{api::MediaKind, rtp::Ssrc};

/// Id of the media stream that a page's `ontrack` shows.
const STREAM_ID: &str = "vitrine";
/// What a Chromium encoder starts with, in kbit/s, instead of the 300 of its own: below
/// 900 for 720p it drops its first frames and starts at a lower resolution.
const START_BITRATE_KBPS: u32 = 1_500;
/// RFC 8445 §5.1.2.2: type preference of host candidates.
const HOST_PREFERENCE: u32 = 126;
/// The same over TCP, as libwebrtc has it: below everything that reaches a host by UDP, above relays.
const HOST_TCP_PREFERENCE: u32 = 90;
/// RFC 6544 §4.2: direction preference of passive candidates, the upper three bits of sixteen.
const PASSIVE_PREFERENCE: u32 = 4 << 13;

/// What we put into an answer.
#[derive(Debug, Clone, Copy)]
pub struct LocalParameters<'a> {
    /// Our ICE credentials for this leg.
    pub ice: &'a IceCredentials,
    /// Our certificate.
    pub fingerprint: &'a Fingerprint,
    /// Addresses that reach us, best first.
    pub candidates: &'a [SocketAddr],
    /// Addresses that reach us by TCP, best first.
    pub tcp_candidates: &'a [SocketAddr],
    /// Our streams' SSRCs; the same in every answer of one leg.
    pub ssrcs: LocalSsrcs,
    /// RTCP canonical name; no colon, space or line break.
    pub cname: &'a str,
    /// `sess-id` of the origin line; the same in every answer of one leg.
    pub session_id: u64,
    /// `sess-version` of the origin line; grows with every answer of one leg.
    pub session_version: u64,
}

/// The answer to `offer`.
pub(super) fn write(offer: &Offer, local: &LocalParameters<'_>) -> String {
    let mut sdp = Sdp(String::with_capacity(4096));
    sdp.line(format_args!("v=0"));
    sdp.line(format_args!("o=- {} {} IN IP4 127.0.0.1", local.session_id, local.session_version));
    sdp.line(format_args!("s=-"));
    sdp.line(format_args!("t=0 0"));
    let served = || offer.sections.iter().filter_map(|section| section.served.as_ref());
    let mids: Vec<&str> = served().map(|served| served.media.mid.as_str()).collect();
    sdp.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    if offer.mixed_extensions {
        sdp.line(format_args!("a=extmap-allow-mixed"));
    }
    sdp.line(format_args!("a=ice-lite"));
    sdp.line(format_args!("a=msid-semantic:WMS {STREAM_ID}"));
    let mut first = true;
    for section in &offer.sections {
        match &section.served {
            // The candidates of a bundle stand in its first section (RFC 9143 §7.3.1).
            Some(served) => {
                sdp.served(section, served, local, std::mem::take(&mut first));
            }
            None => sdp.rejected(section),
        }
    }
    sdp.0
}

struct Sdp(String);

impl Sdp {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{line}\r\n");
    }

    /// RFC 3264 §6: a rejected stream keeps its place, with port 0.
    fn rejected(&mut self, section: &Section) {
        let Section { media, protocol, formats, mid, .. } = section;
        self.line(format_args!("m={media} 0 {protocol} {}", formats.join(" ")));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        if let Some(mid) = mid {
            self.line(format_args!("a=mid:{mid}"));
        }
        self.line(format_args!("a=inactive"));
    }

    fn served(
        &mut self,
        section: &Section,
        served: &Served,
        local: &LocalParameters<'_>,
        with_candidates: bool,
    ) {
        let media = &served.media;
        let formats: Vec<String> = media
            .payloads
            .iter()
            .flat_map(|mapping| [Some(mapping.payload_type), mapping.rtx])
            .flatten()
            .map(|payload_type| payload_type.0.to_string())
            .collect();
        let port = local.candidates.first().map_or(9, SocketAddr::port);
        self.line(format_args!(
            "m={} {port} {} {}",
            section.media,
            section.protocol,
            formats.join(" ")
        ));
        match local.candidates.first().map(SocketAddr::ip) {
            Some(ip) if ip.is_ipv6() => self.line(format_args!("c=IN IP6 {ip}")),
            Some(ip) => self.line(format_args!("c=IN IP4 {ip}")),
            None => self.line(format_args!("c=IN IP4 0.0.0.0")),
        }
        if with_candidates {
            self.candidates(local);
        }
        self.line(format_args!("a=ice-ufrag:{}", local.ice.ufrag));
        self.line(format_args!("a=ice-pwd:{}", local.ice.pwd));
        self.line(format_args!("a=fingerprint:{}", local.fingerprint));
        self.line(format_args!("a=setup:active"));
        self.line(format_args!("a=mid:{}", media.mid));
        for (id, extension) in &served.extension_ids {
            self.line(format_args!("a=extmap:{id} {}", extension.uri()));
        }
        let direction = match (media.direction.send, media.direction.receive) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        };
        self.line(format_args!("a={direction}"));
        self.line(format_args!("a=rtcp-mux"));
        self.line(format_args!("a=rtcp-rsize"));
        for (mapping, detail) in media.payloads.iter().zip(&served.details) {
            self.payload(mapping, detail);
        }
        if media.direction.send {
            self.streams(media.kind, media.payloads.iter().any(|m| m.rtx.is_some()), local);
        }
    }

    fn candidates(&mut self, local: &LocalParameters<'_>) {
        for (index, address) in local.candidates.iter().enumerate() {
            let local_preference = 65_535 - (index as u32).min(65_535);
            let priority = (HOST_PREFERENCE << 24) | (local_preference << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            self.line(format_args!(
                "a=candidate:{} 1 udp {priority} {ip} {port} typ host",
                index + 1
            ));
        }
        for (index, address) in local.tcp_candidates.iter().enumerate() {
            let local_preference = PASSIVE_PREFERENCE | (8_191 - (index as u32).min(8_191));
            let priority = (HOST_TCP_PREFERENCE << 24) | (local_preference << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            self.line(format_args!(
                "a=candidate:{} 1 tcp {priority} {ip} {port} typ host tcptype passive",
                local.candidates.len() + index + 1
            ));
        }
        self.line(format_args!("a=end-of-candidates"));
    }

    fn payload(&mut self, mapping: &PayloadMapping, detail: &PayloadDetail) {
        let pt = mapping.payload_type.0;
        self.line(format_args!("a=rtpmap:{pt} {}", detail.encoding));
        for feedback in &detail.feedback {
            self.line(format_args!("a=rtcp-fb:{pt} {feedback}"));
        }
        let parameters = match mapping.codec {
            Codec::Opus => "minptime=10;useinbandfec=1".to_owned(),
            Codec::Red { .. } => detail.format_parameters.clone(),
            _ => video_parameters(&detail.format_parameters),
        };
        self.line(format_args!("a=fmtp:{pt} {parameters}"));
        if let Some(rtx) = mapping.rtx {
            self.line(format_args!("a=rtpmap:{} rtx/{}", rtx.0, mapping.codec.clock_rate()));
            self.line(format_args!("a=fmtp:{} apt={pt}", rtx.0));
        }
    }

    fn streams(&mut self, kind: MediaKind, rtx: bool, local: &LocalParameters<'_>) {
        let (track, ssrc, repair) = match kind {
            MediaKind::Audio => ("audio", local.ssrcs.audio, None),
            MediaKind::Video => ("video", local.ssrcs.video, rtx.then_some(local.ssrcs.video_rtx)),
        };
        self.line(format_args!("a=msid:{STREAM_ID} {STREAM_ID}-{track}"));
        if let Some(repair) = repair {
            self.line(format_args!("a=ssrc-group:FID {} {}", ssrc.0, repair.0));
        }
        for Ssrc(ssrc) in [Some(ssrc), repair].into_iter().flatten() {
            self.line(format_args!("a=ssrc:{ssrc} cname:{}", local.cname));
            self.line(format_args!("a=ssrc:{ssrc} msid:{STREAM_ID} {STREAM_ID}-{track}"));
        }
    }
}

/// The offer's parameters and our start bitrate.
fn video_parameters(offered: &str) -> String {
    let mut parameters: Vec<&str> = offered
        .split(';')
        .map(str::trim)
        .filter(|parameter| !parameter.is_empty() && !parameter.starts_with("x-google-"))
        .collect();
    let start = format!("x-google-start-bitrate={START_BITRATE_KBPS}");
    parameters.push(&start);
    parameters.join(";")
}
