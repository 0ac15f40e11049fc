//! What a caller's access network does to its datagrams: losses, delay, jitter and a bottleneck.
//! Sans-IO, seeded, one direction.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use rand::Rng;

/// One direction of an access network.
#[derive(Debug)]
pub struct Link {
    impairment: Option<Impairment>,
    /// The bottleneck is busy until then.
    busy_until: Duration,
    /// No datagram overtakes another.
    last: Duration,
    /// Whether the run of losses goes on.
    losing: bool,
    under_way: VecDeque<(Duration, SocketAddr, Vec<u8>)>,
}

/// What happens to datagrams.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Share that is lost, 0 to 1.
    pub loss: f64,
    /// Mean length of a run of losses, in packets; 1: every loss by itself.
    pub burst: f64,
    /// Added delay of this direction.
    pub delay: Duration,
    /// Delay that varies from packet to packet, up to this, on top.
    pub jitter: Duration,
    /// Capacity in kbit/s; unlimited if none.
    pub rate_kbps: Option<u32>,
    /// How much the bottleneck keeps, in time at its capacity, before it drops.
    pub queue: Duration,
}

/// IPv4 and UDP headers, which take capacity as well.
const OVERHEAD: usize = 28;

impl Link {
    /// A link; without impairment it is clear.
    pub fn new(impairment: Option<Impairment>) -> Self {
        Self {
            impairment,
            busy_until: Duration::ZERO,
            last: Duration::ZERO,
            losing: false,
            under_way: VecDeque::new(),
        }
    }

    /// Whether datagrams need not pass it at all.
    pub fn is_clear(&self) -> bool {
        self.impairment.is_none()
    }

    /// A datagram enters it.
    pub fn push(&mut self, now: Duration, address: SocketAddr, data: &[u8], rng: &mut impl Rng) {
        let Some(impairment) = self.impairment else { return };
        if self.loses(&impairment, rng) {
            return;
        }
        let mut leaves = now;
        if let Some(kbps) = impairment.rate_kbps {
            let begins = self.busy_until.max(now);
            if begins - now > impairment.queue {
                return;
            }
            let bits = ((data.len() + OVERHEAD) * 8) as f64;
            leaves = begins + Duration::from_secs_f64(bits / (f64::from(kbps.max(1)) * 1_000.0));
            self.busy_until = leaves;
        }
        let arrives = leaves + impairment.delay + impairment.jitter.mul_f64(rng.random());
        self.last = self.last.max(arrives);
        self.under_way.push_back((self.last, address, data.to_vec()));
    }

    /// Gilbert's model: a run of losses ends with probability 1/burst at each packet, and begins as
    /// often as the share of lost packets asks for.
    fn loses(&mut self, impairment: &Impairment, rng: &mut impl Rng) -> bool {
        let ends = 1.0 / impairment.burst.max(1.0);
        let begins = if impairment.loss < 1.0 {
            (ends * impairment.loss / (1.0 - impairment.loss)).min(1.0)
        } else {
            1.0
        };
        let threshold = if self.losing && impairment.loss < 1.0 { 1.0 - ends } else { begins };
        self.losing = impairment.loss > 0.0 && rng.random::<f64>() < threshold;
        self.losing
    }

    /// The next datagram that has arrived.
    pub fn pop(&mut self, now: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        if self.under_way.front()?.0 > now {
            return None;
        }
        self.under_way.pop_front().map(|(_, address, data)| (address, data))
    }

    /// When [`Link::pop`] has something.
    pub fn next_timeout(&self) -> Duration {
        self.under_way.front().map_or(Duration::MAX, |(at, ..)| *at)
    }
}

#[cfg(test)]
mod tests;
