//! What a leg receives: opening it, telling repeats from first sendings, and the feedback.

use std::{ops::Range, time::Duration};

use ::rtcp::{
    payload_feedbacks::picture_loss_indication::PictureLossIndication,
    transport_feedbacks::transport_layer_nack::{
        TransportLayerNack, nack_pairs_from_sequence_numbers,
    },
};
use light_peer::{
    receive::{Header, Receiver},
    sdp,
    srtp::{Session, TAG_LEN},
};
use sfu_world::{
    Time,
    viewer::{Nacks, News},
};
use shared::marshal::Marshal;

use crate::media::Kind;

/// The incoming streams of a leg.
pub(super) struct Incoming {
    own: u32,
    receiver: Receiver,
    video: Option<u32>,
    nacks: Nacks,
}

/// A packet that is authentic.
pub(super) enum Packet {
    /// Media, where its payload is in the datagram, and how it came.
    Media(Kind, Range<usize>, Repaired),
    /// A probe, padding, or a repeat of what is there already.
    Empty,
}

/// Whether a packet was asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repaired {
    Yes,
    No,
}

/// Room for one RTCP packet.
const RTCP_ROOM: usize = 1_200;
/// The number of the original before a repeat's payload (RFC 4588).
const ORIGINAL_LEN: usize = 2;

impl Incoming {
    /// For a leg whose video has this SSRC.
    pub(super) fn new(own: u32) -> Self {
        Self { own, receiver: Receiver::default(), video: None, nacks: Nacks::default() }
    }

    /// Opens a packet in place; none if it is not authentic.
    pub(super) fn open(
        &mut self,
        session: &Session,
        now_us: u64,
        data: &mut [u8],
    ) -> Option<Packet> {
        let header = Header::read(data)?;
        if !self.receiver.open(&session.remote, &header, data, now_us) {
            return None;
        }
        let mut end = data.len() - TAG_LEN;
        if header.padded {
            let padding = usize::from(*data[..end].last()?);
            end = end.checked_sub(padding).filter(|end| *end >= header.len)?;
        }
        let payload = header.len..end;
        Some(match header.payload_type {
            sdp::OPUS => Packet::Media(Kind::Audio, payload, Repaired::No),
            sdp::RTX if payload.len() > ORIGINAL_LEN => {
                let original = u16::from_be_bytes([data[header.len], data[header.len + 1]]);
                self.video(original, payload.start + ORIGINAL_LEN..payload.end)
            }
            sdp::VP8 => {
                if self.video.replace(header.ssrc) != Some(header.ssrc) {
                    // Another stream counts anew.
                    self.nacks = Nacks::default();
                }
                // One without payload has a number like any other.
                self.video(header.sequence, payload)
            }
            _ => Packet::Empty,
        })
    }

    /// What is known here may still be new to the judge, who looks at stamps and not at numbers.
    fn video(&mut self, sequence: u16, payload: Range<usize>) -> Packet {
        let repaired = match self.nacks.on_packet(sequence, false) {
            News::AskedFor => Repaired::Yes,
            News::New | News::Known => Repaired::No,
        };
        if payload.is_empty() {
            return Packet::Empty;
        }
        Packet::Media(Kind::Video, payload, repaired)
    }

    /// Notes a sender report.
    pub(super) fn sender_report(&mut self, ssrc: u32, middle: u32, now_us: u64) {
        self.receiver.sender_report(ssrc, middle, now_us);
    }

    /// Report blocks of every stream; how many.
    pub(super) fn report_blocks(&mut self, now_us: u64, out: &mut Vec<u8>) -> u8 {
        self.receiver.report(now_us, out)
    }

    /// Transport-wide feedback, if anything has arrived since the last.
    pub(super) fn feedback(&mut self) -> Option<Vec<u8>> {
        let mut packet = Vec::with_capacity(128);
        self.receiver.feedback(self.own, &mut packet).then_some(packet)
    }

    /// When [`Incoming::nack`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let due = self.nacks.due();
        (due != Time::NEVER).then(|| due.elapsed())
    }

    /// Asks for what is missing.
    pub(super) fn nack(&mut self, now: Duration, rtt: Duration) -> Option<Vec<u8>> {
        let missing = self.nacks.collect(Time::ZERO + now, rtt);
        if missing.is_empty() {
            return None;
        }
        let nack = TransportLayerNack {
            sender_ssrc: self.own,
            media_ssrc: self.video?,
            nacks: nack_pairs_from_sequence_numbers(&missing),
        };
        let mut packet = vec![0; RTCP_ROOM];
        let len = nack.marshal_to(&mut packet).ok()?;
        packet.truncate(len);
        Some(packet)
    }

    /// Whether so much is missing that only a key frame helps.
    pub(super) fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.nacks.overflowed)
    }

    /// Asks for a key frame.
    pub(super) fn pli(&self) -> Vec<u8> {
        let pli =
            PictureLossIndication { sender_ssrc: self.own, media_ssrc: self.video.unwrap_or(0) };
        let mut packet = vec![0; RTCP_ROOM];
        // Twelve bytes fit.
        let len = pli.marshal_to(&mut packet).unwrap_or(0);
        packet.truncate(len);
        packet
    }
}
