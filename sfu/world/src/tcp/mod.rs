//! Competing TCP: one connection with selective acknowledgements, Reno or CUBIC, long or in
//! transfers with pauses. Sequence numbers count segments.

mod growth;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use self::{
    growth::Algorithm,
    receiver::Receiver,
    sender::{Sender, TcpPlan, Traffic},
};

/// Bytes of a full segment's IP packet.
pub const SEGMENT_SIZE: u32 = 1_500;
/// Bytes of an acknowledgement's IP packet, with timestamps and SACK.
pub const ACK_SIZE: u32 = 64;

/// What a TCP packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// Data: the transfer's number and the segment's.
    Data {
        /// Transfer.
        transfer: u32,
        /// Segment.
        number: u64,
    },
    /// All segments below `cumulative`, and `number` as well.
    Ack {
        /// Transfer.
        transfer: u32,
        /// First segment that is missing.
        cumulative: u64,
        /// The segment that has just come.
        number: u64,
    },
}
