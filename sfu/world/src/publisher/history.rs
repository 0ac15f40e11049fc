//! What was sent, for repeats and for the estimate.

use std::time::Duration;

use super::recent::Recent;
use crate::time::{Time, millis};

/// Video packets kept for repeats.
const KEPT: usize = 2_048;
/// Packets whose fate is still open.
const OPEN: usize = 4_096;
/// Repeats within this long take no more than the target (`kRetransmitWindowSizeMs`).
const REPEAT_WINDOW: Duration = millis(500);

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
    /// A repeat of it waits in the pacer.
    waiting: bool,
}

impl Kept {
    /// A repeat is on its way to the pacer.
    pub(super) fn wait(&mut self) {
        self.waiting = true;
    }
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
        *slot =
            Some(Kept { sequence, timestamp, marker, payload: buffer, last: None, waiting: false });
    }

    /// The packet, if it may be repeated now: not while a repeat of it waits, and not within a
    /// round trip of when it was sent last.
    pub(super) fn repeat(&mut self, now: Time, sequence: u16, rtt: Duration) -> Option<&mut Kept> {
        let kept = self.packets.get_mut(usize::from(sequence) % KEPT)?.as_mut()?;
        let recent = kept.last.is_some_and(|last| now.since(last) < rtt);
        (kept.sequence == sequence && !kept.waiting && !recent).then_some(kept)
    }

    /// A repeat has left the pacer.
    pub(super) fn repeated(&mut self, now: Time, sequence: u16) {
        if let Some(Some(kept)) = self.packets.get_mut(usize::from(sequence) % KEPT)
            && kept.sequence == sequence
        {
            kept.last = Some(now);
            kept.waiting = false;
        }
    }

    /// Any packet, to fill up with.
    pub(super) fn filler(&self, newest: u16) -> Option<&Kept> {
        self.packets.get(usize::from(newest) % KEPT)?.as_ref()
    }
}

/// Bytes of repeats lately: no more than the target allows.
#[derive(Debug, Clone, Default)]
pub(super) struct RepeatBudget {
    recent: Recent,
}

impl RepeatBudget {
    /// Whether so many bytes may be repeated now.
    pub(super) fn take(&mut self, now: Time, bytes: usize, target: f64) -> bool {
        let most = target / 8.0 * REPEAT_WINDOW.as_secs_f64();
        let enough = (self.recent.bytes(now, REPEAT_WINDOW) + bytes) as f64 <= most;
        if enough {
            self.recent.add(now, bytes);
        }
        enough
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
