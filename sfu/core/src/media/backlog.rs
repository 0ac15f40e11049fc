//! The packets of one stream that wait for their turn, and which of them go first when too much
//! waits: whole frames that nothing refers to, then everything up to the next key frame.

use std::{collections::VecDeque, time::Instant};

use super::numbering::Numbering;
use crate::rtp::Layer;

/// Frames that nothing refers to are not taken any more from this share of the room on.
const SHED_FROM: f64 = 0.5;
/// What follows a key frame that is being sent may wait for so many times the room: the key frame
/// is in its way, and without it nothing can be seen.
const BEHIND_KEY_FRAME: usize = 2;

/// A packet that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    pub(super) position: u64,
    pub(super) timestamp: u32,
    pub(super) at: Instant,
    pub(super) bytes: u16,
    pub(super) layer: Layer,
    /// It is part of the newest key frame.
    pub(super) key_frame: bool,
    pub(super) marker: bool,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlog {
    packets: VecDeque<Queued>,
    /// Of the packets that are not part of a key frame, and of those that are.
    bytes: usize,
    key_bytes: usize,
    highest_sent: Option<u64>,
    /// Timestamp of the packet sent last: the rest of its frame is not shed.
    sending: Option<u32>,
    /// The frame that is being shed while it arrives: timestamp and last position.
    shedding: Option<(u32, u64)>,
    /// A frame of this temporal layer that others refer to was shed: it and those above it are of
    /// no use before one of this layer that refers to lower ones only.
    broken: Option<u8>,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Position of the last packet that waits.
    pub(super) fn last(&self) -> Option<u64> {
        self.packets.back().map(|packet| packet.position)
    }

    pub(super) fn highest_sent(&self) -> Option<u64> {
        self.highest_sent
    }

    /// Part of a key frame waits.
    pub(super) fn has_key_frame(&self) -> bool {
        self.key_bytes > 0
    }

    /// Adds a packet, in its place if those after it still wait.
    pub(super) fn push(&mut self, packet: Queued) {
        let behind =
            self.packets.iter().rev().take_while(|other| other.position > packet.position).count();
        self.packets.insert(self.packets.len() - behind, packet);
        *self.bytes_of(&packet) += usize::from(packet.bytes);
    }

    /// Takes the next packet.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        let packet = self.packets.pop_front()?;
        let bytes = self.bytes_of(&packet);
        *bytes = bytes.saturating_sub(usize::from(packet.bytes));
        self.highest_sent = self.highest_sent.max(Some(packet.position));
        self.sending = Some(packet.timestamp);
        Some(packet)
    }

    /// More waits than there is room for.
    pub(super) fn is_over(&self, room: usize) -> bool {
        let room = if self.key_bytes > 0 { room.saturating_mul(BEHIND_KEY_FRAME) } else { room };
        self.bytes > room
    }

    /// A key frame begins: nothing refers to what came before it.
    pub(super) fn key_frame_begins(&mut self) {
        self.broken = None;
        self.shedding = None;
    }

    /// Whether a packet that has just come is part of a frame that should not be taken.
    pub(super) fn sheds(&mut self, packet: &Queued, room: usize) -> bool {
        if packet.key_frame || !self.may_omit(packet.position) {
            return false;
        }
        if let Some((timestamp, _)) = self.shedding
            && timestamp == packet.timestamp
        {
            return true;
        }
        let Layer { temporal, discardable, sync, .. } = packet.layer;
        if let Some(broken) = self.broken {
            if sync && temporal == broken {
                self.broken = None;
            } else if temporal >= broken {
                return self.is_new(packet);
            }
        }
        let full = self.bytes as f64 > SHED_FROM * room as f64;
        full && (discardable || temporal >= 2) && self.is_new(packet)
    }

    /// Leaves out a packet for which [`Self::sheds`] is true.
    pub(super) fn shed(&mut self, packet: &Queued, numbering: &mut Numbering) {
        let Queued { position, timestamp, layer, .. } = *packet;
        let (from, pictures) = match self.shedding {
            // What is missing in the middle of the frame is left out with it.
            Some((of, last)) if of == timestamp => (position.min(last + 1), 0),
            _ => (position, 1),
        };
        let last = match self.shedding {
            Some((of, last)) if of == timestamp => last.max(position),
            _ => position,
        };
        self.shedding = Some((timestamp, last));
        self.note_broken(layer);
        numbering.omit(from, position + 1, pictures);
    }

    /// Drops whole frames that wait, the most dispensable first, until there is room. Returns how
    /// many packets it were.
    pub(super) fn relieve(&mut self, room: usize, numbering: &mut Numbering) -> u64 {
        let mut dropped = 0;
        for temporal in [2, 1] {
            if self.is_over(room) {
                dropped += self.drop_frames(numbering, |packet| {
                    let dispensable = packet.layer.discardable || packet.layer.temporal >= temporal;
                    dispensable && !packet.key_frame
                });
            }
        }
        dropped
    }

    /// A key frame begins: drops what waits before it, but for the frame that is being sent. Returns how many packets it
    /// were.
    pub(super) fn supersede(&mut self, numbering: &mut Numbering) -> u64 {
        self.drop_frames(numbering, |_| true)
    }

    fn drop_frames(
        &mut self,
        numbering: &mut Numbering,
        is_dispensable: impl Fn(&Queued) -> bool,
    ) -> u64 {
        let before = self.packets.len();
        let newest = self.packets.back().map(|packet| packet.timestamp);
        let mut frame: Option<(u32, u64)> = None;
        let mut packets = std::mem::take(&mut self.packets);
        packets.retain(|packet| {
            if !is_dispensable(packet)
                || self.sending == Some(packet.timestamp)
                || !self.may_omit(packet.position)
            {
                return true;
            }
            let position = packet.position;
            let (from, pictures) = match frame {
                Some((of, last)) if of == packet.timestamp => (position.min(last + 1), 0),
                _ => (position, 1),
            };
            frame = Some((packet.timestamp, position));
            numbering.omit(from, position + 1, pictures);
            let bytes = self.bytes_of(packet);
            *bytes = bytes.saturating_sub(usize::from(packet.bytes));
            self.note_broken(packet.layer);
            false
        });
        self.packets = packets;
        if let Some((timestamp, last)) = frame.filter(|(of, _)| newest == Some(*of)) {
            // The rest of it may still come.
            self.shedding = Some((timestamp, last));
        }
        (before - self.packets.len()) as u64
    }

    /// Drops everything, or everything behind a key frame. Returns how many packets it were.
    pub(super) fn clear(&mut self, keep_key_frame: bool) -> u64 {
        let before = self.packets.len();
        let keep = if keep_key_frame {
            self.packets.iter().rposition(|packet| packet.key_frame).map_or(0, |last| last + 1)
        } else {
            0
        };
        self.packets.truncate(keep);
        self.bytes = 0;
        self.key_bytes = 0;
        for index in 0..self.packets.len() {
            let packet = self.packets[index];
            *self.bytes_of(&packet) += usize::from(packet.bytes);
        }
        self.shedding = None;
        self.broken = None;
        (before - keep) as u64
    }

    /// Numbers of packets that have been sent cannot change any more.
    fn may_omit(&self, position: u64) -> bool {
        self.highest_sent.is_none_or(|sent| position > sent)
    }

    /// Nothing of its frame waits or has been sent.
    fn is_new(&self, packet: &Queued) -> bool {
        let of = Some(packet.timestamp);
        self.sending != of && self.packets.back().map(|last| last.timestamp) != of
    }

    fn note_broken(&mut self, layer: Layer) {
        if !layer.discardable {
            self.broken = Some(self.broken.map_or(layer.temporal, |b| b.min(layer.temporal)));
        }
    }

    fn bytes_of(&mut self, packet: &Queued) -> &mut usize {
        if packet.key_frame { &mut self.key_bytes } else { &mut self.bytes }
    }
}
