//! A call of two whose peers have proven who they are, and then send whatever they like.
//!
//! The fuzzer's bytes are a script: packets of any content, and well-formed ones with chosen numbers and times,
//! which reach what looks at a stream over time. What one peer sends must not stop the node, nor the other peer's call.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::{
    api::MediaKind,
    bwe::MAX_BITRATE,
    media::{
        MAX_PACKET, MediaLeg, Outgoing,
        agreed::{CHROMIUM, FIREFOX, NODE, leg_of, nack, negotiated},
    },
    rtp::{Header, HeaderWriter, MAX_HEADER},
    sdp::{Codec, Extension, Negotiated},
};

/// What is agreed with each browser: the script is about what comes after.
static AGREED: LazyLock<[Negotiated; 2]> = LazyLock::new(|| [CHROMIUM, FIREFOX].map(negotiated));
/// A call's steps: longer scripts only take longer.
const STEPS: usize = 2_000;
/// A leg is looked at so often at one moment at most: then what is due has been done, or never will be.
const LOOKS: usize = 64;
/// Packets that a leg sends at one moment: more than it can have been given.
const PACKETS: usize = 20_000;

/// Runs a script. Its first byte says which browsers the peers are.
pub fn call(data: &[u8]) {
    let mut script = Script(data);
    let Some(browsers) = script.byte() else { return };
    let mut call = Call::new(browsers);
    for _ in 0..STEPS {
        if call.step(&mut script).is_none() {
            break;
        }
        call.settle();
    }
}

struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

struct Call {
    now: Instant,
    legs: [MediaLeg; 2],
    peers: [Peer; 2],
}

/// What a peer sends on the streams of its offer.
struct Peer {
    negotiated: Negotiated,
    sequences: [u16; 2],
    timestamps: [u32; 2],
    transport: u16,
    /// 6.18 fixed point seconds.
    send_time: u32,
    /// The transport-wide number after the one that has come last.
    expected: u16,
}

impl Call {
    fn new(browsers: u8) -> Self {
        let now = Instant::now();
        let agreements =
            [browsers & 1, browsers >> 1 & 1].map(|browser| AGREED[usize::from(browser)].clone());
        let mut legs = agreements.clone().map(|negotiated| leg_of(negotiated, NODE, now));
        for leg in &mut legs {
            leg.start_forwarding(now);
        }
        Self { now, legs, peers: agreements.map(Peer::new) }
    }

    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        let operation = script.byte()?;
        let side = usize::from(operation & 1);
        match operation >> 1 & 7 {
            0 => {
                let len = 6 * usize::from(script.byte()?);
                self.media(side, script.bytes(len));
            }
            1 => {
                let len = 4 * usize::from(script.byte()?);
                self.legs[side].receive_rtcp(self.now, script.bytes(len));
            }
            2 => {
                let byte = script.byte()?;
                let unit = [1, 10, 100, 5_000][usize::from(byte & 3)];
                self.pass(Duration::from_millis(unit * u64::from(byte >> 2)));
            }
            3 => self.picture(side, script)?,
            4 => {
                let packet = self.peers[side].packet(MediaKind::Audio, script, &[1, 2, 3], true)?;
                self.media(side, &packet);
            }
            5 => {
                let feedback = self.peers[side].feedback(script)?;
                self.legs[side].receive_rtcp(self.now, &feedback);
            }
            6 => {
                let nack = nack(NODE.video.0, script.number()?, script.number()?);
                self.legs[side].receive_rtcp(self.now, &nack);
            }
            _ => self.command(side, script.byte()?),
        }
        Some(())
    }

    /// What the core does to a leg.
    fn command(&mut self, side: usize, which: u8) {
        let leg = &mut self.legs[side];
        match which & 7 {
            0 => leg.start_forwarding(self.now),
            1 => leg.stop_forwarding(),
            2 => leg.joins_running(),
            3 => leg.seed_rtt(Duration::from_millis(u64::from(which) * 4)),
            4 | 5 => leg.set_behind(self.now, which & 1 == 0),
            6 => {
                leg.take_quality(self.now);
            }
            _ => leg.renegotiate(self.peers[side].negotiated.clone()),
        }
    }

    /// A picture of VP8 in so many packets, of which some are lost.
    fn picture(&mut self, side: usize, script: &mut Script<'_>) -> Option<()> {
        let shape = script.byte()?;
        let lost = script.byte()?;
        let packets = 1 + (shape & 7);
        for index in 0..packets {
            let mut payload =
                vec![if index == 0 { 0x10 } else { 0 }, shape >> 3 & 1, index, 0, shape];
            payload.resize(if shape & 0x10 == 0 { 900 } else { 60 }, 0xab);
            let ends = index + 1 == packets;
            let packet = self.peers[side].packet(MediaKind::Video, script, &payload, ends)?;
            if lost >> index & 1 == 0 {
                self.media(side, &packet);
            }
        }
        Some(())
    }

    fn media(&mut self, side: usize, packet: &[u8]) {
        let [a, b] = &mut self.legs;
        let (from, to) = if side == 0 { (a, b) } else { (b, a) };
        let Some(incoming) = from.receive_rtp(self.now, packet) else { return };
        assert!(incoming.is_within(packet.len()));
        if to.is_forwarding() {
            to.forward(self.now, &incoming, packet);
        } else {
            from.keep(self.now, &incoming, packet);
        }
    }

    /// Time goes by, and what is due meanwhile is done when it is.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..STEPS {
            let due = self.legs.iter().filter_map(MediaLeg::next_timeout).min();
            match due {
                Some(due) if due <= until => self.now = self.now.max(due),
                _ => break,
            }
            for leg in &mut self.legs {
                leg.handle_timeout(self.now);
            }
            self.settle();
        }
        self.now = until;
    }

    /// Everything that is to be sent and told now.
    fn settle(&mut self) {
        let now = self.now;
        let mut out = [0; MAX_PACKET];
        for side in [0, 1] {
            let mut looks = 0;
            loop {
                let mut sent = 0;
                while let Some(outgoing) = self.legs[side].poll_packet(now, &mut out) {
                    let (Outgoing::Rtp(len) | Outgoing::Rtcp(len)) = outgoing;
                    assert!(len <= MAX_PACKET);
                    if let Outgoing::Rtp(len) = outgoing {
                        self.peers[side].receive(&out[..len]);
                    }
                    sent += 1;
                    assert!(sent < PACKETS, "a leg sends without end");
                }
                let wish = self.legs[side].take_feedback(now);
                if let Some(wish) = wish {
                    self.legs[1 - side].apply_feedback(now, wish);
                }
                while self.legs[side].poll_event().is_some() {}
                looks += 1;
                if sent == 0 && wish.is_none() {
                    break;
                }
                assert!(looks < LOOKS, "a leg is never done");
            }
            assert!(self.legs[side].downlink() <= MAX_BITRATE);
        }
    }
}

impl Peer {
    fn new(negotiated: Negotiated) -> Self {
        Self {
            negotiated,
            sequences: [65_530, 65_000],
            timestamps: [1 << 31, u32::MAX - 90_000],
            transport: 65_000,
            send_time: 0xff_f000,
            expected: 0,
        }
    }

    /// A packet has come from its leg.
    fn receive(&mut self, packet: &[u8]) {
        let header = Header::parse(packet).expect("a packet of ours");
        let kind = if header.ssrc == NODE.audio { MediaKind::Audio } else { MediaKind::Video };
        let Some(media) = self.negotiated.media(kind) else { return };
        let id = media.extensions.id(Extension::TransportSequence);
        let number = header.extensions(packet).find(|(of, _)| Some(*of) == id);
        let number = number.and_then(|(_, at)| packet[at].first_chunk().copied());
        if let Some(number) = number {
            self.expected = u16::from_be_bytes(number).wrapping_add(1);
        }
    }

    /// The next packet of a kind. The script may move its numbers and times.
    fn packet(
        &mut self,
        kind: MediaKind,
        script: &mut Script<'_>,
        payload: &[u8],
        ends: bool,
    ) -> Option<Vec<u8>> {
        let slot = kind as usize;
        let moves = script.byte()?;
        if moves & 1 != 0 {
            self.sequences[slot] = self.sequences[slot].wrapping_add(script.number()?);
        }
        if moves & 2 != 0 {
            self.timestamps[slot] =
                self.timestamps[slot].wrapping_add(u32::from(script.number()?) << 3);
        }
        if moves & 4 != 0 {
            self.transport = self.transport.wrapping_add(script.number()?);
        }
        if moves & 8 != 0 {
            self.send_time = self.send_time.wrapping_add(u32::from(script.number()?) << 2);
        }
        let codec = [Codec::Opus, Codec::Vp8][slot];
        let media = self.negotiated.media(kind)?;
        let payload_type = media.best_for(codec)?.payload_type;
        let mut packet = vec![0; MAX_HEADER];
        let mut header = HeaderWriter::new(&mut packet, false);
        let ssrc = media.remote?.ssrc;
        header.fixed(ends, payload_type, self.sequences[slot], self.timestamps[slot], ssrc);
        if let Some(id) = media.extensions.id(Extension::TransportSequence) {
            header.extension(id, &self.transport.to_be_bytes());
        }
        if let Some(id) = media.extensions.id(Extension::AbsSendTime) {
            header.extension(id, &self.send_time.to_be_bytes()[1..]);
        }
        let len = header.finish();
        packet.truncate(len);
        packet.extend(payload);
        self.sequences[slot] = self.sequences[slot].wrapping_add(1);
        self.transport = self.transport.wrapping_add(1);
        if ends {
            let ticks = [960, 3_000][slot];
            self.timestamps[slot] = self.timestamps[slot].wrapping_add(ticks);
        }
        // A third of a millisecond, in that fixed point.
        self.send_time = self.send_time.wrapping_add(87);
        Some(packet)
    }

    /// Transport-wide feedback about what has come lately: runs of packets that came, came late, or did not.
    fn feedback(&mut self, script: &mut Script<'_>) -> Option<Vec<u8>> {
        let base = self.expected.wrapping_sub(u16::from(script.byte()?));
        let reference = script.number()?;
        let runs = 1 + (script.byte()? & 3);
        let (mut chunks, mut deltas, mut count) = (Vec::new(), Vec::new(), 0);
        for _ in 0..runs {
            let run = script.byte()?;
            let (status, packets) = (run & 3, u16::from(run >> 2) + 1);
            chunks.extend((u16::from(status) << 13 | packets).to_be_bytes());
            count += packets;
            for _ in 0..packets {
                match status {
                    1 => deltas.push(script.byte()?),
                    2 => deltas.extend(script.number()?.to_be_bytes()),
                    _ => {}
                }
            }
        }
        let mut feedback = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 22];
        feedback.extend(base.to_be_bytes());
        feedback.extend(count.to_be_bytes());
        let [high, low] = reference.to_be_bytes();
        feedback.extend([0, high, low, 0]);
        feedback.extend(chunks);
        feedback.extend(deltas);
        feedback.resize(feedback.len().next_multiple_of(4), 0);
        let words = (feedback.len() / 4 - 1) as u16;
        feedback[2..4].copy_from_slice(&words.to_be_bytes());
        Some(feedback)
    }
}
