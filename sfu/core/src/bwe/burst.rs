//! What became of a burst of packets, and what that says of the way.

use std::time::Instant;

/// A burst that arrives faster than it was sent by more than this was held up on the way.
const MAX_RATIO: f64 = 2.0;
/// One that arrives at less than this share of its rate has filled the way…
const SATURATED: f64 = 0.9;
/// …of which this share is used.
const UTILISATION: f64 = 0.95;
/// What is to lower an estimate has this many packets and takes so long, in microseconds: less is jitter.
const SOLID_PACKETS: u32 = 10;
const SOLID_LENGTH: f64 = 20_000.0;
/// So much of it says what the rest will say: a queue grows with every moment that is waited.
const ENOUGH: f64 = 40_000.0;

/// The packets of a burst whose fate is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) packets: u32,
    pub(super) lost: u32,
    pub(super) bytes: u32,
    first: Option<Packet>,
    last: Option<Packet>,
    arrivals: Option<(i64, i64)>,
}

/// What a burst has found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Bit/s.
    pub(super) rate: f64,
    /// The way was full: it carries no more.
    pub(super) is_full: bool,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    sent: Instant,
    size: u16,
}

impl Seen {
    /// Takes a packet's fate; `arrival` is in microseconds of the peer's clock.
    pub(super) fn add(&mut self, sent: Instant, size: u16, arrival: Option<i64>) {
        let Some(arrival) = arrival else {
            self.lost += 1;
            return;
        };
        self.packets += 1;
        self.bytes += u32::from(size);
        self.first.get_or_insert(Packet { sent, size });
        self.last = Some(Packet { sent, size });
        let (first, last) = self.arrivals.unwrap_or((arrival, arrival));
        self.arrivals = Some((first.min(arrival), last.max(arrival)));
    }

    /// The rate that the way has carried. `None` if too little arrived or the figures make no
    /// sense; `share` of it is enough.
    pub(super) fn rate(&self, packets: u32, bytes: u32, share: f64) -> Option<Found> {
        let (first, last, (arrived, until)) = (self.first?, self.last?, self.arrivals?);
        if f64::from(self.packets) < share * f64::from(packets)
            || f64::from(self.bytes) < share * f64::from(bytes)
            || self.packets < 2
        {
            return None;
        }
        let sent = last.sent.saturating_duration_since(first.sent).as_secs_f64();
        let received = until.saturating_sub(arrived) as f64 / 1e6;
        if sent <= 0.0 || received <= 0.0 {
            return None;
        }
        let send_rate = f64::from(self.bytes - u32::from(last.size)) * 8.0 / sent;
        let receive_rate = f64::from(self.bytes - u32::from(first.size)) * 8.0 / received;
        if receive_rate > MAX_RATIO * send_rate {
            return None;
        }
        if receive_rate < SATURATED * send_rate {
            return Some(Found { rate: UTILISATION * receive_rate, is_full: true });
        }
        Some(Found { rate: send_rate.min(receive_rate), is_full: false })
    }

    /// It is large enough to say that a way carries less than was thought.
    pub(super) fn is_solid(&self) -> bool {
        self.packets >= SOLID_PACKETS && self.length() >= SOLID_LENGTH
    }

    /// What has come of it took long, and longer than it was sent in.
    pub(super) fn shows_narrow(&self) -> bool {
        self.is_solid()
            && self.length() >= ENOUGH
            && self.rate(self.packets, self.bytes, 1.0).is_some_and(|found| found.is_full)
    }

    /// Between the first and the last arrival, in microseconds.
    fn length(&self) -> f64 {
        self.arrivals.map_or(0, |(first, last)| last.saturating_sub(first)) as f64
    }
}
