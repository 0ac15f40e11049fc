//! A publishing page: camera, microphone, encoder, pacer and Chromium's congestion control.

mod audio;
mod encoder;
mod gcc;
mod history;
mod pacer;
mod protection;
mod recent;
#[cfg(test)]
mod tests;
mod uplink;

use std::time::Duration;

use sfu_core::rtcp::transport_feedback::TransportFeedback;

use self::{
    audio::Microphone,
    encoder::Encoder,
    gcc::{Fate, Gcc},
    history::{History, InFlight, RepeatBudget},
    pacer::{Leave, Pacer, Waiting},
    protection::Protection,
};
pub use self::{
    audio::PERIOD as AUDIO_PERIOD,
    encoder::{FPS, Layers},
};
use crate::{
    page::{
        frame,
        wire::{Fields, MAX_RTP, RTP_OVERHEAD, Stamps, StreamIds},
    },
    random::Random,
    time::{Time, millis},
};

/// Chromium ignores a request for a key frame that follows another one within this.
const KEY_FRAME_INTERVAL: Duration = millis(300);
/// Header, extensions and the two bytes of a repeat.
const HEADER_RESERVE: usize = 12 + 4 + 12 + 2;
/// Share of the target that is payload of full packets.
const PAYLOAD_SHARE: f64 = (MAX_RTP - HEADER_RESERVE) as f64 / (MAX_RTP + RTP_OVERHEAD) as f64;
/// What the page allows its encoder at first, and for how long, as nobody knows the viewer's way yet (`tracks.js`).
const FIRST_BITRATE: f64 = 800_000.0;
const FIRST: Duration = millis(1_000);
/// Sending less than the target is looked at over this long.
const USAGE_WINDOW: f64 = 0.5;

/// What is published, and when.
#[derive(Debug, Clone)]
pub struct PublishPlan {
    /// First packet.
    pub start: Time,
    /// Bit/s that the page allows its encoder.
    pub max_bitrate: f64,
    /// The start bitrate of the answer, bit/s.
    pub start_bitrate: f64,
    /// Temporal layers.
    pub layers: Layers,
    /// The camera is off in these times.
    pub pauses: Vec<(Time, Time)>,
    /// Whether REMB is obeyed.
    pub obeys: bool,
}

/// The publisher.
#[derive(Debug, Clone)]
pub struct Publisher {
    plan: PublishPlan,
    ids: [StreamIds; 2],
    encoder: Encoder,
    microphone: Microphone,
    gcc: Gcc,
    pacer: Pacer,
    history: History,
    in_flight: InFlight,
    repeats: RepeatBudget,
    protection: Protection,
    sequences: [u16; 2],
    rtx_sequence: u16,
    next_frame: Time,
    was_paused: bool,
    last_key: Option<Time>,
    rtt: Duration,
    audio_waiting: Option<(u32, u32, usize)>,
    usage: (Time, f64),
    used: f64,
    fates: Vec<Fate>,
    /// Counts and last timestamps for sender reports, by kind.
    pub(crate) reports: [(u32, u32, u32); 2],
}

/// A packet that leaves: its size is that of the plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left;

impl Publisher {
    /// A publisher on a leg whose round trip is about `rtt`.
    pub fn new(plan: PublishPlan, ids: [StreamIds; 2], seed: u64, rtt: Duration) -> Self {
        let random = |purpose: u64| Random::new(seed, 0x7075_6200 + purpose);
        let encoder = Encoder::new(random(1), plan.layers, plan.max_bitrate, FIRST_BITRATE);
        let phase = Duration::from_secs_f64(random(3).unit() / FPS);
        Self {
            ids,
            encoder,
            microphone: Microphone::new(random(2), plan.start),
            gcc: Gcc::new(plan.start_bitrate, plan.max_bitrate),
            pacer: Pacer::default(),
            history: History::default(),
            in_flight: InFlight::default(),
            repeats: RepeatBudget::default(),
            protection: Protection::default(),
            sequences: [1_000, 2_000],
            rtx_sequence: 3_000,
            next_frame: plan.start + phase,
            was_paused: false,
            last_key: None,
            rtt,
            audio_waiting: None,
            usage: (plan.start, 0.0),
            used: 0.0,
            fates: Vec::new(),
            reports: [(0, 0, 0); 2],
            plan,
        }
    }

    /// The controller's target, bit/s on the wire.
    pub fn target(&self) -> f64 {
        self.gcc.target()
    }

    /// The controller's own estimate, bit/s, and REMB's limit.
    pub fn estimates(&self) -> (f64, Option<f64>) {
        (self.gcc.own_estimate(), self.gcc.limit())
    }

    /// Bytes in the pacer.
    pub fn queued(&self) -> usize {
        self.pacer.queued()
    }

    /// When [`Self::poll`] has something to do.
    pub fn next_timeout(&self, now: Time) -> Time {
        let paced = self.pacer.due(now, self.gcc.target()).unwrap_or(Time::NEVER);
        self.next_frame.min(self.microphone.due()).min(paced)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.microphone.due() <= now && self.audio_waiting.is_none() {
            self.audio_waiting = Some(self.microphone.take());
        }
        if self.next_frame <= now {
            self.next_frame = self.next_frame + Duration::from_secs_f64(1.0 / FPS);
            self.capture(now);
        }
    }

    fn capture(&mut self, now: Time) {
        let paused = self.plan.pauses.iter().any(|&(from, to)| from <= now && now < to);
        if paused {
            self.was_paused = true;
            return;
        }
        if std::mem::take(&mut self.was_paused) {
            self.encoder.want_key_frame();
        }
        self.gcc.start(now);
        let first = now.since(self.plan.start) < FIRST;
        let allowed = if first { FIRST_BITRATE } else { f64::INFINITY };
        let repeated = self.protection.share(now);
        let target = (self.encoder_target() * (1.0 - repeated)).min(allowed);
        let Some((frame, size)) = self.encoder.encode(now, target) else { return };
        let most = MAX_RTP - HEADER_RESERVE;
        let count = size.div_ceil(most - frame::PREFIX).max(1);
        let timestamp = (now.as_micros() * 9 / 100) as u32;
        let mut prefix = [0; frame::PREFIX];
        for index in 0..count {
            let prefix_len = frame::write(&frame, index as u16, count as u16, &mut prefix);
            // Packets of a frame are about equally large.
            let share = size * (index + 1) / count - size * index / count;
            let mut payload = Vec::with_capacity(most);
            payload.extend_from_slice(&prefix[..prefix_len]);
            payload.resize(share.max(prefix_len), 0);
            let sequence = self.sequences[1];
            self.sequences[1] = sequence.wrapping_add(1);
            self.pacer.push(Waiting {
                repeat_of: None,
                sequence,
                timestamp,
                marker: index + 1 == count,
                payload,
            });
        }
    }

    /// Writes the next packet that leaves now.
    pub fn poll(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Left> {
        if let Some((number, timestamp, size)) = self.audio_waiting.take() {
            const SOUND: [u8; 256] = [0x78; 256];
            let sequence = self.sequences[0];
            self.sequences[0] = sequence.wrapping_add(1);
            let fields = Fields { marker: false, sequence, timestamp };
            // The viewer knows a packet by its number.
            let payload = &SOUND[4..size.clamp(4, SOUND.len())];
            let stamps = self.ids[0].write(out, fields, &[&number.to_be_bytes(), payload]);
            let (packets, bytes, _) = self.reports[0];
            self.reports[0] = (packets + 1, bytes + size as u32, timestamp);
            self.number(now, out, stamps, None);
            return Some(Left);
        }
        let target = self.gcc.target();
        let gcc = &mut self.gcc;
        let (packet, probe) = match self.pacer.poll(now, target, || gcc.next_probe())? {
            Leave::Packet(packet, probe) => (packet, probe),
            Leave::Filler(probe) => (self.filler(), Some(probe)),
        };
        let fields = Fields {
            marker: packet.marker,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
        };
        let stamps = match packet.repeat_of {
            None => {
                let (sequence, timestamp) = (packet.sequence, packet.timestamp);
                self.history.keep(sequence, timestamp, packet.marker, &packet.payload);
                let (packets, bytes, _) = self.reports[1];
                self.reports[1] = (packets + 1, bytes + packet.payload.len() as u32, timestamp);
                self.ids[1].write(out, fields, &[&packet.payload])
            }
            Some(original) => {
                self.history.repeated(now, original);
                let original = original.to_be_bytes();
                self.ids[1].write_rtx(out, fields, &[&original, &packet.payload])
            }
        };
        let size = out.len() + RTP_OVERHEAD;
        if probe.is_none() {
            self.protection.sent(now, size, packet.repeat_of.is_some());
        }
        self.pacer.left(size as u32, target);
        self.number(now, out, stamps, probe);
        Some(Left)
    }

    /// A repeat of what was sent last, or an empty one of the usual length.
    fn filler(&mut self) -> Waiting {
        let newest = self.sequences[1].wrapping_sub(1);
        let mut filler = match self.history.filler(newest) {
            Some(kept) if kept.sequence == newest => Waiting {
                repeat_of: Some(kept.sequence),
                sequence: 0,
                timestamp: kept.timestamp,
                marker: kept.marker,
                payload: kept.payload.clone(),
            },
            _ => Waiting {
                repeat_of: Some(newest),
                sequence: 0,
                timestamp: 0,
                marker: false,
                payload: vec![0; 224],
            },
        };
        filler.sequence = self.take_rtx_sequence();
        filler
    }

    fn take_rtx_sequence(&mut self) -> u16 {
        let sequence = self.rtx_sequence;
        self.rtx_sequence = sequence.wrapping_add(1);
        sequence
    }

    /// Fills in the transport-wide number and the send time.
    fn number(&mut self, now: Time, out: &mut [u8], stamps: Stamps, probe: Option<u32>) {
        let size = (out.len() + RTP_OVERHEAD) as u32;
        let number = self.in_flight.send(now, size, probe);
        stamps.fill(out, number, now);
        let (since, bytes) = self.usage;
        let (passed, bytes) = (now.secs_since(since), bytes + f64::from(size));
        self.usage = (since, bytes);
        if passed >= USAGE_WINDOW {
            self.used = bytes * 8.0 / passed;
            self.usage = (now, 0.0);
        }
    }

    /// The node tells what arrived.
    pub fn on_transport_feedback(&mut self, now: Time, feedback: &TransportFeedback<'_>) {
        self.fates.clear();
        for status in feedback.statuses() {
            let received = status.arrival.is_some();
            let Some(packet) = self.in_flight.take(status.sequence, received) else { continue };
            self.fates.push(Fate { packet, arrival: status.arrival });
        }
        self.gcc.on_feedback(now, &self.fates, self.used);
    }

    /// The node limits what is sent (REMB).
    pub fn on_max_bitrate(&mut self, bitrate: u64) {
        if self.plan.obeys {
            self.gcc.set_limit(bitrate as f64);
        }
    }

    /// The node thinks that the way may carry more, up to so many bit/s.
    pub fn try_more(&mut self, up_to: Option<u64>) {
        let (target, most) = (self.encoder_target(), self.plan.max_bitrate);
        if let Some(allowed) = uplink::allowed(target, most, up_to) {
            self.gcc.allow(allowed);
        }
    }

    /// What the encoder is given, bit/s.
    fn encoder_target(&self) -> f64 {
        ((self.gcc.target() - audio::RESERVED) * PAYLOAD_SHARE).max(0.0)
    }

    /// The node wants a key frame.
    pub fn on_key_frame_request(&mut self, now: Time) {
        if self.last_key.is_none_or(|last| now.since(last) >= KEY_FRAME_INTERVAL) {
            self.last_key = Some(now);
            self.encoder.want_key_frame();
        }
    }

    /// The node misses packets of the video.
    pub fn on_nack(&mut self, now: Time, lost: &[u16]) {
        for &sequence in lost {
            let Some(kept) = self.history.repeat(now, sequence, self.rtt) else { continue };
            if !self.repeats.take(now, kept.payload.len(), self.gcc.target()) {
                continue;
            }
            kept.wait();
            let (timestamp, marker) = (kept.timestamp, kept.marker);
            let payload = kept.payload.clone();
            let repeat_of = Some(sequence);
            let sequence = self.take_rtx_sequence();
            self.pacer.push(Waiting { repeat_of, sequence, timestamp, marker, payload });
        }
    }

    /// A round trip was measured.
    pub fn on_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }
}

/// What an encoder's bit/s are on the wire, audio included.
pub fn on_wire(encoder: f64) -> f64 {
    encoder / PAYLOAD_SHARE + audio::RESERVED
}
