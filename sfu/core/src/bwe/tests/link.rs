//! A link with a queue in virtual time, and a sender that obeys the estimator.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::bwe::{Estimator, Fate, PacketResult, Probe};

pub(super) const RTT: Duration = Duration::from_millis(60);
const STEP: Duration = Duration::from_millis(1);
const FRAME: Duration = Duration::from_millis(33);
const FEEDBACK: Duration = Duration::from_millis(50);
const PACKET: u16 = 1_100;
/// Longest queue of the link.
const QUEUE: Duration = Duration::from_millis(300);

/// What a run does.
pub(super) struct Run {
    pub(super) now: Instant,
    pub(super) estimator: Estimator,
    /// Bit/s that the link carries.
    pub(super) capacity: f64,
    /// Share of packets that it loses whatever is sent.
    pub(super) loss: f64,
    /// Share of the feedback that is lost.
    pub(super) feedback_loss: f64,
    /// The link is dead.
    pub(super) dead: bool,
    /// Others keep a queue in front of it that swings between 100 and 250 ms.
    pub(super) crowded: bool,
    /// Most that the sender has to send, bit/s.
    pub(super) wants: f64,
    pub(super) probes: bool,
    /// Bytes that arrived since this was reset, and longest queue.
    pub(super) delivered: u64,
    pub(super) longest_queue: Duration,
    start: Instant,
    link_free: Instant,
    flying: VecDeque<(Instant, PacketResult)>,
    /// What the feedback was about that was lost since the last one that came.
    untold: Vec<PacketResult>,
    next_frame: Instant,
    next_feedback: Instant,
    owed: f64,
    probe: Option<(Probe, Instant, u32, u32)>,
    random: u64,
}

impl Run {
    pub(super) fn new(capacity: f64) -> Self {
        let now = Instant::now();
        Self {
            now,
            estimator: Estimator::new(now),
            capacity,
            loss: 0.0,
            feedback_loss: 0.0,
            dead: false,
            crowded: false,
            wants: 20e6,
            probes: true,
            delivered: 0,
            longest_queue: Duration::ZERO,
            start: now,
            link_free: now,
            flying: VecDeque::new(),
            untold: Vec::new(),
            next_frame: now,
            next_feedback: now,
            owed: 0.0,
            probe: None,
            random: 1,
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Bit/s that arrived in the next stretch of time.
    pub(super) fn measure(&mut self, time: Duration) -> f64 {
        self.delivered = 0;
        self.longest_queue = Duration::ZERO;
        self.run(time);
        self.delivered as f64 * 8.0 / time.as_secs_f64()
    }

    /// The link stands still for a while; what is sent meanwhile waits.
    pub(super) fn stall(&mut self, time: Duration) {
        self.link_free = self.link_free.max(self.now + time);
    }

    fn step(&mut self) {
        if self.now >= self.next_frame {
            self.next_frame += FRAME;
            let rate = (self.estimator.target(self.now) as f64 * 0.95).min(self.wants);
            self.owed += rate * FRAME.as_secs_f64() / 8.0;
            while self.owed >= f64::from(PACKET) {
                self.owed -= f64::from(PACKET);
                self.send();
            }
        }
        self.send_probe();
        if self.now >= self.next_feedback {
            self.next_feedback += FEEDBACK;
            self.feedback();
        }
        self.now += STEP;
    }

    /// Sends the first key frame of a call.
    pub(super) fn start(&mut self, packets: u32) {
        let probe = self.estimator.start_probe(self.now, 2.5 * self.estimator.bitrate() as f64);
        self.probe = Some((probe, self.now, 0, 0));
        for _ in 0..packets {
            self.send();
            self.now += STEP;
        }
        self.probe = None;
        self.estimator.probe_sent(probe.id, packets, packets * u32::from(PACKET));
    }

    fn send_probe(&mut self) {
        if self.probe.is_none() && self.probes {
            let offered = self.wants.min(self.estimator.bitrate() as f64);
            let held_back = self.wants > self.estimator.bitrate() as f64 * 0.95;
            if (held_back || self.estimator.starts_anew())
                && let Some(probe) = self.estimator.poll_probe(self.now, offered)
            {
                self.probe = Some((probe, self.now, 0, 0));
            }
        }
        while let Some((probe, since, packets, bytes)) = self.probe {
            let due = since + Duration::from_secs_f64(f64::from(bytes) * 8.0 / probe.bitrate);
            if due > self.now {
                return;
            }
            self.send();
            let (packets, bytes) = (packets + 1, bytes + u32::from(PACKET));
            self.probe = Some((probe, since, packets, bytes));
            if packets >= 5 && bytes >= probe.bytes {
                self.estimator.probe_sent(probe.id, packets, bytes);
                self.probe = None;
            }
        }
    }

    fn send(&mut self) {
        let size = PACKET;
        let probe = self.probe.map(|(probe, ..)| probe.id);
        self.estimator.on_sent(self.now, usize::from(size));
        let queue = self.link_free.saturating_duration_since(self.now);
        let lost = self.dead || queue > QUEUE || self.random() < self.loss;
        let mut result = PacketResult { sent_at: self.now, size, fate: Fate::Lost, probe };
        if self.dead || queue > QUEUE {
            // Lost packets are reported with those around them.
            self.flying.push_back((self.link_free.max(self.now) + RTT / 2, result));
            return;
        }
        self.longest_queue = self.longest_queue.max(queue);
        let time = Duration::from_secs_f64(f64::from(size) * 8.0 / self.capacity);
        self.link_free = self.link_free.max(self.now) + time;
        let at = self.link_free + self.crowd() + RTT / 2;
        if !lost {
            result.fate = Fate::Arrived((at - self.start).as_micros() as i64 + 5_000_000);
        }
        self.flying.push_back((at, result));
    }

    /// The others' queue: it grows for 2.4 s and shrinks for 0.6 s.
    fn crowd(&self) -> Duration {
        if !self.crowded {
            return Duration::ZERO;
        }
        let at = ((self.now - self.start).as_secs_f64() / 3.0).fract();
        let part = if at < 0.8 { at / 0.8 } else { (1.0 - at) / 0.2 };
        Duration::from_millis(100) + Duration::from_millis(150).mul_f64(part)
    }

    /// The feedback of everything that has arrived half a round trip ago.
    fn feedback(&mut self) {
        let arrived = |at: Instant, now: Instant| at + RTT / 2 <= now;
        let any = self
            .flying
            .iter()
            .any(|(at, result)| arrived(*at, self.now) && matches!(result.fate, Fate::Arrived(_)));
        if self.dead || !any {
            return;
        }
        if self.random() < self.feedback_loss {
            while let Some((_, result)) = self.flying.pop_front_if(|(at, _)| arrived(*at, self.now))
            {
                if matches!(result.fate, Fate::Arrived(_)) {
                    self.delivered += u64::from(result.size);
                }
                self.untold.push(PacketResult { fate: Fate::Untold, ..result });
            }
            return;
        }
        self.estimator.begin_feedback(self.now, RTT);
        for result in self.untold.drain(..) {
            self.estimator.on_packet(result);
        }
        while let Some((_, result)) = self.flying.pop_front_if(|(at, _)| arrived(*at, self.now)) {
            if matches!(result.fate, Fate::Arrived(_)) {
                self.delivered += u64::from(result.size);
            }
            self.estimator.on_packet(result);
        }
        self.estimator.end_feedback(self.now, RTT);
    }

    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        (self.random >> 33) as f64 / f64::from(1u32 << 31)
    }
}
