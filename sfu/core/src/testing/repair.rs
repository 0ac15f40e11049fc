//! The packets kept for repeats alone, for benches.

use std::time::{Duration, Instant};

use crate::media::cache::{Layout, PacketCache};

/// A video stream's ring, on a clock of its own.
#[derive(Debug)]
pub struct Repair {
    cache: PacketCache,
    now: Instant,
    next: u64,
}

/// As large as a leg's.
const ROOM: (usize, usize) = (448 * 1024, 1_024);
/// Packets of 1,070 bytes in 1.5 Mbit/s.
const APART: Duration = Duration::from_micros(5_700);
const HEADER_LEN: u8 = 28;
const PAYLOAD: [u8; 1_042] = [5; 1_042];

impl Repair {
    /// A ring through which some seconds of packets have gone.
    #[allow(clippy::new_without_default, reason = "it is work")]
    pub fn new() -> Self {
        let cache = PacketCache::new(ROOM.0, ROOM.1);
        let mut this = Self { cache, now: Instant::now(), next: 0 };
        for _ in 0..2 * ROOM.1 {
            this.store();
        }
        this
    }

    /// Keeps the next packet.
    pub fn store(&mut self) {
        self.now += APART;
        let sequence = self.next;
        self.next += 1;
        self.cache.store(self.now, sequence, &PAYLOAD, |header| {
            header[..usize::from(HEADER_LEN)].fill(0x90);
            Layout {
                header_len: HEADER_LEN,
                transport_sequence_at: 23,
                send_time_at: 20,
                needed: true,
            }
        });
    }

    /// Finds the packets so many places back, as a NACK asks for them; the bytes found.
    pub fn find(&mut self, back: impl IntoIterator<Item = u64>) -> usize {
        let found = |back| self.cache.get(self.next - back).map_or(0, |(_, bytes)| bytes.len());
        back.into_iter().map(found).sum()
    }
}
