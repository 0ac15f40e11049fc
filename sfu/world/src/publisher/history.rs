//! What was sent, for repeats and for the estimate.

use std::time::Duration;

use crate::time::Time;

/// Video packets kept for repeats.
const KEPT: usize = 2_048;
/// Packets whose fate is still open.
const OPEN: usize = 4_096;

/// Sent video packets, by sequence number.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    packets: Vec<Option<Kept>>,
}

/// A packet that can be repeated.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// Its number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its marker.
    pub marker: bool,
    /// Its payload.
    pub payload: Vec<u8>,
    last: Option<Time>,
}

impl History {
    /// Keeps a packet.
    pub(super) fn keep(&mut self, sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) {
        if self.packets.is_empty() {
            self.packets.resize(KEPT, None);
        }
        let slot = &mut self.packets[usize::from(sequence) % KEPT];
        let mut buffer = slot.take().map(|kept| kept.payload).unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(payload);
        *slot = Some(Kept { sequence, timestamp, marker, payload: buffer, last: None });
    }

    /// The packet, if it may be repeated now: not within a round trip of the last time.
    pub(super) fn repeat(&mut self, now: Time, sequence: u16, rtt: Duration) -> Option<&Kept> {
        let kept = self.packets.get_mut(usize::from(sequence) % KEPT)?.as_mut()?;
        if kept.sequence != sequence || kept.last.is_some_and(|last| now.since(last) < rtt) {
            return None;
        }
        kept.last = Some(now);
        Some(kept)
    }

    /// Any packet, to fill up with.
    pub(super) fn filler(&self, newest: u16) -> Option<&Kept> {
        self.packets.get(usize::from(newest) % KEPT)?.as_ref()
    }
}

/// A packet under way, by transport-wide number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Open {
    /// The number.
    pub number: u16,
    /// When it was sent.
    pub at: Time,
    /// Bytes on the wire.
    pub size: u32,
    /// The probe it belongs to.
    pub probe: Option<u32>,
    open: bool,
    missed: bool,
}

/// The packets under way.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight {
    packets: Vec<Open>,
    next: u16,
}

impl InFlight {
    /// Notes a packet and gives it a number.
    pub(super) fn send(&mut self, at: Time, size: u32, probe: Option<u32>) -> u16 {
        if self.packets.is_empty() {
            self.packets.resize(OPEN, Open::default());
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.packets[usize::from(number) % OPEN] =
            Open { number, at, size, probe, open: true, missed: false };
        number
    }

    /// The packet of a number whose fate is told: once that it is missing, and once that it came.
    pub(super) fn take(&mut self, number: u16, received: bool) -> Option<Open> {
        let packet = self.packets.get_mut(usize::from(number) % OPEN)?;
        if !packet.open || packet.number != number || packet.missed && !received {
            return None;
        }
        packet.open = !received;
        packet.missed = true;
        Some(*packet)
    }
}
