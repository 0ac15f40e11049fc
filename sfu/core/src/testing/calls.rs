//! Calls under way on a core, on a clock of their own: what benches measure.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use super::{Peer, Versions};
use crate::{
    Certificate, Core,
    api::{CallId, Command, Config, Epoch, Event, LegId, MAX_TRANSMIT, Port, Received},
    rtcp::transport_feedback,
    rtp::{Header, Ssrc},
};

/// Bridged calls and the peers of their legs. Peers send what a browser sends of 1.5 Mbit/s of VP8 and
/// of Opus, with every header extension, and give transport-wide feedback.
pub struct Calls {
    core: Core,
    now: Instant,
    callers: Vec<Caller>,
    steps: u32,
}

/// A datagram on its way to or from a peer.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The peer.
    pub peer: SocketAddr,
    /// The bytes.
    pub data: Vec<u8>,
}

/// One peer and how far its streams are.
struct Caller {
    peer: Peer,
    video: u16,
    audio: u16,
    transport: u16,
    arrivals: Vec<(u16, i64)>,
    feedback: u8,
}

/// From one video frame to the next.
const STEP: Duration = Duration::from_micros(33_333);
/// From one run of datagrams to the next.
const RUN: Duration = Duration::from_micros(10);
/// Packets of a frame, and their payload: 1.5 Mbit/s.
const PACKETS: u16 = 6;
const VIDEO_PAYLOAD: usize = 1_042;
const AUDIO_PAYLOAD: usize = 80;
const OPUS: u8 = 111;
const VP8: u8 = 96;
/// Frames from one transport feedback to the next: every 67 ms.
const FEEDBACK_EVERY: u32 = 2;
/// Id of the transport-wide sequence number in [`EXTENSIONS`].
const TRANSPORT_SEQUENCE: u8 = 3;
const MID_LINE: &str = "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
const EXTENSIONS: &str = "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
     a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
     a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
     a=extmap:4 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";

impl Calls {
    /// So many calls, at most a hundred, warm and bridged.
    ///
    /// # Panics
    ///
    /// If a leg does not become warm.
    pub fn new(calls: u8) -> Self {
        let now = Instant::now();
        let config = Config {
            port: Port(0),
            candidates: vec![SocketAddr::from(([192, 0, 2, 1], 50_000))],
            tcp_candidates: Vec::new(),
            max_legs: 2 * usize::from(calls),
            seed: [1; 32],
            certificate: Certificate::generate(),
            measuring: None,
        };
        let core = Core::new(config, now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
        let mut this = Self { core, now, callers: Vec::new(), steps: 0 };
        for number in 0..2 * calls {
            this.connect(number);
        }
        for call in 0..u128::from(calls) {
            let legs = [LegId(2 * call), LegId(2 * call + 1)];
            let bridge = Command::Bridge { call: CallId(call), epoch: Epoch(1), legs };
            this.core.handle_command(now, bridge);
        }
        let mut sent = Vec::new();
        this.drain(&mut sent);
        this
    }

    fn connect(&mut self, number: u8) {
        let mut peer = Peer::new(number + 1, Versions::Both, self.now);
        let offer = peer
            .offer()
            .replace(MID_LINE, EXTENSIONS)
            .replace("a=rtcp-fb:96 nack\r\n", "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 transport-cc\r\n");
        let leg = LegId(number.into());
        self.core.handle_command(self.now, Command::OpenLeg { leg, offer });
        while let Some(event) = self.core.poll_event() {
            if let Event::Answer { sdp, .. } = event {
                peer.take_answer(&sdp);
            }
        }
        let mut to_core = vec![peer.check(true)];
        let is_due = |core: &Core, now| core.next_timeout().is_some_and(|due| due <= now);
        while !to_core.is_empty() || is_due(&self.core, self.now) {
            for mut data in std::mem::take(&mut to_core) {
                let _ = self.core.handle_datagram(self.now, Port(0), peer.address, &mut data);
            }
            // Handshakes wait for their turn.
            if is_due(&self.core, self.now) {
                self.core.handle_timeout(self.now);
            }
            while let Some(transmit) = self.core.poll_transmit() {
                if transmit.path.remote == peer.address {
                    to_core.extend(peer.handle(self.now, transmit.data));
                }
            }
        }
        assert!(peer.is_warm(), "{:?}", self.core.stats());
        self.callers.push(Caller {
            peer,
            video: 1_000,
            audio: 2_000,
            transport: 0,
            arrivals: Vec::new(),
            feedback: 0,
        });
    }

    /// Lets a thirtieth of a second pass; everything that peers send in it, sealed, by what comes
    /// together: a frame of video does.
    pub fn step(&mut self) -> Vec<Vec<Carried>> {
        self.now += STEP;
        self.steps += 1;
        let key_frame = self.steps % 60 == 1;
        // 50 packets a second in steps of a thirtieth: five in three.
        let audio = if self.steps.is_multiple_of(3) { 1 } else { 2 };
        let feedback = self.steps.is_multiple_of(FEEDBACK_EVERY);
        let mut runs = Vec::new();
        if feedback {
            for caller in &mut self.callers {
                let peer = caller.peer.address;
                runs.extend(caller.feedback().map(|data| vec![Carried { peer, data }]));
            }
        }
        for _ in 0..audio {
            for caller in &mut self.callers {
                runs.push(vec![Carried { peer: caller.peer.address, data: caller.audio() }]);
            }
        }
        for caller in &mut self.callers {
            let packet = |number| Carried {
                peer: caller.peer.address,
                data: caller.video(number, key_frame, self.steps),
            };
            runs.push((0..PACKETS).map(packet).collect());
        }
        runs
    }

    /// The core takes datagrams that came together, and `send` gets what it sends, as a shell does it:
    /// nothing is copied here.
    pub fn forward(
        &mut self,
        run: &mut [Carried],
        buffer: &mut [u8; MAX_TRANSMIT],
        mut send: impl FnMut(SocketAddr, &[u8]),
    ) {
        self.now += RUN;
        let bytes = run.iter().map(|carried| carried.data.len()).sum();
        let received = run.first().map(|first| Received {
            from: first.peer,
            datagram: first.data.len(),
            bytes,
        });
        self.core.glance(Port(0), received.into_iter());
        for Carried { peer, data } in run {
            let _ = self.core.handle_datagram(self.now, Port(0), *peer, data);
        }
        while let Some((path, len)) = self.core.transmit_into(buffer) {
            send(path.remote, &buffer[..len]);
        }
        while self.core.poll_event().is_some() {}
    }

    /// The core does what is due.
    pub fn handle_timeout(&mut self, sent: &mut Vec<Carried>) {
        if self.core.next_timeout().is_some_and(|due| due <= self.now) {
            self.core.handle_timeout(self.now);
        }
        self.drain(sent);
    }

    fn drain(&mut self, sent: &mut Vec<Carried>) {
        while let Some(transmit) = self.core.poll_transmit() {
            sent.push(Carried { peer: transmit.path.remote, data: transmit.data.to_vec() });
        }
        while self.core.poll_event().is_some() {}
    }

    /// Peers take what the core has sent; how many of it were RTP.
    pub fn deliver(&mut self, sent: Vec<Carried>) -> usize {
        let mut packets = 0;
        // Microseconds of a clock that the core knows nothing of.
        let at = 1_000_000 + i64::from(self.steps) * STEP.as_micros() as i64;
        for Carried { peer, mut data } in sent {
            let is_rtp = data[0] >> 6 == 2 && !(192..=223).contains(&data[1]);
            let caller = self.callers.iter_mut().find(|caller| caller.peer.address == peer);
            let (true, Some(caller)) = (is_rtp, caller) else { continue };
            packets += 1;
            // Sealed bytes are no padding.
            data[0] &= !0x20;
            let header = Header::parse(&data);
            let sequence = header.and_then(|header| {
                let (_, value) =
                    header.extensions(&data).find(|(id, _)| *id == TRANSPORT_SEQUENCE)?;
                Some(u16::from_be_bytes(*data[value].first_chunk()?))
            });
            caller.arrivals.extend(sequence.map(|sequence| (sequence, at)));
        }
        packets
    }

    /// What went wrong so far: nothing, if the figures are to mean something.
    pub fn dropped(&self) -> crate::Drops {
        self.core.stats().dropped
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").field("core", &self.core).finish_non_exhaustive()
    }
}

impl Caller {
    fn audio(&mut self) -> Vec<u8> {
        let [ssrc, ..] = self.peer.ssrcs();
        let mut packet = self.packet(OPUS, self.audio, u32::from(self.audio) * 960, ssrc);
        self.audio += 1;
        packet.resize(packet.len() + AUDIO_PAYLOAD, 0xfc);
        self.peer.seal_rtp(&packet)
    }

    fn video(&mut self, number: u16, key_frame: bool, frame: u32) -> Vec<u8> {
        let [_, ssrc, _] = self.peer.ssrcs();
        let mut packet = self.packet(VP8, self.video, frame * 3_000, ssrc);
        self.video += 1;
        if number + 1 == PACKETS {
            packet[1] |= 0x80;
        }
        let first = number == 0;
        let start = packet.len();
        packet.resize(start + VIDEO_PAYLOAD, 0);
        // RFC 7741: start of the partition, then the frame header's inverse key frame flag.
        packet[start] = u8::from(first) << 4;
        packet[start + 1] = u8::from(first && !key_frame);
        self.peer.seal_rtp(&packet)
    }

    /// A header with all extensions.
    fn packet(&mut self, payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x90, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        let [high, low] = self.transport.to_be_bytes();
        self.transport = self.transport.wrapping_add(1);
        let (mid, level) = if payload_type == OPUS { (b'0', [0x40, 0x9e]) } else { (b'1', [0, 0]) };
        packet.extend([0xbe, 0xde, 0, 3, 0x10, mid, 0x22, 1, 2, 3, 0x31, high, low]);
        packet.extend(level);
        packet.push(0);
        packet
    }

    fn feedback(&mut self) -> Option<Vec<u8>> {
        let base = self.arrivals.first()?.0;
        let arrivals = std::mem::take(&mut self.arrivals);
        let last = arrivals.last()?.0;
        let count = usize::from(last.wrapping_sub(base)) + 1;
        let mut out = [0; 1_200];
        let [_, ssrc, _] = self.peer.ssrcs();
        let arrival = |i: usize| {
            let sequence = base.wrapping_add(i as u16);
            arrivals.iter().find(|(of, _)| *of == sequence).map(|(_, at)| *at)
        };
        let sender = Ssrc(ssrc);
        let (len, _) = transport_feedback::write(
            &mut out,
            sender,
            Ssrc(1),
            self.feedback,
            base,
            count,
            arrival,
        )?;
        self.feedback = self.feedback.wrapping_add(1);
        Some(self.peer.seal_rtcp(&out[..len]))
    }
}
