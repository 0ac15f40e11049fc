//! A page's end of a leg, cheap: ICE checks, a DTLS server, SRTP with AES-128-GCM, media with all the
//! header extensions that a browser sends, and the feedback that a browser gives. Sans-IO.
//!
//! It does not decode, resample, encode or pace, and sends at one rate whatever it is told. What it sends and answers is
//! what the node sees of a browser in a good network. What is lost it asks for, and repeats, as Chromium does.

pub mod dtls;
pub mod header;
pub mod media;
pub mod receive;
pub mod repair;
pub mod sdp;
pub mod srtp;
pub mod stun;
#[cfg(test)]
mod tests;
pub mod turn;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use sfu_world::{
    Time,
    viewer::{Nacks, News},
};

use self::{
    dtls::{Dtls, Identity},
    media::{Kind, ORIGINAL_LEN, Stamp, Stream},
    receive::{Header, Receiver},
    repair::RoundTrip,
    sdp::{Offer, Remote},
    srtp::Session,
};

/// ICE credentials.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

/// What a peer says about a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A check was answered.
    Checked,
    /// The media keys are there.
    Warm,
    /// A media packet of the other peer.
    Media(Stamp),
    /// A packet that is sent again or for probing.
    Repair,
    /// The node asks for packets again: they did not reach it. So many are repeated.
    Asked(u32),
    /// An answer to a request that is not ours to understand.
    Response,
    /// Not authentic, or not understood.
    Strange,
    /// Nothing to tell.
    Nothing,
}

/// One peer.
pub struct Peer {
    local: Credentials,
    fingerprint: String,
    remote: Option<Remote>,
    dtls: Option<Dtls>,
    session: Option<Session>,
    audio: Stream,
    video: Stream,
    receiver: Receiver,
    /// The SSRC of the video that comes, and what is missing of it.
    watched: Option<u32>,
    nacks: Nacks,
    round_trip: RoundTrip,
    transport_sequence: u16,
    rtcp_index: u32,
}

impl Peer {
    /// A page's peer that has offered nothing yet.
    pub fn new(number: u32, identity: &Identity) -> Self {
        let dtls = Some(Dtls::new(identity));
        Self { fingerprint: identity.fingerprint.clone(), dtls, ..Self::keyed(number, None) }
    }

    /// A peer whose keys are fixed beforehand: for forwarders without signaling.
    pub fn keyed(number: u32, session: Option<Session>) -> Self {
        let first = number.wrapping_mul(4).wrapping_add(1_000_000);
        Self {
            local: Credentials {
                ufrag: format!("peer{number:08x}"),
                pwd: format!("peerpassword{number:016x}"),
            },
            fingerprint: String::new(),
            remote: None,
            dtls: None,
            session,
            audio: Stream::new(Kind::Audio, number, first),
            video: Stream::new(Kind::Video, number, first + 1),
            receiver: Receiver::default(),
            watched: None,
            nacks: Nacks::default(),
            round_trip: RoundTrip::default(),
            transport_sequence: 0,
            rtcp_index: 1,
        }
    }

    /// Its video's frames are to have so many packets.
    pub fn set_packets_per_frame(&mut self, packets: usize) {
        self.video.set_packets_per_frame(packets);
    }

    /// Its offer, or with `setup` `passive` its answer. `address` is where its datagrams come from.
    pub fn offer(&self, setup: &str, address: SocketAddr) -> String {
        let (credentials, fingerprint) = (&self.local, self.fingerprint());
        Offer { credentials, fingerprint, setup, address, ssrcs: self.ssrcs() }.to_string()
    }

    /// Its certificate's: a hash function, a space, and a value.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Those of its audio, its video and what it repeats of that.
    pub fn ssrcs(&self) -> [u32; 3] {
        [self.audio.ssrc, self.video.ssrc, self.video.ssrc + 1]
    }

    /// Takes the other side's description.
    pub fn take_remote(&mut self, remote: Remote) {
        self.remote = Some(remote);
    }

    /// Where datagrams go.
    pub fn remote(&self) -> Option<SocketAddr> {
        Some(self.remote.as_ref()?.address)
    }

    /// Keys are there.
    pub fn is_warm(&self) -> bool {
        self.session.is_some()
    }

    /// A check, for consent or to begin with.
    pub fn check(&self) -> Option<Vec<u8>> {
        Some(stun::check(&self.local, &self.remote.as_ref()?.credentials))
    }

    /// Appends the next frame; the size of its packets.
    pub fn frame(&mut self, kind: Kind, now: u64, run: &mut Vec<u8>) -> Option<usize> {
        let keys = &self.session.as_ref()?.local;
        let stream = match kind {
            Kind::Audio => &mut self.audio,
            Kind::Video => &mut self.video,
        };
        Some(stream.frame(keys, &mut self.transport_sequence, now, run))
    }

    /// Takes a datagram that came at `at` (nanoseconds since the Unix epoch). What is to be sent at
    /// once goes into `out`.
    pub fn receive(
        &mut self,
        now: Instant,
        at: u64,
        from: SocketAddr,
        data: &mut [u8],
        out: &mut Vec<Vec<u8>>,
    ) -> Happening {
        match data.first() {
            Some(first) if stun::FIRST_BYTES.contains(first) => {
                match stun::receive(data, from, &self.local) {
                    stun::Received::Answered => Happening::Checked,
                    stun::Received::Answer(answer) => {
                        out.push(answer);
                        Happening::Nothing
                    }
                    stun::Received::Response => Happening::Response,
                    stun::Received::Other => Happening::Strange,
                }
            }
            Some(first) if dtls::FIRST_BYTES.contains(first) => self.receive_dtls(now, data, out),
            Some(128..=191) if data.get(1).is_some_and(|byte| (192..=223).contains(byte)) => {
                self.receive_rtcp(at, data, out)
            }
            Some(128..=191) => self.receive_rtp(at / 1_000, data),
            _ => Happening::Strange,
        }
    }

    fn receive_dtls(&mut self, now: Instant, data: &[u8], out: &mut Vec<Vec<u8>>) -> Happening {
        let Some(dtls) = &mut self.dtls else { return Happening::Strange };
        let session = dtls.receive(now, data);
        while let Some(datagram) = dtls.poll() {
            out.push(datagram.to_vec());
        }
        match session {
            Some(session) if self.session.is_none() => {
                self.session = Some(session);
                Happening::Warm
            }
            _ => Happening::Nothing,
        }
    }

    fn receive_rtp(&mut self, at: u64, data: &mut [u8]) -> Happening {
        let Some(session) = &self.session else { return Happening::Strange };
        let Some(header) = Header::read(data) else { return Happening::Strange };
        if !self.receiver.open(&session.remote, &header, data, at) {
            return Happening::Strange;
        }
        let payload = &data[header.len..];
        let media = match (header.payload_type, payload.split_first_chunk::<ORIGINAL_LEN>()) {
            (sdp::VP8, _) => {
                self.watched = Some(header.ssrc);
                self.nacks.on_packet(header.sequence, media::starts_key_frame(payload));
                payload
            }
            (sdp::RTX, Some((original, repeated)))
                if self.nacks.on_packet(u16::from_be_bytes(*original), false) != News::Known =>
            {
                repeated
            }
            (sdp::RTX, _) => return Happening::Repair,
            _ => payload,
        };
        Stamp::read(media).map_or(Happening::Strange, Happening::Media)
    }

    /// Takes RTCP that came at `at`, nanoseconds since the Unix epoch.
    fn receive_rtcp(&mut self, at: u64, data: &mut [u8], out: &mut Vec<Vec<u8>>) -> Happening {
        let Some(session) = &self.session else { return Happening::Strange };
        let Some(mut rest) = session.remote.open_rtcp(data) else { return Happening::Strange };
        let (seconds, fraction) = repair::ntp(at);
        let now = seconds << 16 | fraction >> 16;
        let mut happening = Happening::Nothing;
        while let Some(&[first, kind, high, low]) = rest.first_chunk() {
            let len = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
            let Some((packet, after)) = rest.split_at_checked(len) else { break };
            match (kind, first & 0x1f) {
                // Sender report: the middle of its NTP time comes back in our report.
                (200, _) if packet.len() >= 28 => {
                    let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
                    let middle =
                        u32::from_be_bytes([packet[10], packet[11], packet[12], packet[13]]);
                    self.receiver.sender_report(ssrc, middle, at / 1_000);
                    self.round_trip.take_blocks(&packet[28..], now);
                }
                // Receiver report.
                (201, _) if packet.len() >= 8 => self.round_trip.take_blocks(&packet[8..], now),
                // Generic NACK.
                (205, 1) if packet.len() >= 12 => {
                    let (keys, rtt) = (&session.local, self.round_trip.get() * 1_000);
                    let sequence = &mut self.transport_sequence;
                    let before = out.len();
                    out.extend(
                        repair::named(&packet[12..]).filter_map(|wanted| {
                            self.video.repeat(keys, wanted, sequence, at, rtt)
                        }),
                    );
                    happening = Happening::Asked((out.len() - before) as u32);
                }
                // Picture loss, full intra request.
                (206, 1 | 4) => self.video.want_key_frame(),
                _ => {}
            }
            rest = after;
        }
        happening
    }

    /// Something is missing of what the node sends: [`Self::ask`] every [`repair::ASK_EVERY`].
    pub fn lacks(&self) -> bool {
        self.nacks.due() != Time::NEVER
    }

    /// Asks for what is missing and was not asked for lately, sealed. `now` is nanoseconds since the Unix epoch.
    pub fn ask(&mut self, now: u64) -> Option<Vec<u8>> {
        let rtt = Duration::from_micros(self.round_trip.get());
        let missing = self.nacks.collect(Time::ZERO + Duration::from_nanos(now), rtt);
        if missing.is_empty() {
            return None;
        }
        let mut packet = vec![0x81, 205, 0, 0];
        packet.extend(self.video.ssrc.to_be_bytes());
        packet.extend(self.watched?.to_be_bytes());
        repair::name(&missing, &mut packet);
        let words = packet.len() / 4 - 1;
        packet[2..4].copy_from_slice(&(words as u16).to_be_bytes());
        self.seal(packet)
    }

    /// Transport-wide feedback, sealed, if there is anything to report.
    pub fn feedback(&mut self) -> Option<Vec<u8>> {
        self.session.as_ref()?;
        let mut packet = Vec::with_capacity(128);
        self.receiver.feedback(self.video.ssrc, &mut packet).then(|| self.seal(packet))?
    }

    /// Sender reports with report blocks, sealed. `now` is nanoseconds since the Unix epoch.
    pub fn report(&mut self, now: u64) -> Option<Vec<u8>> {
        self.session.as_ref()?;
        let mut packet = Vec::with_capacity(256);
        for (blocks, stream) in [(false, &self.audio), (true, &self.video)] {
            let start = packet.len();
            let (seconds, fraction) = repair::ntp(now);
            packet.extend([0x80, 200, 0, 0]);
            for word in
                [stream.ssrc, seconds, fraction, stream.timestamp, stream.packets, stream.octets]
            {
                packet.extend(word.to_be_bytes());
            }
            if blocks {
                packet[start] |= self.receiver.report(now / 1_000, &mut packet);
            }
            let words = (packet.len() - start) / 4 - 1;
            packet[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
        }
        self.seal(packet)
    }

    fn seal(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        self.session.as_ref()?.local.seal_rtcp(&mut packet, self.rtcp_index);
        self.rtcp_index += 1;
        Some(packet)
    }

    /// Repeats what DTLS has to repeat.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        if let Some(dtls) = &mut self.dtls {
            dtls.handle_timeout(now);
            while let Some(datagram) = dtls.poll() {
                out.push(datagram.to_vec());
            }
        }
    }
}
