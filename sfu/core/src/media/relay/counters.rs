//! What the channels of a core count.

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelayCounters {
    /// Datagrams handed out for other nodes, and bytes in them.
    pub datagrams_out: u64,
    /// See [`Self::datagrams_out`].
    pub bytes_out: u64,
    /// Datagrams from other nodes, and bytes in them, whatever became of them.
    pub datagrams_in: u64,
    /// See [`Self::datagrams_in`].
    pub bytes_in: u64,
    /// Media packets among [`Self::datagrams_in`] that were new.
    pub packets_in: u64,
    /// Packets that the other node was asked for again.
    pub asked: u64,
    /// Packets that the other node asked for, and that were sent again.
    pub repeated: u64,
    /// …and those that were not: too old, or too many.
    pub not_repeated: u64,
    /// Packets that came after they had been asked for.
    pub repaired: u64,
    /// Packets that did not come in time to be of use.
    pub lost: u64,
    /// Datagrams that are not what they claim to be.
    pub malformed: u64,
    /// Datagrams of a call that is not, or no longer, relayed here.
    pub unknown_channel: u64,
    /// Packets seen before, or too old to matter.
    pub duplicates: u64,
}
