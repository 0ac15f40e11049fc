//! RTP packets by byte offset (RFC 3550, RFC 8285).
//!
//! Nothing here copies or allocates: [`Header`] says where things are in a packet, [`HeaderWriter`]
//! puts a header into a buffer, [`SequenceUnwrapper`] turns 16-bit numbers into ever-growing ones,
//! and [`key_frame`] and [`Layer`] look at the first payload bytes of a video codec.

mod dependency;
mod header;
pub mod key_frame;
mod layer;
mod sequence;
#[cfg(test)]
mod tests;
mod writer;

pub use self::{
    dependency::Templates,
    header::Header,
    layer::Layer,
    sequence::{SequenceUnwrapper, Unwrapped},
    writer::{HeaderWriter, MAX_HEADER},
};

/// Synchronization source: names one stream on one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(pub u32);

/// Payload type, 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(pub u8);
