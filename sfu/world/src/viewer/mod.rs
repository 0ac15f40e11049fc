//! A viewing page: what Chromium tells the node, and what a person sees and hears.

mod ears;
mod feedback;
mod frames;
mod nack;
mod playout;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ::rtcp::{
    payload_feedbacks::picture_loss_indication::PictureLossIndication,
    transport_feedbacks::transport_layer_nack::{
        TransportLayerNack, nack_pairs_from_sequence_numbers,
    },
};
use sfu_core::rtp::{Header, Ssrc};
use shared::marshal::Marshal;

use self::{ears::Ears, feedback::Arrivals};
pub use self::{
    ears::Heard,
    frames::{Frames, Shown},
    nack::{Nacks, News},
    playout::Came,
};
use crate::{
    page::{frame, wire::NODE},
    time::{Time, millis},
};

/// Round trip that is assumed until one was measured.
const FIRST_RTT: Duration = millis(100);

/// What the header extensions of a packet say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said {
    /// Its transport-wide number.
    pub transport: Option<u16>,
    /// Least and most delay of the jitter buffer that the sender wishes (`playout-delay`).
    pub delay: Option<(Duration, Duration)>,
}

/// A packet that brought media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh;

/// The viewer.
#[derive(Debug, Clone)]
pub struct Viewer {
    own: Ssrc,
    arrivals: Arrivals,
    nacks: Nacks,
    frames: Frames,
    ears: Ears,
    rtt: Duration,
    received: Received,
}

/// Packets of the video since the last report.
#[derive(Debug, Clone, Copy, Default)]
struct Received {
    highest: Option<u16>,
    expected: u32,
    received: u32,
}

impl Received {
    fn on_packet(&mut self, sequence: u16) {
        let ahead = self.highest.map_or(1, |highest| sequence.wrapping_sub(highest));
        if ahead < 0x8000 {
            self.highest = Some(sequence);
            self.expected += u32::from(ahead);
        }
        self.received += 1;
    }
}

impl Viewer {
    /// A viewer whose own stream has this SSRC.
    pub fn new(own: Ssrc, start: Time) -> Self {
        Self {
            own,
            arrivals: Arrivals::new(start),
            nacks: Nacks::default(),
            frames: Frames::default(),
            ears: Ears::default(),
            rtt: FIRST_RTT,
            received: Received::default(),
        }
    }

    /// Takes an RTP packet and what its header extensions say.
    pub fn on_rtp(
        &mut self,
        now: Time,
        header: &Header,
        packet: &[u8],
        said: Said,
    ) -> Option<Fresh> {
        if let Some(number) = said.transport {
            self.arrivals.on_packet(now, number);
        }
        if let Some((least, most)) = said.delay {
            self.frames.playout.wished = Some([least, most].map(|wish| wish.as_secs_f64()));
        }
        let payload = packet.get(header.payload.clone())?;
        if header.ssrc == NODE.audio {
            let number = u32::from_be_bytes(*payload.first_chunk()?);
            self.ears.on_packet(now, number);
            self.ears.on_copy(number.wrapping_sub(1));
            return Some(Fresh);
        }
        let (sequence, payload) = if header.ssrc == NODE.video {
            self.received.on_packet(header.sequence);
            if payload.is_empty() {
                self.nacks.on_packet(header.sequence, false);
            }
            (header.sequence, payload)
        } else {
            // A repeat; one without payload is a probe.
            let (original, payload) = payload.split_first_chunk()?;
            (u16::from_be_bytes(*original), payload)
        };
        let part = frame::read(payload)?;
        let came = match self.nacks.on_packet(sequence, part.frame.key && part.index == 0) {
            News::Known => return None,
            News::New => Came::Whole,
            News::AskedFor => Came::Repaired,
        };
        self.frames.on_part(now, part, came, self.rtt);
        Some(Fresh)
    }

    /// When [`Self::poll`] or [`Self::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Time {
        [
            self.arrivals.due(),
            self.nacks.due(),
            self.frames.due(),
            self.frames.key_frame_due(),
            self.ears.due(),
        ]
        .into_iter()
        .min()
        .unwrap_or(Time::NEVER)
    }

    /// Decodes and plays what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.frames.decode(now);
        self.ears.play(now);
    }

    /// Writes the next RTCP packet that is due and returns its length. `sending` is what this page
    /// may send itself, bit/s.
    pub fn poll(&mut self, now: Time, out: &mut [u8], sending: f64) -> Option<usize> {
        if self.nacks.due() <= now {
            let asked = self.nacks.collect(now, self.rtt);
            if !asked.is_empty() {
                let nack = TransportLayerNack {
                    sender_ssrc: self.own.0,
                    media_ssrc: NODE.video.0,
                    nacks: nack_pairs_from_sequence_numbers(&asked),
                };
                return nack.marshal_to(out).ok();
            }
        }
        if self.frames.key_frame_due() <= now || std::mem::take(&mut self.nacks.overflowed) {
            self.frames.asked(now);
            return PictureLossIndication { sender_ssrc: self.own.0, media_ssrc: NODE.video.0 }
                .marshal_to(out)
                .ok();
        }
        if self.arrivals.due() <= now {
            return self.arrivals.write(now, out, self.own, NODE.video, sending);
        }
        None
    }

    /// A round trip was measured.
    pub fn on_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// Share of the video's packets lost since the last call of this, in 1/256, and the highest
    /// sequence number. `None` before the first packet.
    pub fn take_losses(&mut self) -> Option<(u8, u32)> {
        let highest = self.received.highest?;
        let Received { expected, received, .. } = self.received;
        let lost = expected.saturating_sub(received) * 256 / expected.max(1);
        self.received = Received { highest: Some(highest), ..Received::default() };
        Some((lost.min(255) as u8, u32::from(highest)))
    }

    /// Frames shown, in order.
    pub fn shown(&self) -> &[Shown] {
        &self.frames.shown
    }

    /// What was heard.
    pub fn heard(&self) -> Heard {
        self.ears.heard
    }
}
