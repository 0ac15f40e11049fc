//! The packets of one outgoing stream: waiting to be sent, then kept to be repeated.

use std::time::Instant;

use crate::rtp::MAX_HEADER;

/// A packet's place and what sending it needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    sequence: u64,
    /// Position in the endless sequence of bytes that the ring is a window of.
    at: u64,
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
}

/// A ring of bytes: each packet is written once, in the form it is sent in, and stays until newer
/// ones need its place.
#[derive(Debug, Clone)]
pub(super) struct PacketCache {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    capacity: usize,
    slots: usize,
    end: u64,
}

const EMPTY: Entry = Entry {
    sequence: u64::MAX,
    at: 0,
    len: 0,
    header_len: 0,
    transport_sequence_at: 0,
    send_time_at: 0,
    sent: None,
    repeated: false,
};

impl PacketCache {
    /// A cache of so many bytes and packets. They are not allocated before the first packet, so an
    /// idle leg costs nothing.
    pub(super) fn new(capacity: usize, slots: usize) -> Self {
        Self { bytes: Vec::new(), entries: Vec::new(), capacity, slots, end: 0 }
    }

    /// Stores a packet: `header` writes at most [`MAX_HEADER`] bytes and returns the entry's header
    /// length and offsets.
    pub(super) fn store(
        &mut self,
        sequence: u64,
        payload: &[u8],
        header: impl FnOnce(&mut [u8]) -> Layout,
    ) {
        if self.bytes.is_empty() {
            self.bytes = vec![0; self.capacity];
            self.entries = vec![EMPTY; self.slots];
        }
        let most = MAX_HEADER + payload.len();
        let mut offset = (self.end % self.capacity as u64) as usize;
        if offset + most > self.capacity {
            // A packet does not wrap around the end.
            self.end += (self.capacity - offset) as u64;
            offset = 0;
        }
        let place = &mut self.bytes[offset..offset + most];
        let layout = header(place);
        let len = usize::from(layout.header_len) + payload.len();
        place[usize::from(layout.header_len)..len].copy_from_slice(payload);
        let slot = self.slot(sequence);
        self.entries[slot] = Entry {
            sequence,
            at: self.end,
            len: len as u16,
            header_len: layout.header_len,
            transport_sequence_at: layout.transport_sequence_at,
            send_time_at: layout.send_time_at,
            sent: None,
            repeated: false,
        };
        self.end += len as u64;
    }

    /// A packet that is still kept.
    pub(super) fn get(&mut self, sequence: u64) -> Option<(&mut Entry, &[u8])> {
        let slot = self.slot(sequence);
        let entry = self.entries.get_mut(slot)?;
        // A header may take more room while it is written than it needs in the end.
        let reach = entry.at + self.capacity as u64;
        if entry.sequence != sequence || self.end + MAX_HEADER as u64 > reach {
            return None;
        }
        let offset = (entry.at % self.capacity as u64) as usize;
        let bytes = &self.bytes[offset..offset + usize::from(entry.len)];
        Some((entry, bytes))
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
pub(super) struct Layout {
    pub(super) header_len: u8,
    pub(super) transport_sequence_at: u8,
    pub(super) send_time_at: u8,
}
