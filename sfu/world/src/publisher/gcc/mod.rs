//! The publisher's own estimate: Google congestion control as Chromium runs it (libwebrtc's
//! `goog_cc`), with its constants, on the node's transport-wide feedback.
//!
//! What differs from libwebrtc: losses are bounded by LossBasedBweV2's instant upper bound alone,
//! growth is linear within a second, and there is no congestion window. Periodic probing while
//! application-limited is off, as it is for cameras.

mod acked;
mod aimd;
mod groups;
mod loss;
mod probe;
mod trendline;

use std::time::Duration;

pub(super) use self::probe::Probe;
use self::{
    acked::Acked, aimd::Aimd, groups::Groups, loss::Loss, probe::Prober, trendline::Trendline,
    trendline::Usage,
};
use super::history::Open;
use crate::time::{Time, millis};

/// Assumed before the first feedback.
const FIRST_RTT: Duration = millis(200);
/// Lowest target in bit/s.
const LOWEST: f64 = 30_000.0;
/// The sender has little to send when it uses less than this share of its target.
const ALR_SHARE: f64 = 0.65;

/// One packet's fate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// The packet.
    pub packet: Open,
    /// When it arrived, microseconds of the node's clock.
    pub arrival: Option<i64>,
}

/// The controller.
#[derive(Debug, Clone)]
pub(super) struct Gcc {
    groups: Groups,
    trendline: Trendline,
    acked: Acked,
    aimd: Aimd,
    loss: Loss,
    prober: Prober,
    /// REMB.
    limit: Option<f64>,
    /// The remote description's limit.
    allowed: f64,
    rtt: Duration,
    started: bool,
    overused: bool,
}

impl Gcc {
    /// A controller that starts at `start` bit/s and probes no higher than twice `max`.
    pub(super) fn new(start: f64, max: f64) -> Self {
        Self {
            groups: Groups::default(),
            trendline: Trendline::default(),
            acked: Acked::default(),
            aimd: Aimd::new(start),
            loss: Loss::default(),
            prober: Prober::new(2.0 * max),
            limit: None,
            allowed: f64::INFINITY,
            rtt: FIRST_RTT,
            started: false,
            overused: false,
        }
    }

    /// Media begins to flow: the first probes follow.
    pub(super) fn start(&mut self, now: Time) {
        if !self.started {
            self.started = true;
            self.prober.start(now, self.aimd.bitrate());
        }
    }

    /// What may be sent, bit/s on the wire.
    pub(super) fn target(&self) -> f64 {
        self.own_estimate().min(self.limit.unwrap_or(f64::INFINITY)).max(LOWEST)
    }

    /// The same without regard to REMB.
    pub(super) fn own_estimate(&self) -> f64 {
        self.aimd.bitrate().min(self.loss.bound()).min(self.allowed).max(LOWEST)
    }

    /// The remote description allows so many bit/s from now on: that much is probed, and no more sent.
    pub(super) fn allow(&mut self, bitrate: f64) {
        self.allowed = bitrate;
        self.prober.allow(bitrate);
    }

    /// The receiver's limit; 0 is none.
    pub(super) fn set_limit(&mut self, bitrate: f64) {
        self.limit = (bitrate > 0.0).then_some(bitrate);
    }

    /// The receiver's limit.
    pub(super) fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// A burst that is to be sent now.
    pub(super) fn next_probe(&mut self) -> Option<Probe> {
        self.prober.next()
    }

    /// Takes one feedback message's packets, in the order of their numbers. `sent` is what was
    /// sent lately, bit/s.
    pub(super) fn on_feedback(&mut self, now: Time, fates: &[Fate], sent: f64) {
        let mut probed = None;
        for fate in fates {
            self.loss.on_packet(fate.arrival.is_none());
            let Some(arrival) = fate.arrival else { continue };
            self.acked.on_packet(arrival, fate.packet.size);
            if let Some(delta) = self.groups.on_packet(fate.packet.at, arrival) {
                self.trendline.update(delta, arrival);
            }
            if let Some(id) = fate.packet.probe {
                let result = self.prober.on_packet(id, fate.packet.at, arrival, fate.packet.size);
                probed = result.or(probed);
            }
        }
        self.loss.on_feedback(now);
        if let Some(last) = fates.iter().rev().find(|fate| fate.arrival.is_some()) {
            self.rtt = now.since(last.packet.at);
        }
        let before = self.aimd.bitrate();
        let usage = self.trendline.usage();
        let acked = self.acked.bitrate();
        match probed {
            Some(bitrate) if usage != Usage::Over => {
                self.aimd.set(now, bitrate);
                self.prober.on_result(now, bitrate);
            }
            _ => self.aimd.update(now, usage, acked, self.rtt),
        }
        self.prober.on_estimate(now, before, self.aimd.bitrate());
        let recovered = self.overused && usage == Usage::Normal;
        self.overused = usage == Usage::Over || self.overused && !recovered;
        if recovered && sent < ALR_SHARE * self.target() {
            self.prober.request(now, self.aimd.bitrate());
        }
    }
}
