//! One link: a drop-tail queue, a rate, losses, a delay. The semantics are those of the WAN
//! emulator (`deploy/wan`), so that a case can be repeated there with real browsers.

use std::{collections::VecDeque, time::Duration};

use super::{LinkPlan, PacketId, Step};
use crate::{random::Random, time::Time};

/// Jitter is cut at so many deviations (RFC 8868 §4.4.2).
const JITTER_CUT: f64 = 3.0;
/// However slow the link, this much fits: two full packets.
const SMALLEST_QUEUE: f64 = 3_000.0;

/// What became of a packet that came to the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It waits or is being sent. `Some`: call [`Link::sent`] then.
    Queued(Option<Time>),
    /// There is no limit: it goes on as [`Link::propagate`] says.
    Passed,
    /// The queue was full.
    Full,
    /// The link is down.
    Blocked,
}

/// A packet was put on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// The packet.
    pub packet: PacketId,
    /// How long the next one takes, if there is one: call [`Link::sent`] then.
    pub next: Option<Time>,
}

/// A link and what is in it.
#[derive(Debug, Clone)]
pub struct Link {
    /// What it does at the moment.
    pub plan: LinkPlan,
    random: Random,
    queue: VecDeque<(PacketId, u32)>,
    queued: u64,
    blocked: bool,
    bad: bool,
    last_out: Time,
}

impl Link {
    /// An empty link.
    pub fn new(plan: LinkPlan, random: Random) -> Self {
        Self {
            plan,
            random,
            queue: VecDeque::new(),
            queued: 0,
            blocked: false,
            bad: false,
            last_out: Time::ZERO,
        }
    }

    /// Applies a change. A packet on the wire stays there for the time it was given.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::Rate(rate) => self.plan.rate = Some(rate),
            Step::Blocked(blocked) => self.blocked = blocked,
        }
    }

    /// Bit/s that get through at the moment; `None` is without limit.
    pub fn capacity(&self) -> Option<f64> {
        if self.blocked { Some(0.0) } else { self.plan.rate }
    }

    /// Time that what waits takes to drain.
    pub fn backlog(&self) -> Duration {
        match self.plan.rate {
            Some(rate) if rate > 0.0 => Duration::from_secs_f64(self.queued as f64 * 8.0 / rate),
            _ => Duration::ZERO,
        }
    }

    /// Takes a packet.
    pub fn enter(&mut self, now: Time, packet: PacketId, size: u32) -> Outcome {
        if self.blocked {
            return Outcome::Blocked;
        }
        let Some(rate) = self.plan.rate else { return Outcome::Passed };
        let limit = (rate / 8.0 * self.plan.queue.as_secs_f64()).max(SMALLEST_QUEUE);
        if (self.queued + u64::from(size)) as f64 > limit {
            return Outcome::Full;
        }
        self.queue.push_back((packet, size));
        self.queued += u64::from(size);
        Outcome::Queued((self.queue.len() == 1).then(|| now + self.wire_time(size)))
    }

    /// The head of the queue is on its way.
    pub fn sent(&mut self, now: Time) -> Option<Sent> {
        let (packet, size) = self.queue.pop_front()?;
        self.queued -= u64::from(size);
        let next = self.queue.front().map(|&(_, size)| now + self.wire_time(size));
        Some(Sent { packet, next })
    }

    /// When a packet on the wire gets to the far end; `None` if it is lost.
    pub fn propagate(&mut self, now: Time) -> Option<Time> {
        match self.plan.burst {
            Some(burst) => {
                let (to_bad, to_good) = burst.transitions();
                let flip = if self.bad { to_good } else { to_bad };
                self.bad ^= self.random.chance(flip);
            }
            None => self.bad = false,
        }
        if self.bad || self.random.chance(self.plan.loss) {
            return None;
        }
        let mut delay = self.plan.delay.as_secs_f64();
        if self.plan.jitter > Duration::ZERO {
            let shape = self.random.normal().clamp(-JITTER_CUT, JITTER_CUT);
            delay = (delay + self.plan.jitter.as_secs_f64() * shape).max(0.0);
        }
        self.last_out = self.last_out.max(now + Duration::from_secs_f64(delay));
        Some(self.last_out)
    }

    /// Time on the wire.
    pub fn wire_time(&self, size: u32) -> Duration {
        match self.plan.rate {
            Some(rate) if rate > 0.0 => Duration::from_secs_f64(f64::from(size) * 8.0 / rate),
            _ => Duration::ZERO,
        }
    }
}
