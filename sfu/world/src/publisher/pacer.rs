//! Chromium's pacer: audio at once, repeats before video, hardly faster than the target in bursts of up to
//! 40 ms, probes filled up with repeats.

use std::{collections::VecDeque, time::Duration};

use super::gcc::Probe;
use crate::time::{Time, millis};

/// Where feedback is transport-wide (`kStrictPacingMultiplier`): what an encoder has made too much, or a limit has come
/// too late for, waits in the page and leaves it slowly.
const FACTOR: f64 = 1.1;
/// Packets leave ahead of time as long as what they owe drains within this.
const BURST: Duration = millis(40);
/// The queue is to drain within this, whatever the target.
const LONGEST_QUEUE: f64 = 2.0;
/// Longest packets of a probe come from the queue or are made for it.
pub(super) const SMALLEST_PROBE_PACKET: u32 = 200;

/// A video packet or a repeat that waits.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) repeat_of: Option<u16>,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Vec<u8>,
}

/// What may leave now.
#[derive(Debug)]
pub(super) enum Leave {
    /// A packet that waits, as part of a probe or not.
    Packet(Waiting, Option<u32>),
    /// Something to fill a probe up with.
    Filler(u32),
}

#[derive(Debug, Clone, Copy)]
struct Probing {
    probe: Probe,
    started: Time,
    bytes: u32,
    packets: u32,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Pacer {
    repeats: VecDeque<Waiting>,
    video: VecDeque<Waiting>,
    bytes: usize,
    debt: f64,
    at: Time,
    /// The debt exceeded a burst: nothing leaves until it is gone.
    resting: bool,
    probing: Option<Probing>,
}

impl Pacer {
    pub(super) fn push(&mut self, packet: Waiting) {
        self.bytes += packet.payload.len();
        if packet.repeat_of.is_some() {
            self.repeats.push_back(packet);
        } else {
            self.video.push_back(packet);
        }
    }

    /// Bytes that wait.
    pub(super) fn queued(&self) -> usize {
        self.bytes
    }

    fn rate(&self, target: f64) -> f64 {
        (target * FACTOR).max(self.bytes as f64 * 8.0 / LONGEST_QUEUE)
    }

    fn settle(&mut self, now: Time, target: f64) {
        let passed = now.since(self.at).as_secs_f64();
        self.at = now;
        self.debt = (self.debt - self.rate(target) / 8.0 * passed).max(0.0);
    }

    /// When something may leave.
    pub(super) fn due(&self, now: Time, target: f64) -> Option<Time> {
        if let Some(probing) = &self.probing {
            return Some(probing.due().max(now));
        }
        if self.bytes == 0 {
            return None;
        }
        Some(if self.resting {
            self.at + Duration::from_secs_f64(self.debt * 8.0 / self.rate(target) + 1e-6)
        } else {
            now
        })
    }

    /// What leaves now. `next_probe` is asked for a probe when media waits.
    pub(super) fn poll(
        &mut self,
        now: Time,
        target: f64,
        next_probe: impl FnOnce() -> Option<Probe>,
    ) -> Option<Leave> {
        self.settle(now, target);
        if self.probing.is_none() && self.bytes >= SMALLEST_PROBE_PACKET as usize {
            self.probing =
                next_probe().map(|probe| Probing { probe, started: now, bytes: 0, packets: 0 });
        }
        if let Some(probing) = &self.probing {
            if probing.due() > now {
                return None;
            }
            let id = probing.probe.id;
            return Some(match self.pop() {
                Some(packet) => Leave::Packet(packet, Some(id)),
                None => Leave::Filler(id),
            });
        }
        if self.resting && self.debt > 0.0 {
            return None;
        }
        self.resting = false;
        self.pop().map(|packet| Leave::Packet(packet, None))
    }

    fn pop(&mut self) -> Option<Waiting> {
        let packet = self.repeats.pop_front().or_else(|| self.video.pop_front())?;
        self.bytes -= packet.payload.len();
        Some(packet)
    }

    /// A packet has left.
    pub(super) fn left(&mut self, size: u32, target: f64) {
        self.debt += f64::from(size);
        self.resting = self.debt * 8.0 / self.rate(target) >= BURST.as_secs_f64();
        if let Some(probing) = &mut self.probing {
            probing.bytes += size;
            probing.packets += 1;
            let Probing { probe, bytes, packets, .. } = *probing;
            if bytes >= probe.bytes && packets >= probe.packets {
                self.probing = None;
            }
        }
    }
}

impl Probing {
    fn due(&self) -> Time {
        self.started + Duration::from_secs_f64(f64::from(self.bytes) * 8.0 / self.probe.rate)
    }
}
