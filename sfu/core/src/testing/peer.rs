//! A page's end of a leg.

use std::{net::SocketAddr, time::Instant};

use srtp::{config::Config, context::Context, protection_profile::ProtectionProfile};
use stun::{
    attributes::{
        ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
    },
    crypto::providers::AwsLcRsCrypto,
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId},
    textattrs::Username,
    xoraddr::XorMappedAddress,
};

use super::{DtlsServer, Versions};
use crate::api::{ConnectionId, Path, Port, SrtpProfile};

/// A browser with one PeerConnection.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The node's socket that it talks to.
    pub(crate) port: Port,
    /// Its connection to the node, when it talks over TCP.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) dtls: DtlsServer,
    pub(crate) ufrag: String,
    pwd: String,
    /// The node's user name fragment and password, from its answer.
    pub(crate) node: (String, String),
    media: Option<(Context, Context)>,
    /// Plain RTP and RTCP packets that arrived.
    pub(crate) received: Vec<Vec<u8>>,
    /// Successful answers to checks, with the address that they told.
    pub(crate) answers: Vec<SocketAddr>,
    /// Datagrams that could not be understood.
    pub(crate) strange: usize,
    first_ssrc: u32,
}

impl Peer {
    pub(crate) fn new(number: u8, versions: Versions, now: Instant) -> Self {
        Self {
            address: SocketAddr::from(([198, 51, 100, number], 40_000)),
            port: Port(0),
            connection: None,
            dtls: DtlsServer::new(versions, now),
            ufrag: format!("page{number}"),
            pwd: "p".repeat(24),
            node: Default::default(),
            media: None,
            received: Vec::new(),
            answers: Vec::new(),
            strange: 0,
            first_ssrc: u32::from(number) * 1_000,
        }
    }

    /// The way between it and the node.
    pub(crate) fn path(&self) -> Path {
        match self.connection {
            None => Path::udp(self.port, self.address),
            Some(connection) => Path::tcp(connection, self.address),
        }
    }

    /// SSRC of its audio, video and video RTX.
    pub(crate) fn ssrcs(&self) -> [u32; 3] {
        [1, 2, 3].map(|i| self.first_ssrc + i)
    }

    /// New credentials, as for an ICE restart.
    pub(crate) fn restart_ice(&mut self) {
        self.ufrag.push('x');
    }

    /// An offer with one audio and one video section.
    pub(crate) fn offer(&self) -> String {
        let [audio, video, rtx] = self.ssrcs();
        let transport = format!(
            "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
             a=ice-options:trickle\r\na=fingerprint:{}\r\na=setup:actpass\r\na=rtcp-mux\r\n\
             a=sendrecv\r\n",
            self.ufrag,
            self.pwd,
            self.dtls.fingerprint()
        );
        format!(
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
             a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{transport}a=mid:0\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
             a=ssrc:{audio} cname:page\r\na=ssrc:{audio} msid:- a\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n{transport}a=mid:1\r\na=rtcp-rsize\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
             a=rtcp-fb:96 goog-remb\r\n\
             a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
             a=ssrc-group:FID {video} {rtx}\r\na=ssrc:{video} cname:page\r\n\
             a=ssrc:{video} msid:- v\r\na=ssrc:{rtx} cname:page\r\na=ssrc:{rtx} msid:- v\r\n"
        )
    }

    /// Takes the node's credentials from its answer.
    pub(crate) fn take_answer(&mut self, answer: &str) {
        let value = |name: &str| {
            let start = answer.find(name).expect("in the answer") + name.len();
            answer[start..].lines().next().expect("a line").trim().to_owned()
        };
        self.node = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
    }

    /// A check as a controlling agent sends it.
    pub(crate) fn check(&self, nominate: bool) -> Vec<u8> {
        let user = format!("{}:{}", self.node.0, self.ufrag);
        let extra: &[AttrType] = if nominate { &[ATTR_USE_CANDIDATE] } else { &[] };
        check(&user, &self.node.1, ATTR_ICE_CONTROLLING, extra)
    }

    /// A check to which someone on the way has added a nomination.
    pub(crate) fn check_with_trailing_use_candidate(&self) -> Vec<u8> {
        let mut message = Message { raw: self.check(false), ..Message::default() };
        message.decode().expect("STUN");
        // Cut the fingerprint off, and make a new one behind the addition.
        message.raw.truncate(message.raw.len() - 8);
        message.attributes.0.pop();
        message.length -= 8;
        message.add(ATTR_USE_CANDIDATE, &[]);
        FINGERPRINT.add_to(&mut message).expect("a fingerprint");
        message.raw
    }

    /// A check with the right user name and another password.
    pub(crate) fn forged_check(&self) -> Vec<u8> {
        let user = format!("{}:{}", self.node.0, self.ufrag);
        check(&user, &"w".repeat(24), ATTR_ICE_CONTROLLING, &[ATTR_USE_CANDIDATE])
    }

    /// A check with the right credentials from a peer in the wrong role.
    pub(crate) fn controlled_check(&self) -> Vec<u8> {
        let user = format!("{}:{}", self.node.0, self.ufrag);
        let role = stun::attributes::ATTR_ICE_CONTROLLED;
        check(&user, &self.node.1, role, &[ATTR_USE_CANDIDATE])
    }

    /// Takes a datagram from the node; returns what it sends in response.
    pub(crate) fn handle(&mut self, now: Instant, data: &[u8]) -> Vec<Vec<u8>> {
        match data[0] {
            0..=3 => self.handle_stun(data),
            20..=63 => {
                self.dtls.handle(now, data);
                return self.poll_dtls(now);
            }
            _ => self.handle_media(data),
        }
        Vec::new()
    }

    fn handle_stun(&mut self, data: &[u8]) {
        let mut message = Message { raw: data.to_vec(), ..Message::default() };
        message.decode().expect("STUN");
        FINGERPRINT.check(&message).expect("a fingerprint");
        MessageIntegrity::check(&mut message, self.node.1.as_bytes(), &AwsLcRsCrypto)
            .expect("the node's password");
        if message.typ == BINDING_SUCCESS {
            let mut mapped = XorMappedAddress::default();
            stun::message::Getter::get_from(&mut mapped, &message).expect("a mapped address");
            self.answers.push(SocketAddr::new(mapped.ip, mapped.port));
        } else {
            self.strange += 1;
        }
    }

    fn handle_media(&mut self, data: &[u8]) {
        let Some((_, inbound)) = &mut self.media else {
            self.strange += 1;
            return;
        };
        let plain = if (192..=223).contains(&data[1]) {
            inbound.decrypt_rtcp(data)
        } else {
            inbound.decrypt_rtp(data)
        };
        match plain {
            Ok(plain) => self.received.push(plain.to_vec()),
            Err(_) => self.strange += 1,
        }
    }

    /// What its DTLS has to send; installs the keys once they are there.
    pub(crate) fn poll_dtls(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let packets = self.dtls.poll(now);
        if self.media.is_none()
            && let Some((profile, material)) = &self.dtls.keys
        {
            let profile = match profile {
                SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
                SrtpProfile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
                SrtpProfile::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            };
            let mut config = Config { profile, ..Config::default() };
            config.set_session_keys_from_keying_material(material, false).expect("its length");
            let context = |key: &[u8], salt: &[u8]| {
                Context::new(key, salt, profile, None, None, &AwsLcRsCrypto).expect("a context")
            };
            let keys = &config.keys;
            self.media = Some((
                context(&keys.local_master_key, &keys.local_master_salt),
                context(&keys.remote_master_key, &keys.remote_master_salt),
            ));
        }
        packets
    }

    pub(crate) fn is_warm(&self) -> bool {
        self.media.is_some()
    }

    /// Protects an RTP packet.
    pub(crate) fn seal_rtp(&mut self, plain: &[u8]) -> Vec<u8> {
        let (outbound, _) = self.media.as_mut().expect("keys");
        outbound.encrypt_rtp(plain).expect("sealed").to_vec()
    }

    /// Protects an RTCP packet.
    pub(crate) fn seal_rtcp(&mut self, plain: &[u8]) -> Vec<u8> {
        let (outbound, _) = self.media.as_mut().expect("keys");
        outbound.encrypt_rtcp(plain).expect("sealed").to_vec()
    }

    /// Protects what claims to be RTP or RTCP, if it is well-formed enough for that.
    pub(crate) fn try_seal(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let (outbound, _) = self.media.as_mut()?;
        let sealed = if (192..=223).contains(&plain[1]) {
            outbound.encrypt_rtcp(plain)
        } else {
            outbound.encrypt_rtp(plain)
        };
        sealed.ok().map(|sealed| sealed.to_vec())
    }
}

/// A Binding request.
fn check(user: &str, pwd: &str, role: AttrType, extra: &[AttrType]) -> Vec<u8> {
    let mut message = Message {
        typ: BINDING_REQUEST,
        transaction_id: TransactionId::new(),
        ..Message::default()
    };
    message.write_header();
    Username::new(ATTR_USERNAME, user.to_owned()).add_to(&mut message).expect("a user name");
    message.add(role, &[7; 8]);
    message.add(ATTR_PRIORITY, &[0x6e, 0, 0x1e, 0xff]);
    for &attribute in extra {
        message.add(attribute, &[]);
    }
    MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), &AwsLcRsCrypto)
        .add_to(&mut message)
        .expect("integrity");
    FINGERPRINT.add_to(&mut message).expect("a fingerprint");
    message.raw
}

/// The payload of a packet that is a whole VP8 key frame (RFC 7741, RFC 6386 §9.1).
pub(crate) fn key_frame() -> Vec<u8> {
    let mut payload = vec![0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    payload.extend([5; 100]);
    payload
}

/// A plain RTP packet without extensions.
pub(crate) fn rtp_packet(payload_type: u8, sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 960).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}
