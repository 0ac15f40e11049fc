//! A page: publisher and viewer on one leg, and their reports.

pub mod frame;
mod reports;
#[cfg(test)]
mod tests;
pub mod wire;

use std::time::Duration;

use sfu_core::{
    rtcp::{Message, Messages},
    rtp::Header,
    sdp::{Extension, Negotiated},
};

use self::reports::Reports;
use crate::{
    publisher::{PublishPlan, Publisher},
    time::{Time, millis},
    viewer::{Fresh, Said, Viewer},
};

/// What a page may send as long as it publishes nothing: Chromium's start bitrate.
const IDLE_BITRATE: f64 = 300_000.0;
/// Unit of the wished delay of the jitter buffer.
const DELAY_UNIT: Duration = millis(10);
/// Room for one RTCP packet.
const RTCP_ROOM: usize = 1_400;

/// What a page sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
}

/// A page.
#[derive(Debug, Clone)]
pub struct Page {
    /// What it sends.
    pub publisher: Option<Publisher>,
    /// What it sees.
    pub viewer: Viewer,
    reports: Reports,
    transport_id: u8,
    delay_id: u8,
}

impl Page {
    /// A page that opens at `start`; the round trip of its leg is about `rtt`.
    pub fn new(
        negotiated: &Negotiated,
        plan: Option<PublishPlan>,
        seed: u64,
        start: Time,
        rtt: Duration,
    ) -> Self {
        let Some(ids) = wire::StreamIds::of_page(negotiated) else {
            unreachable!("the fixture has audio and video")
        };
        let own = [ids[0].ssrc, ids[1].ssrc];
        let id = |extension| {
            negotiated.video.as_ref().and_then(|video| video.extensions.id(extension)).unwrap_or(0)
        };
        Self {
            publisher: plan.map(|plan| Publisher::new(plan, ids, seed, rtt)),
            viewer: Viewer::new(own[1], start),
            reports: Reports::new(own, start),
            transport_id: id(Extension::TransportSequence),
            delay_id: id(Extension::PlayoutDelay),
        }
    }

    /// Takes an RTP packet.
    pub fn receive_rtp(&mut self, now: Time, packet: &[u8]) -> Option<Fresh> {
        let header = Header::parse(packet)?;
        let mut said = Said::default();
        for (id, at) in header.extensions(packet) {
            if id == self.transport_id {
                said.transport = packet[at].first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
            } else if id == self.delay_id {
                // 12 bits each of the least and the most, in 10 ms.
                said.delay = packet[at].first_chunk().map(|&[high, middle, low]| {
                    let both = u32::from_be_bytes([0, high, middle, low]);
                    (DELAY_UNIT * (both >> 12), DELAY_UNIT * (both & 0xfff))
                });
            }
        }
        self.viewer.on_rtp(now, &header, packet, said)
    }

    /// Takes an RTCP packet.
    pub fn receive_rtcp(&mut self, now: Time, packet: &[u8]) {
        for message in Messages::new(packet).flatten() {
            match message {
                Message::SenderReport { ssrc, ntp, blocks, .. } => {
                    self.reports.on_sender_report(now, ssrc, ntp);
                    self.on_blocks(now, &blocks);
                }
                Message::ReceiverReport(blocks) => self.on_blocks(now, &blocks),
                message => {
                    if let Some(publisher) = &mut self.publisher {
                        match message {
                            Message::Nack { lost, .. } => publisher.on_nack(now, &lost),
                            Message::KeyFrameRequest => publisher.on_key_frame_request(now),
                            Message::MaxBitrate(bitrate) => publisher.on_max_bitrate(bitrate),
                            Message::TransportFeedback(feedback) => {
                                publisher.on_transport_feedback(now, &feedback);
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
    }

    fn on_blocks(&mut self, now: Time, blocks: &[sfu_core::rtcp::ReportBlock]) {
        for rtt in blocks.iter().filter_map(|block| Reports::rtt(now, block)) {
            self.viewer.on_rtt(rtt);
            if let Some(publisher) = &mut self.publisher {
                publisher.on_rtt(rtt);
            }
        }
    }

    /// The node thinks that the page's way may carry more.
    pub fn try_more(&mut self, up_to: Option<u64>) {
        if let Some(publisher) = &mut self.publisher {
            publisher.try_more(up_to);
        }
    }

    /// When something is due.
    pub fn next_timeout(&self, now: Time) -> Time {
        let publisher =
            self.publisher.as_ref().map_or(Time::NEVER, |publisher| publisher.next_timeout(now));
        publisher.min(self.viewer.next_timeout()).min(self.reports.due())
    }

    /// Does what is due. Drain [`Self::poll`] afterwards.
    pub fn handle_timeout(&mut self, now: Time) {
        if let Some(publisher) = &mut self.publisher {
            publisher.handle_timeout(now);
        }
        self.viewer.handle_timeout(now);
    }

    /// Writes the next packet into `out`.
    pub fn poll(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Sends> {
        if let Some(publisher) = &mut self.publisher
            && publisher.poll(now, out).is_some()
        {
            return Some(Sends::Rtp);
        }
        let sending = self.publisher.as_ref().map_or(IDLE_BITRATE, Publisher::target);
        if self.viewer.next_timeout().min(self.reports.due()) > now {
            return None;
        }
        out.resize(RTCP_ROOM, 0);
        let len = self.viewer.poll(now, out, sending).or_else(|| {
            let sent = self.publisher.as_ref().map(|publisher| publisher.reports);
            self.reports.write(now, out, sent, &mut self.viewer)
        })?;
        out.truncate(len);
        Some(Sends::Rtcp)
    }
}
