//! The sending end.

use std::{collections::VecDeque, time::Duration};

use super::{Segment, growth::Algorithm, growth::Window};
use crate::{
    random::Random,
    time::{Time, millis},
};

/// A segment is lost when one sent so many later was acknowledged (RFC 6675).
const REORDERING: u64 = 3;
const LEAST_TIMEOUT: Duration = millis(200);
const FIRST_TIMEOUT: Duration = millis(1_000);
/// Bytes of payload in a segment.
const PAYLOAD: f64 = 1_448.0;
/// Short transfers (RFC 8867 §5.7): bytes, and mean pause in seconds.
const SHORT_BYTES: (f64, f64) = (100_000.0, 1_000_000.0);
const MEAN_PAUSE: f64 = 10.0;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Without end.
    Long,
    /// Files of 100 kB to 1 MB with pauses of 10 s on average.
    Short,
}

/// A connection.
#[derive(Debug, Clone, Copy)]
pub struct TcpPlan {
    /// First segment.
    pub start: Time,
    /// Rules.
    pub algorithm: Algorithm,
    /// What is sent.
    pub traffic: Traffic,
}

#[derive(Debug, Clone, Copy)]
struct Outstanding {
    sent: Time,
    /// Position in the order of sending.
    order: u64,
    acked: bool,
    lost: bool,
}

/// The sender.
#[derive(Debug, Clone)]
pub struct Sender {
    plan: TcpPlan,
    random: Random,
    window: Window,
    transfer: u32,
    /// Segments of this transfer.
    total: u64,
    /// First segment that is not acknowledged, and those from there on.
    base: u64,
    outstanding: VecDeque<Outstanding>,
    order: u64,
    newest_acked: u64,
    in_flight: u64,
    recovery: Option<u64>,
    rtt: Option<(f64, f64)>,
    timeout: Option<Time>,
    backoff: u32,
    begins: Time,
}

impl Sender {
    /// A connection that has not begun.
    pub fn new(plan: TcpPlan, random: Random) -> Self {
        let mut sender = Self {
            plan,
            random,
            window: Window::new(plan.algorithm),
            transfer: 0,
            total: 0,
            base: 0,
            outstanding: VecDeque::new(),
            order: 0,
            newest_acked: 0,
            in_flight: 0,
            recovery: None,
            rtt: None,
            timeout: None,
            backoff: 0,
            begins: plan.start,
        };
        sender.begin(plan.start);
        sender
    }

    fn begin(&mut self, at: Time) {
        self.transfer += 1;
        self.total = match self.plan.traffic {
            Traffic::Long => u64::MAX,
            Traffic::Short => {
                (self.random.between(SHORT_BYTES.0, SHORT_BYTES.1) / PAYLOAD).ceil() as u64
            }
        };
        let pause = match self.plan.traffic {
            Traffic::Long => 0.0,
            Traffic::Short => self.random.exponential() * MEAN_PAUSE,
        };
        self.begins = at + Duration::from_secs_f64(pause);
        self.window = Window::new(self.plan.algorithm);
        (self.base, self.in_flight, self.newest_acked) = (0, 0, 0);
        self.outstanding.clear();
        (self.recovery, self.timeout, self.backoff) = (None, None, 0);
    }

    /// When [`Self::handle_timeout`] and [`Self::poll`] have something to do.
    pub fn next_timeout(&self) -> Time {
        if self.order == 0 || self.outstanding.is_empty() {
            return self.begins;
        }
        self.timeout.unwrap_or(Time::NEVER)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.timeout.is_none_or(|at| at > now) {
            return;
        }
        for segment in self.outstanding.iter_mut().filter(|segment| !segment.acked) {
            segment.lost = true;
        }
        self.in_flight = 0;
        self.window.on_timeout();
        self.recovery = None;
        self.backoff = (self.backoff + 1).min(6);
        self.arm(now);
    }

    fn arm(&mut self, now: Time) {
        let span = match self.rtt {
            Some((rtt, spread)) => Duration::from_secs_f64(rtt + 4.0 * spread).max(LEAST_TIMEOUT),
            None => FIRST_TIMEOUT,
        };
        self.timeout = Some(now + span * 2u32.pow(self.backoff));
    }

    /// The next segment that may leave now.
    pub fn poll(&mut self, now: Time) -> Option<Segment> {
        if now < self.begins || self.in_flight as f64 >= self.window.size.floor() {
            return None;
        }
        self.order += 1;
        let order = self.order;
        let lost = self.outstanding.iter().position(|segment| segment.lost);
        let index = match lost {
            Some(index) => index,
            None if self.base + (self.outstanding.len() as u64) < self.total => {
                let fresh = Outstanding { sent: now, order, acked: false, lost: false };
                self.outstanding.push_back(fresh);
                self.outstanding.len() - 1
            }
            None => return None,
        };
        let segment = &mut self.outstanding[index];
        (segment.sent, segment.order, segment.lost) = (now, order, false);
        self.in_flight += 1;
        if self.timeout.is_none() {
            self.arm(now);
        }
        Some(Segment::Data { transfer: self.transfer, number: self.base + index as u64 })
    }

    /// Takes an acknowledgement.
    pub fn on_ack(&mut self, now: Time, transfer: u32, cumulative: u64, number: u64) {
        if transfer != self.transfer {
            return;
        }
        let mut newly = 0;
        if let Some(index) = number.checked_sub(self.base)
            && let Some(segment) = self.outstanding.get_mut(index as usize)
            && !segment.acked
        {
            segment.acked = true;
            newly += 1;
            self.in_flight -= u64::from(!segment.lost);
            segment.lost = false;
            self.newest_acked = self.newest_acked.max(segment.order);
            let sample = now.secs_since(segment.sent);
            self.rtt = Some(match self.rtt {
                Some((rtt, spread)) => {
                    let error = (sample - rtt).abs();
                    (rtt + (sample - rtt) / 8.0, spread + (error - spread) / 4.0)
                }
                None => (sample, sample / 2.0),
            });
        }
        while self.base < cumulative && !self.outstanding.is_empty() {
            // Acknowledged by number as well, unless that acknowledgement was lost.
            let segment = self.outstanding.pop_front();
            if segment.is_some_and(|segment| !segment.acked && !segment.lost) {
                self.in_flight -= 1;
                newly += 1;
            }
            self.base += 1;
        }
        self.detect_losses();
        if self.recovery.is_some_and(|until| self.base >= until) {
            self.recovery = None;
        }
        let rtt = Duration::from_secs_f64(self.rtt.map_or(0.1, |(rtt, _)| rtt));
        if newly > 0 {
            self.backoff = 0;
            self.arm(now);
            if self.recovery.is_none() {
                for _ in 0..newly {
                    self.window.on_ack(now, rtt);
                }
            }
        }
        if self.outstanding.is_empty() {
            self.timeout = None;
            if self.base >= self.total {
                self.begin(now);
            }
        }
    }

    fn detect_losses(&mut self) {
        let mut found = false;
        let open = |segment: &&mut Outstanding| !segment.acked && !segment.lost;
        for segment in self.outstanding.iter_mut().filter(open) {
            if segment.order + REORDERING <= self.newest_acked {
                segment.lost = true;
                self.in_flight -= 1;
                found = true;
            }
        }
        if found && self.recovery.is_none() {
            self.window.on_loss();
            self.recovery = Some(self.base + self.outstanding.len() as u64);
        }
    }
}
