//! Packets under way to the peer, until its feedback tells what became of them.

use std::time::Instant;

use super::glance::LINE;
use crate::{
    bwe::{Fate, PacketResult, ProbeId},
    rtcp::transport_feedback::TransportFeedback,
};

/// Packets remembered: two seconds of 4 Mbit/s, longer than any feedback takes…
const KEPT: usize = 1_024;
/// …and while no call is on the leg, where what asks for its way is all that is sent: a leg that waits is to need little.
const FEW: usize = 32;
const _: () = assert!(KEPT.is_power_of_two() && FEW.is_power_of_two());
/// The peer's clock in feedback begins anew after this many microseconds: 2^24 times 64 ms.
const CLOCK_PERIOD: i64 = (1 << 24) * 64_000;
/// Sent packets by transport-wide sequence number.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    /// At the number modulo their length, [`KEPT`] or [`FEW`]. Empty until the first packet.
    packets: Vec<Option<Packet>>,
    next: u16,
    /// The number after those that feedback has covered.
    covered: Option<u16>,
    /// The peer's latest time, counted on where its clock begins anew.
    peer_time: Option<i64>,
}

/// Video of a packet that leaves for the first time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Video {
    pub(super) position: u16,
    /// The timestamp of the picture that it is the last packet of.
    pub(super) ends: Option<u32>,
}

/// What feedback tells of video.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// The packet at this position did not come.
    Missing(u16),
    /// It did, after all.
    Late(u16),
    /// The last packet of the picture with this timestamp came, at this time of the peer's in microseconds.
    Ended(u32, i64),
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    sequence: u16,
    size: u16,
    at: Instant,
    probe: Option<ProbeId>,
    /// The video in it that had not been sent before.
    video: Option<Video>,
    /// Reported missing already. It may still come, only reordered.
    missed: bool,
}

impl Sent {
    /// See [`super::glance`].
    pub(super) fn glance(&self) -> u64 {
        self.next.into()
    }

    /// The same, where the next packets will be noted.
    pub(super) fn glance_places(&self, packets: usize) -> u64 {
        let place = |ahead: usize| {
            let packet = self.packets.get((usize::from(self.next) + ahead) & self.mask());
            u64::from(packet.is_some_and(Option::is_some))
        };
        let step = LINE / size_of::<Option<Packet>>();
        (0..=packets).step_by(step).fold(0, |seen, ahead| seen ^ place(ahead))
    }

    /// Notes a packet that is sent now, maybe as part of a probe, and returns its number.
    pub(super) fn next(
        &mut self,
        now: Instant,
        size: usize,
        probe: Option<ProbeId>,
        video: Option<Video>,
    ) -> u16 {
        if self.packets.is_empty() {
            self.packets.resize(KEPT, None);
        }
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        let size = size.min(usize::from(u16::MAX)) as u16;
        let slot = usize::from(sequence) & self.mask();
        self.packets[slot] = Some(Packet { sequence, size, at: now, probe, video, missed: false });
        sequence
    }

    /// What is sent next are [`FEW`] packets at most.
    pub(super) fn expect_few(&mut self) {
        if self.packets.is_empty() {
            self.packets.resize(FEW, None);
        }
    }

    fn mask(&self) -> usize {
        self.packets.len().wrapping_sub(1)
    }

    /// Nobody needs to know any more what becomes of what was sent.
    pub(super) fn forget(&mut self) {
        self.packets = Vec::new();
    }

    /// Reads a feedback message and hands each packet whose fate is now known to `known`, and what it tells of video
    /// to `told`.
    pub(super) fn on_feedback(
        &mut self,
        feedback: &TransportFeedback<'_>,
        mut known: impl FnMut(PacketResult),
        mut told: impl FnMut(Told),
    ) {
        let mut statuses = feedback.statuses().peekable();
        if let (Some(covered), Some(first)) = (self.covered, statuses.peek()) {
            self.pass_over(covered, first.sequence, &mut known);
        }
        for status in statuses {
            let next = status.sequence.wrapping_add(1);
            let is_newest = self.covered.is_none_or(|covered| is_ahead(next, covered));
            self.covered = if is_newest { Some(next) } else { self.covered };
            let slot = usize::from(status.sequence) & self.mask();
            let Some(place) = self.packets.get_mut(slot) else { return };
            let Some(packet) = place.as_mut().filter(|p| p.sequence == status.sequence) else {
                continue;
            };
            let fate = status.arrival.map_or(Fate::Lost, |at| {
                let known = *self.peer_time.get_or_insert(at);
                let ahead = (at - known + CLOCK_PERIOD / 2).rem_euclid(CLOCK_PERIOD);
                let at = known + ahead - CLOCK_PERIOD / 2;
                self.peer_time = Some(at);
                if packet.missed { Fate::Late(at) } else { Fate::Arrived(at) }
            });
            let Packet { size, at: sent_at, probe, .. } = *packet;
            let result = PacketResult { sent_at, size, fate, probe };
            if let Fate::Arrived(at) | Fate::Late(at) = fate {
                if let Some(video) = packet.video {
                    if packet.missed {
                        told(Told::Late(video.position));
                    }
                    if let Some(timestamp) = video.ends {
                        told(Told::Ended(timestamp, at));
                    }
                }
                *place = None;
                known(result);
            } else if !packet.missed {
                packet.missed = true;
                if let Some(video) = packet.video {
                    told(Told::Missing(video.position));
                }
                known(result);
            }
        }
    }

    /// Feedback goes on at `first` where `covered` was expected: the message between was lost, and
    /// with it the fate of the packets that it was about.
    fn pass_over(&mut self, covered: u16, first: u16, known: &mut impl FnMut(PacketResult)) {
        let skipped = first.wrapping_sub(covered);
        if !is_ahead(first, covered) || usize::from(skipped) >= KEPT {
            return;
        }
        for ahead in 0..skipped {
            let sequence = covered.wrapping_add(ahead);
            let slot = usize::from(sequence) & self.mask();
            let Some(place) = self.packets.get_mut(slot) else { return };
            let Some(packet) = place.take_if(|packet| packet.sequence == sequence) else {
                continue;
            };
            let Packet { size, at: sent_at, probe, .. } = packet;
            known(PacketResult { sent_at, size, fate: Fate::Untold, probe });
        }
    }
}

/// Whether a number comes after another one, in a circle.
fn is_ahead(number: u16, other: u16) -> bool {
    let ahead = number.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 15
}
