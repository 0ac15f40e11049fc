//! What the way to a peer can carry.
//!
//! [`Estimator`] is told the fate of every packet ([`PacketResult`]) and answers with a bitrate.
//! This first one backs off on loss and on a standing queue and otherwise grows; it does not
//! probe.

mod estimator;
#[cfg(test)]
mod tests;

pub use self::estimator::{Estimator, MAX_BITRATE, MIN_BITRATE, PacketResult, START_BITRATE};
