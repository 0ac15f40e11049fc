//! The packets of one outgoing stream: waiting to be sent, then kept to be repeated.

use std::time::{Duration, Instant};

use super::glance::LINE;
use crate::rtp::MAX_HEADER;

/// The ring grows until it holds this much time: a peer that asks for an older packet could not use
/// it any more.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// It begins with this share of the room that it may have, and doubles.
const FIRST_SHARE: usize = 8;

/// A packet's place and what sending it needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    sequence: u64,
    /// Position in the endless sequence of bytes that the ring is a window of.
    at: u64,
    /// Where in the ring that is.
    offset: u32,
    len: u16,
    /// Where the payload begins.
    pub(super) header_len: u8,
    /// Where the value of the transport-wide sequence number stands, 0 if there is none.
    pub(super) transport_sequence_at: u8,
    /// Where the value of the send time stands, 0 if there is none.
    pub(super) send_time_at: u8,
    /// Last time it was sent.
    pub(super) sent: Option<Instant>,
    /// It was sent more than once.
    pub(super) repeated: bool,
    /// Without it nothing that follows can be shown.
    pub(super) needed: bool,
}

/// A ring of bytes: each packet is written once, in the form it is sent in, and stays until newer
/// ones need its place.
#[derive(Debug, Clone)]
pub(crate) struct PacketCache {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    most_bytes: usize,
    slots: usize,
    end: u64,
    lap: Option<Lap>,
    /// What lies before this position has been overwritten.
    floor: u64,
}

/// One round through the ring.
#[derive(Debug, Clone, Copy)]
struct Lap {
    /// Position of the ring's first byte.
    start: u64,
    began: Instant,
}

const EMPTY: Entry = Entry {
    sequence: u64::MAX,
    at: 0,
    offset: 0,
    len: 0,
    header_len: 0,
    transport_sequence_at: 0,
    send_time_at: 0,
    sent: None,
    repeated: false,
    needed: false,
};

impl PacketCache {
    /// A cache of at most so many bytes and packets. Nothing is allocated before the first packet,
    /// so an idle leg costs nothing.
    pub(crate) fn new(most_bytes: usize, slots: usize) -> Self {
        Self {
            bytes: Vec::new(),
            entries: Vec::new(),
            most_bytes,
            slots,
            end: 0,
            lap: None,
            floor: 0,
        }
    }

    /// See [`super::glance`]: where the next packets will be stored, of so many bytes in all.
    pub(super) fn glance_places(&self, sequence: u64, packets: usize, bytes: usize) -> u64 {
        let begins = self.lap.map_or(0, |lap| (self.end - lap.start) as usize);
        let ends = (begins + bytes).min(self.bytes.len());
        let ring = self.bytes.get(begins..ends).unwrap_or_default();
        let ring = ring.iter().step_by(LINE).fold(0, |seen, &byte| seen ^ u64::from(byte));
        let entry = |ahead: usize| {
            let entry = self.entries.get(self.slot(sequence + ahead as u64));
            entry.map_or(0, |entry| entry.len.into())
        };
        (0..packets).fold(ring, |seen, ahead| seen ^ entry(ahead))
    }

    /// Stores a packet: `header` writes at most [`MAX_HEADER`] bytes and returns the entry's header
    /// length and offsets.
    pub(crate) fn store(
        &mut self,
        now: Instant,
        sequence: u64,
        payload: &[u8],
        header: impl FnOnce(&mut [u8]) -> Layout,
    ) {
        if self.entries.is_empty() {
            self.entries = vec![EMPTY; self.slots];
        }
        let most = MAX_HEADER + payload.len();
        let offset = self.make_room(now, most);
        let place = &mut self.bytes[offset..offset + most];
        let layout = header(place);
        let len = usize::from(layout.header_len) + payload.len();
        place[usize::from(layout.header_len)..len].copy_from_slice(payload);
        let slot = self.slot(sequence);
        self.entries[slot] = Entry {
            sequence,
            at: self.end,
            offset: offset as u32,
            len: len as u16,
            header_len: layout.header_len,
            transport_sequence_at: layout.transport_sequence_at,
            send_time_at: layout.send_time_at,
            sent: None,
            repeated: false,
            needed: layout.needed,
        };
        self.end += len as u64;
    }

    /// Where in the ring so many bytes can be written. At its end the ring begins anew, since a
    /// packet does not wrap around; or it grows, if the lap was too short.
    fn make_room(&mut self, now: Instant, most: usize) -> usize {
        let lap = *self.lap.get_or_insert(Lap { start: self.end, began: now });
        let offset = (self.end - lap.start) as usize;
        if offset + most <= self.bytes.len() {
            return offset;
        }
        let is_short = now.saturating_duration_since(lap.began) < KEPT_FOR;
        if is_short && self.bytes.len() < self.most_bytes {
            let first = (self.most_bytes / FIRST_SHARE).max(most);
            let len = (2 * self.bytes.len()).max(first).min(self.most_bytes);
            self.bytes.reserve_exact(len - self.bytes.len());
            self.bytes.resize(len, 0);
            // What is left of the lap before stands where new packets come now.
            self.floor = lap.start;
            if offset + most <= len {
                return offset;
            }
        }
        self.end = lap.start + self.bytes.len() as u64;
        self.lap = Some(Lap { start: self.end, began: now });
        0
    }

    /// A packet that is still kept.
    pub(crate) fn get(&mut self, sequence: u64) -> Option<(&mut Entry, &[u8])> {
        let slot = self.slot(sequence);
        let entry = self.entries.get_mut(slot)?;
        // A header may take more room while it is written than it needs in the end.
        let reach = entry.at + self.bytes.len() as u64;
        let is_of_this_lap = self.lap.is_some_and(|lap| entry.at >= lap.start);
        let overwritten =
            !is_of_this_lap && (entry.at < self.floor || self.end + MAX_HEADER as u64 > reach);
        if entry.sequence != sequence || overwritten {
            return None;
        }
        let offset = entry.offset as usize;
        let bytes = &self.bytes[offset..offset + usize::from(entry.len)];
        Some((entry, bytes))
    }

    /// Gives the memory back. Nothing is kept any more.
    pub(super) fn free(&mut self) {
        *self = Self { end: self.end, ..Self::new(self.most_bytes, self.slots) };
    }

    /// Bytes allocated for packets.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// Most packets kept.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self, sequence: u64) -> usize {
        (sequence % self.slots as u64) as usize
    }
}

/// Where things are in a header that was just written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) header_len: u8,
    pub(crate) transport_sequence_at: u8,
    pub(crate) send_time_at: u8,
    pub(crate) needed: bool,
}
