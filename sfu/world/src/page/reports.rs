//! Sender and receiver reports of a page, once a second, and the round trips they give.

use std::time::Duration;

use ::rtcp::{
    receiver_report::ReceiverReport, reception_report::ReceptionReport, sender_report::SenderReport,
};
use bytes::Bytes;
use sfu_core::{rtcp::ReportBlock, rtp::Ssrc};
use shared::marshal::Marshal;

use super::wire::NODE;
use crate::{
    time::{Time, millis},
    viewer::Viewer,
};

const PERIOD: Duration = millis(1_000);
/// Any day will do; zero means that nothing is known.
const EPOCH: u64 = 3_900_000_000;

#[derive(Debug, Clone)]
pub(super) struct Reports {
    own: [Ssrc; 2],
    due: Time,
    /// The node's last report on its video: middle of its NTP time, and when it came.
    last: Option<(u32, Time)>,
}

fn ntp(now: Time) -> u64 {
    let elapsed = now.elapsed();
    let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
    (EPOCH + elapsed.as_secs()) << 32 | fraction
}

fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

impl Reports {
    pub(super) fn new(own: [Ssrc; 2], start: Time) -> Self {
        Self { own, due: start + millis(200), last: None }
    }

    pub(super) fn due(&self) -> Time {
        self.due
    }

    pub(super) fn on_sender_report(&mut self, now: Time, ssrc: Ssrc, ntp: u64) {
        if ssrc == NODE.video {
            self.last = Some((middle(ntp), now));
        }
    }

    /// The round trip that a block shows.
    pub(super) fn rtt(now: Time, block: &ReportBlock) -> Option<Duration> {
        if block.last_sender_report == 0 {
            return None;
        }
        let round =
            middle(ntp(now)).wrapping_sub(block.last_sender_report).wrapping_sub(block.delay);
        (round < 10 << 16).then(|| Duration::from_micros(u64::from(round) * 1_000_000 / 65_536))
    }

    /// Writes a report if one is due. `sent` is packets, bytes and last timestamp by kind.
    pub(super) fn write(
        &mut self,
        now: Time,
        out: &mut [u8],
        sent: Option<[(u32, u32, u32); 2]>,
        viewer: &mut Viewer,
    ) -> Option<usize> {
        if self.due > now {
            return None;
        }
        self.due = now + PERIOD;
        let block = viewer.take_losses().map(|(fraction_lost, highest)| {
            let (last_sender_report, delay) = match self.last {
                Some((ntp, at)) => (ntp, (now.since(at).as_micros() * 65_536 / 1_000_000) as u32),
                None => (0, 0),
            };
            ReceptionReport {
                ssrc: NODE.video.0,
                fraction_lost,
                total_lost: 0,
                last_sequence_number: highest,
                jitter: 0,
                last_sender_report,
                delay,
            }
        });
        let mut blocks: Vec<_> = block.into_iter().collect();
        let mut len = 0;
        for (ssrc, (packets, bytes, timestamp)) in self.own.iter().zip(sent.unwrap_or_default()) {
            if packets == 0 {
                continue;
            }
            let report = SenderReport {
                ssrc: ssrc.0,
                ntp_time: ntp(now),
                rtp_time: timestamp,
                packet_count: packets,
                octet_count: bytes,
                reports: std::mem::take(&mut blocks),
                profile_extensions: Bytes::new(),
            };
            len += report.marshal_to(out.get_mut(len..)?).ok()?;
        }
        if len == 0 && !blocks.is_empty() {
            let report = ReceiverReport {
                ssrc: self.own[1].0,
                reports: blocks,
                profile_extensions: Bytes::new(),
            };
            len = report.marshal_to(out).ok()?;
        }
        (len > 0).then_some(len)
    }
}
