//! A browser's offer as far as the node cares, and what is taken from an answer.

use std::{fmt::Write as _, net::SocketAddr};

use super::Credentials;

/// Payload types of our offers: these and the ids below are those of mediasoup, which lets nobody choose. The others do.
pub const OPUS: u8 = 111;
/// Of video.
pub const VP8: u8 = 96;
/// Of its retransmissions.
pub const RTX: u8 = 100;

/// Ids of header extensions in our offers.
pub const MID: u8 = 1;
/// Of `abs-send-time`.
pub const ABS_SEND_TIME: u8 = 4;
/// Of the transport-wide sequence number.
pub const TRANSPORT_SEQUENCE: u8 = 5;
/// Of the audio level.
pub const AUDIO_LEVEL: u8 = 10;

/// What an offer says.
pub struct Offer<'a> {
    /// ICE.
    pub credentials: &'a Credentials,
    /// DTLS.
    pub fingerprint: &'a str,
    /// `actpass` in an offer, `passive` in an answer: we are the DTLS server.
    pub setup: &'a str,
    /// The one candidate.
    pub address: SocketAddr,
    /// SSRCs of audio, video and video repair.
    pub ssrcs: [u32; 3],
}

impl std::fmt::Display for Offer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [audio, video, repair] = self.ssrcs;
        let Credentials { ufrag, pwd } = self.credentials;
        let mut transport = String::new();
        write!(
            transport,
            "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\n\
             a=ice-pwd:{pwd}\r\na=fingerprint:{}\r\na=setup:{}\r\n\
             a=rtcp-mux\r\na=rtcp-rsize\r\na=sendrecv\r\n\
             a=candidate:1 1 udp 2130706431 {} {} typ host\r\na=end-of-candidates\r\n\
             a=extmap:{MID} urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             a=extmap:{ABS_SEND_TIME} http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
             a=extmap:{TRANSPORT_SEQUENCE} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n",
            self.fingerprint,
            self.setup,
            self.address.ip(),
            self.address.port()
        )?;
        write!(
            f,
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
             a=msid-semantic: WMS\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\n{transport}a=mid:0\r\n\
             a=extmap:{AUDIO_LEVEL} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
             a=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n\
             a=rtcp-fb:{OPUS} transport-cc\r\n\
             a=ssrc:{audio} cname:peer\r\na=ssrc:{audio} msid:s a\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF {VP8} {RTX}\r\n{transport}a=mid:1\r\n\
             a=rtpmap:{VP8} VP8/90000\r\na=rtcp-fb:{VP8} nack\r\na=rtcp-fb:{VP8} nack pli\r\n\
             a=rtcp-fb:{VP8} ccm fir\r\na=rtcp-fb:{VP8} goog-remb\r\n\
             a=rtcp-fb:{VP8} transport-cc\r\n\
             a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={VP8}\r\n\
             a=ssrc-group:FID {video} {repair}\r\na=ssrc:{video} cname:peer\r\n\
             a=ssrc:{video} msid:s v\r\na=ssrc:{repair} cname:peer\r\na=ssrc:{repair} msid:s v\r\n"
        )
    }
}

/// The other side, from its answer or offer.
#[derive(Debug, Clone)]
pub struct Remote {
    /// ICE.
    pub credentials: Credentials,
    /// Where it is reached: its first UDP candidate.
    pub address: SocketAddr,
}

impl Remote {
    /// None if anything is missing.
    pub fn parse(sdp: &str) -> Option<Self> {
        let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name));
        let credentials = Credentials {
            ufrag: value("a=ice-ufrag:")?.trim().to_owned(),
            pwd: value("a=ice-pwd:")?.trim().to_owned(),
        };
        let address = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")).find_map(
            |candidate| {
                let fields: Vec<&str> = candidate.split_ascii_whitespace().collect();
                let udp = fields.get(2)?.eq_ignore_ascii_case("udp");
                let ip = fields.get(4)?.parse().ok()?;
                let port = fields.get(5)?.parse().ok()?;
                (udp && fields.get(1) == Some(&"1")).then_some(SocketAddr::new(ip, port))
            },
        )?;
        Some(Self { credentials, address })
    }
}
