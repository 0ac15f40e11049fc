//! Datagrams on their way out, for all channels of a core.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::RelayCounters;
use crate::api::Hop;

/// Datagrams are written into pieces of this much memory, and share it: one allocation for some
/// fifty packets.
const POOL: usize = 64 * 1024;

/// How urgent a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Audio and what the nodes tell each other: never behind video.
    Urgent,
    /// Video.
    Video,
}

/// A datagram for another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// Over which of the node's links.
    pub hop: Hop,
    /// How urgent it is.
    pub class: Class,
    /// The bytes.
    pub data: Bytes,
}

/// Where channels put what they have to say.
#[derive(Debug, Default)]
pub struct Outlet {
    queue: VecDeque<Relayed>,
    pool: BytesMut,
    /// What went through the channels.
    pub counters: RelayCounters,
}

impl Outlet {
    /// The next datagram to send.
    pub fn pop(&mut self) -> Option<Relayed> {
        self.queue.pop_front()
    }

    /// Queues a datagram of at most `len` bytes that `write` appends.
    pub(super) fn write(
        &mut self,
        hop: Hop,
        class: Class,
        len: usize,
        write: impl FnOnce(&mut BytesMut),
    ) -> Bytes {
        if self.pool.capacity() < len {
            // What was written into the former piece keeps it alive.
            self.pool = BytesMut::with_capacity(POOL.max(len));
        }
        write(&mut self.pool);
        let data = self.pool.split().freeze();
        self.push(hop, class, data.clone());
        data
    }

    pub(super) fn push(&mut self, hop: Hop, class: Class, data: Bytes) {
        self.counters.datagrams_out += 1;
        self.counters.bytes_out += data.len() as u64;
        self.queue.push_back(Relayed { hop, class, data });
    }
}
