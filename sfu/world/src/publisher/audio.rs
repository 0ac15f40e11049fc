//! The microphone: Opus, a packet every 20 ms, each with a copy of the one before it (RFC 2198, as the
//! pages ask for).

use std::time::Duration;

use crate::{
    random::Random,
    time::{Time, millis},
};

/// Length of a packet.
pub const PERIOD: Duration = millis(20);
/// Timestamps in a packet.
const TICKS: u32 = 960;
/// Bytes of a block: 32 kbit/s, Chromium's default for one channel.
const SIZE: f64 = 80.0;
/// Headers of the two blocks.
const RED_HEADERS: f64 = 5.0;
const NOISE: f64 = 10.0;
/// What the allocator sets aside for it, bit/s on the wire. It does not know of the copies.
pub(super) const RESERVED: f64 = 32_000.0 + 50.0 * 8.0 * 72.0;

/// The audio source.
#[derive(Debug, Clone)]
pub(super) struct Microphone {
    random: Random,
    next: Time,
    number: u32,
    /// The block before.
    before: f64,
}

impl Microphone {
    /// Begins at `start`.
    pub(super) fn new(random: Random, start: Time) -> Self {
        Self { random, next: start, number: 0, before: 0.0 }
    }

    /// When the next packet is ready.
    pub(super) fn due(&self) -> Time {
        self.next
    }

    /// Its number, timestamp and length.
    pub(super) fn take(&mut self) -> (u32, u32, usize) {
        self.next = self.next + PERIOD;
        self.number += 1;
        let block = (SIZE + NOISE * self.random.normal()).max(20.0);
        let size = RED_HEADERS + block + std::mem::replace(&mut self.before, block);
        (self.number, self.number * TICKS, size as usize)
    }
}
