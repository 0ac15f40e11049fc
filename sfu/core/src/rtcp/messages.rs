//! Taking an RTCP packet apart.

use ::rtcp::{
    payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
    receiver_report::ReceiverReport, reception_report::ReceptionReport,
    sender_report::SenderReport, transport_feedbacks::transport_layer_nack::TransportLayerNack,
};
use arrayvec::ArrayVec;
use shared::marshal::Unmarshal;

use super::transport_feedback::TransportFeedback;
use crate::rtp::Ssrc;

const HEADER_LEN: usize = 4;
/// Packet types.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Feedback formats.
const NACK: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;
/// Lost packets named in one NACK that are looked at. A page that misses more needs a key frame.
const MAX_NACKED: usize = 256;
/// Report blocks looked at: RFC 3550 has no more in one report.
const MAX_BLOCKS: usize = 31;

/// A part of an RTCP packet that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed RTCP")]
pub struct Malformed;

/// What a peer says about a stream of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: Ssrc,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Middle 32 bits of the NTP time in the last sender report it got, 0 if none.
    pub last_sender_report: u32,
    /// Time since then, in 1/65,536 s.
    pub delay: u32,
}

/// A part of an RTCP packet that a leg acts on.
#[derive(Debug)]
pub enum Message<'a> {
    /// A sender tells which of its clock's times an RTP timestamp belongs to.
    SenderReport {
        /// The sender's stream.
        ssrc: Ssrc,
        /// NTP time, 32.32 fixed point.
        ntp: u64,
        /// The same moment in the stream's timestamps.
        timestamp: u32,
        /// What it says about our streams.
        blocks: ArrayVec<ReportBlock, MAX_BLOCKS>,
    },
    /// A receiver's view of our streams.
    ReceiverReport(ArrayVec<ReportBlock, MAX_BLOCKS>),
    /// Packets of a stream of ours that did not arrive.
    Nack {
        /// The stream.
        ssrc: Ssrc,
        /// Sequence numbers.
        lost: ArrayVec<u16, MAX_NACKED>,
    },
    /// The peer needs a key frame (PLI or FIR).
    KeyFrameRequest,
    /// The peer limits what we send, in bit/s (REMB).
    MaxBitrate(u64),
    /// Which of our packets arrived, and when.
    TransportFeedback(TransportFeedback<'a>),
    /// Well-formed, but nothing that concerns us.
    Other,
}

/// The parts of a compound or reduced-size RTCP packet.
#[derive(Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// The parts of `packet`.
    pub fn new(packet: &'a [u8]) -> Self {
        Self { rest: packet }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let len = match self.rest {
            [first, _, high, low, ..] if first >> 6 == 2 => {
                HEADER_LEN + usize::from(u16::from_be_bytes([*high, *low])) * 4
            }
            _ => usize::MAX,
        };
        let Some((part, rest)) = self.rest.split_at_checked(len) else {
            self.rest = &[];
            return Some(Err(Malformed));
        };
        self.rest = rest;
        Some(read(part))
    }
}

fn read(part: &[u8]) -> Result<Message<'_>, Malformed> {
    let format = part[0] & 0x1f;
    match (part[1], format) {
        (SENDER_REPORT, _) => {
            let report: SenderReport = unmarshal(part)?;
            Ok(Message::SenderReport {
                ssrc: Ssrc(report.ssrc),
                ntp: report.ntp_time,
                timestamp: report.rtp_time,
                blocks: blocks(&report.reports),
            })
        }
        (RECEIVER_REPORT, _) => {
            let report: ReceiverReport = unmarshal(part)?;
            Ok(Message::ReceiverReport(blocks(&report.reports)))
        }
        (TRANSPORT_FEEDBACK, NACK) => {
            let nack: TransportLayerNack = unmarshal(part)?;
            let lost = nack
                .nacks
                .iter()
                .flat_map(|pair| {
                    let bits = (0..16).filter(|bit| pair.lost_packets & (1 << bit) != 0);
                    let id = pair.packet_id;
                    std::iter::once(id).chain(bits.map(move |bit| id.wrapping_add(bit + 1)))
                })
                .take(MAX_NACKED)
                .collect();
            Ok(Message::Nack { ssrc: Ssrc(nack.media_ssrc), lost })
        }
        (TRANSPORT_FEEDBACK, TRANSPORT_WIDE) => {
            TransportFeedback::parse(part).map(Message::TransportFeedback).ok_or(Malformed)
        }
        (PAYLOAD_FEEDBACK, PLI | FIR) if part.len() >= 12 => Ok(Message::KeyFrameRequest),
        (PAYLOAD_FEEDBACK, APPLICATION) if part.get(12..16) == Some(b"REMB") => {
            let remb: ReceiverEstimatedMaximumBitrate = unmarshal(part)?;
            Ok(Message::MaxBitrate(remb.bitrate as u64))
        }
        (PAYLOAD_FEEDBACK, PLI | FIR) => Err(Malformed),
        _ => Ok(Message::Other),
    }
}

fn unmarshal<T: Unmarshal>(mut part: &[u8]) -> Result<T, Malformed> {
    T::unmarshal(&mut part).map_err(|_| Malformed)
}

fn blocks(reports: &[ReceptionReport]) -> ArrayVec<ReportBlock, MAX_BLOCKS> {
    reports
        .iter()
        .take(MAX_BLOCKS)
        .map(|report| ReportBlock {
            ssrc: Ssrc(report.ssrc),
            fraction_lost: report.fraction_lost,
            last_sender_report: report.last_sender_report,
            delay: report.delay,
        })
        .collect()
}
