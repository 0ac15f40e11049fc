//! RTCP reports of a leg, and the round trips that they tell.

use std::time::{Duration, Instant};

use ::rtcp::{
    receiver_report::ReceiverReport,
    reception_report::ReceptionReport,
    sender_report::SenderReport,
    source_description::{
        SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
    },
};
use bytes::Bytes;
use shared::marshal::Marshal;

use super::{
    MediaLeg,
    clock::{from_units, middle, units},
};
use crate::{rtcp::ReportBlock, rtp::Ssrc};

/// Reports go out this often while media flows.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A round trip above this is a clock gone wrong.
const MAX_RTT: Duration = Duration::from_secs(10);
/// Where at least this share (of 256) of a stream is lost, without a queue…
const LOSES: u8 = 8;
/// …the publisher is told so much of its round trip: libwebrtc repeats no packet twice within the round trip that it knows,
/// and where one repeat in ten is lost as well, the request for the next one would come too early (decision 0058).
const TOLD: f64 = 0.6;

impl MediaLeg {
    pub(super) fn on_report_blocks(&mut self, now: Instant, blocks: &[ReportBlock]) {
        let ours = [self.ssrcs.audio, self.ssrcs.video];
        for block in blocks.iter().filter(|block| ours.contains(&block.ssrc)) {
            self.quality.on_report(block);
            if block.last_sender_report == 0 {
                continue;
            }
            let round = middle(self.ntp.ntp(now))
                .wrapping_sub(block.last_sender_report)
                .wrapping_sub(block.delay);
            let rtt = from_units(round);
            if rtt <= MAX_RTT {
                self.on_rtt(now, rtt);
            }
        }
    }

    /// A compound report about everything that flows, once a second.
    pub(super) fn poll_report(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if self.report_due.is_none_or(|due| due > now) {
            return None;
        }
        self.report_due = Some(now + REPORT_INTERVAL);
        let mut blocks = self.report_blocks(now);
        let ntp = self.ntp.ntp(now);
        let mut len = 0;
        for stream in &self.outbound.streams {
            let Some(timestamp) = stream.timestamp_at(now) else { continue };
            let report = SenderReport {
                ssrc: stream.ssrc.0,
                ntp_time: ntp,
                rtp_time: timestamp,
                packet_count: stream.packets,
                octet_count: stream.octets,
                reports: std::mem::take(&mut blocks),
                profile_extensions: Bytes::new(),
            };
            len += report.marshal_to(&mut out[len..]).ok()?;
        }
        if len == 0 {
            let report = ReceiverReport {
                ssrc: self.ssrcs.video.0,
                reports: blocks,
                profile_extensions: Bytes::new(),
            };
            len += report.marshal_to(out).ok()?;
        }
        len += self.source_description().marshal_to(&mut out[len..]).ok()?;
        Some(len)
    }

    fn report_blocks(&mut self, now: Instant) -> Vec<ReceptionReport> {
        let streams = self.inbound.streams.iter_mut().flatten();
        let mut blocks: Vec<_> = streams.filter_map(|stream| stream.report(now)).collect();
        let loses = blocks.iter().any(|block| block.fraction_lost >= LOSES);
        if loses && !self.inbound.brake.is_draining() {
            let shortest = self.measured_rtt().min(self.shortest_rtt());
            let hidden = units(shortest.mul_f64(1.0 - TOLD));
            for block in blocks.iter_mut().filter(|block| block.last_sender_report != 0) {
                block.delay = block.delay.saturating_add(hidden);
            }
        }
        blocks
    }

    fn source_description(&self) -> SourceDescription {
        let cname = SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: Bytes::copy_from_slice(self.cname.as_bytes()),
        };
        let chunk =
            |ssrc: Ssrc| SourceDescriptionChunk { source: ssrc.0, items: vec![cname.clone()] };
        SourceDescription { chunks: vec![chunk(self.ssrcs.audio), chunk(self.ssrcs.video)] }
    }
}
