//! Probes: short bursts at a rate above the estimate.

use std::collections::VecDeque;

use crate::time::Time;

const FIRST_FACTORS: [f64; 2] = [3.0, 6.0];
const FURTHER_FACTOR: f64 = 2.0;
/// A result of this share of the probe's rate calls for a further one.
const FURTHER_SHARE: f64 = 0.7;
const LEAST_PACKETS: u32 = 5;
const LENGTH_SECS: f64 = 0.015;
/// Share of packets and bytes that must have come.
const LEAST_RECEIVED: f64 = 0.8;
/// Received more slowly than this share of the sent rate, a probe has found the link's end…
const VALID_SHARE: f64 = 0.9;
/// …and this share of it is believed.
const BELIEVED: f64 = 0.95;
/// A probe recovers this share of the bitrate before a large drop…
const RECOVERY: f64 = 0.85;
/// …which is one below this share…
const LARGE_DROP: f64 = 0.66;
/// …for so many seconds.
const RECOVERY_SECS: f64 = 5.0;
/// Results are waited for this long.
const PATIENCE_SECS: f64 = 1.0;

/// A burst to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Probe {
    /// Its number.
    pub id: u32,
    /// Bit/s.
    pub rate: f64,
    /// It is complete with so many bytes…
    pub bytes: u32,
    /// …and packets.
    pub packets: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Received {
    id: u32,
    packets: u32,
    bytes: u32,
    first_sent: Time,
    last_sent: Time,
    last_size: u32,
    first_arrival: i64,
    last_arrival: i64,
    first_size: u32,
}

/// Decides on probes and reads their results.
#[derive(Debug, Clone)]
pub(super) struct Prober {
    next_id: u32,
    waiting: VecDeque<Probe>,
    sent: VecDeque<Probe>,
    received: Received,
    max: f64,
    /// A further probe follows a result above this.
    further_above: Option<(f64, Time)>,
    before_drop: Option<(f64, Time)>,
    last_request: Option<Time>,
}

impl Prober {
    pub(super) fn new(max: f64) -> Self {
        Self {
            next_id: 1,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            received: Received::default(),
            max,
            further_above: None,
            before_drop: None,
            last_request: None,
        }
    }

    pub(super) fn start(&mut self, now: Time, bitrate: f64) {
        for factor in FIRST_FACTORS {
            self.plan(now, bitrate * factor);
        }
    }

    /// A limit that is higher than the one before is probed once.
    pub(super) fn allow(&mut self, rate: f64) {
        self.push(rate);
        self.further_above = None;
    }

    /// The next burst to send.
    pub(super) fn next(&mut self) -> Option<Probe> {
        let probe = self.waiting.pop_front()?;
        self.sent.push_back(probe);
        if self.sent.len() > 8 {
            self.sent.pop_front();
        }
        Some(probe)
    }

    fn plan(&mut self, now: Time, rate: f64) {
        let rate = self.push(rate);
        self.further_above = (rate < self.max).then_some((rate * FURTHER_SHARE, now));
    }

    fn push(&mut self, rate: f64) -> f64 {
        let rate = rate.min(self.max);
        let bytes = (rate / 8.0 * LENGTH_SECS) as u32;
        self.waiting.push_back(Probe { id: self.next_id, rate, bytes, packets: LEAST_PACKETS });
        self.next_id += 1;
        rate
    }

    /// The estimate has changed.
    pub(super) fn on_estimate(&mut self, now: Time, before: f64, after: f64) {
        if after < LARGE_DROP * before {
            self.before_drop = Some((before, now));
        }
    }

    /// The queue is gone again while the sender had little to send.
    pub(super) fn request(&mut self, now: Time, estimate: f64) {
        let Some((before, at)) = self.before_drop else { return };
        let recent = |at: Option<Time>| at.is_some_and(|at| now.secs_since(at) < RECOVERY_SECS);
        if recent(Some(at)) && !recent(self.last_request) && RECOVERY * before * 0.95 > estimate {
            self.last_request = Some(now);
            self.plan(now, RECOVERY * before);
        }
    }

    /// A packet of a probe has come; the bitrate that this shows.
    pub(super) fn on_packet(
        &mut self,
        id: u32,
        sent: Time,
        arrival: i64,
        size: u32,
    ) -> Option<f64> {
        let received = &mut self.received;
        if received.id != id {
            *received = Received {
                id,
                first_sent: sent,
                last_sent: sent,
                first_arrival: arrival,
                last_arrival: arrival,
                first_size: size,
                ..Received::default()
            };
        }
        received.packets += 1;
        received.bytes += size;
        if sent >= received.last_sent {
            received.last_sent = sent;
            received.last_size = size;
        }
        received.last_arrival = received.last_arrival.max(arrival);
        received.first_arrival = received.first_arrival.min(arrival);
        let received = *received;
        let probe = self.sent.iter().find(|probe| probe.id == id)?;
        let enough = f64::from(received.packets) >= LEAST_RECEIVED * f64::from(probe.packets)
            && f64::from(received.bytes) >= LEAST_RECEIVED * f64::from(probe.bytes);
        let send_secs = received.last_sent.secs_since(received.first_sent);
        let receive_secs = (received.last_arrival - received.first_arrival) as f64 / 1e6;
        if !enough || send_secs <= 0.0 || receive_secs <= 0.0 || send_secs.max(receive_secs) > 1.0 {
            return None;
        }
        let send_rate = f64::from(received.bytes - received.last_size) * 8.0 / send_secs;
        let receive_rate = f64::from(received.bytes - received.first_size) * 8.0 / receive_secs;
        // Twice as fast as it was sent: several packets were held back together, nothing is known.
        if receive_rate > 2.0 * send_rate {
            return None;
        }
        let ended = receive_rate < VALID_SHARE * send_rate;
        Some(if ended { BELIEVED * receive_rate } else { send_rate.min(receive_rate) })
    }

    /// A probe has set the estimate; another one may follow.
    pub(super) fn on_result(&mut self, now: Time, bitrate: f64) {
        let Some((above, since)) = self.further_above else { return };
        if now.secs_since(since) > PATIENCE_SECS {
            self.further_above = None;
        } else if bitrate > above && self.waiting.is_empty() {
            self.plan(now, FURTHER_FACTOR * bitrate);
        }
    }
}
