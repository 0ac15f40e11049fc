//! What arrives at a leg, and what the leg makes of it.

use std::{net::SocketAddr, time::Duration};

use light_peer::{dtls, stun};
use sfu_core::rtcp::{Message, Messages, ReportBlock};

use super::{
    Event, INTERRUPTION, Leg, Origin,
    incoming::{Packet, Repaired},
    micros, outgoing,
};
use crate::media::{Kind, Way};

impl Leg {
    /// Takes a datagram.
    pub fn handle_datagram(&mut self, now: Duration, from: SocketAddr, data: &mut [u8]) {
        self.heard = now;
        match data.first() {
            Some(first) if stun::FIRST_BYTES.contains(first) => self.handle_stun(now, from, data),
            Some(first) if dtls::FIRST_BYTES.contains(first) => self.handle_dtls(now, data),
            Some(128..=191) if data.get(1).is_some_and(|byte| (192..=223).contains(byte)) => {
                self.handle_rtcp(now, data);
            }
            Some(128..=191) => self.handle_rtp(now, data),
            _ => self.counts.strange += 1,
        }
    }

    fn handle_stun(&mut self, now: Duration, from: SocketAddr, data: &[u8]) {
        match stun::receive(data, from, &self.local) {
            stun::Received::Answered => {
                if self.chosen.replace(from).is_none() {
                    self.timers.connected(now);
                    self.events.push_back(Event::IceConnected);
                }
            }
            stun::Received::Answer(answer) => self.out.push(&answer),
            stun::Received::Response | stun::Received::Other => self.counts.strange += 1,
        }
    }

    fn handle_dtls(&mut self, now: Duration, data: &[u8]) {
        let session = self.dtls.receive(self.origin.instant + now, data);
        self.flush_dtls();
        if let Some(session) = session
            && self.session.is_none()
        {
            self.session = Some(session);
            self.events.push_back(Event::DtlsConnected);
        }
    }

    pub(super) fn flush_dtls(&mut self) {
        while let Some(datagram) = self.dtls.poll() {
            self.out.push(&datagram);
        }
    }

    fn handle_rtp(&mut self, now: Duration, data: &mut [u8]) {
        let Some(session) = &self.session else {
            self.counts.strange += 1;
            return;
        };
        match self.incoming.open(session, micros(now), data) {
            Some(Packet::Media(kind, payload, repaired)) => {
                let way = Way { repaired: repaired == Repaired::Yes, rtt: self.rtt };
                let payload = &data[payload];
                if self.ears.judge().is_some() {
                    self.hear(way, micros(now), kind, payload);
                } else {
                    self.ears.keep(micros(now), kind, payload);
                }
            }
            Some(Packet::Empty) => {}
            None => self.counts.strange += 1,
        }
    }

    pub(super) fn hear(&mut self, way: Way, now_us: u64, kind: Kind, payload: &[u8]) {
        let Some(judge) = self.ears.judge_mut() else { return };
        let before = judge.last_us();
        let news = judge.packet_by(way, now_us, kind, payload);
        if let (Some(before), true) = (before, judge.last_us() == Some(now_us)) {
            let silence = Duration::from_micros(now_us.saturating_sub(before));
            if self.expecting && silence >= INTERRUPTION {
                self.events.push_back(Event::Interrupted(silence));
            }
        }
        self.events.extend(news.into_iter().map(Event::News));
    }

    fn handle_rtcp(&mut self, now: Duration, data: &mut [u8]) {
        let opened = self.session.as_ref().and_then(|session| session.remote.open_rtcp(data));
        let Some(plain) = opened else {
            self.counts.strange += 1;
            return;
        };
        for message in Messages::new(plain).flatten() {
            match message {
                Message::SenderReport { ssrc, ntp, blocks, .. } => {
                    self.incoming.sender_report(ssrc.0, (ntp >> 16) as u32, micros(now));
                    self.rtt = rtt(self.origin, now, &blocks).unwrap_or(self.rtt);
                }
                Message::ReceiverReport(blocks) => {
                    self.rtt = rtt(self.origin, now, &blocks).unwrap_or(self.rtt);
                }
                Message::Nack { lost, .. } => {
                    self.counts.nacked += lost.len() as u32;
                    let Some(session) = &self.session else { return };
                    let wall = self.origin.wall + now;
                    self.outgoing.repeat(now, wall, &lost, self.rtt, session, &mut self.out);
                }
                Message::KeyFrameRequest => {
                    self.counts.key_frames_asked += 1;
                    if let Some(generator) = &mut self.generator {
                        generator.ask_key_frame(now);
                    }
                }
                Message::MaxBitrate(bitrate) => self.rate.limit(bitrate),
                Message::TransportFeedback(feedback) => self.rate.feedback(now, &feedback),
                Message::Other => {}
            }
        }
        if let Some(generator) = &mut self.generator {
            generator.limit_video(self.rate.video_kbps());
        }
    }
}

/// The round trip that a report block tells (RFC 3550 §6.4.1).
fn rtt(origin: Origin, now: Duration, blocks: &[ReportBlock]) -> Option<Duration> {
    let middle = (outgoing::ntp(origin.wall + now) >> 16) as u32;
    blocks.iter().find_map(|block| {
        (block.last_sender_report != 0).then(|| {
            let units = middle.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay);
            // Clocks of one machine: what looks negative is nothing.
            let units = if units > u32::MAX / 2 { 0 } else { units };
            Duration::from_secs_f64(f64::from(units) / 65_536.0)
        })
    })
}
