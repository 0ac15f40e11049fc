//! RTCP: reports and feedback (RFC 3550, RFC 4585, RFC 5104, transport-wide congestion control).
//!
//! [`Messages`] takes a compound or reduced-size packet apart; each part stands for itself, so a
//! malformed one does not take the others with it. Formats are `rtc-rtcp`'s, except for transport
//! feedback, the only one that comes many times a second: [`transport_feedback`] reads and writes
//! it without allocating.

mod messages;
#[cfg(test)]
mod tests;
pub mod transport_feedback;

pub use self::messages::{Malformed, Message, Messages, ReportBlock};
