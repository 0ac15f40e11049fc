//! The control link: how a node and signaling talk (see [`signaling_wire::control`]).
//!
//! Both ends are built from the same parts, so that they cannot drift apart:
//!
//! * [`tls`]: QUIC configuration of either end;
//! * [`proof`]: the mutual proof that both know the [`ClusterSecret`];
//! * [`frame`]: length-prefixed JSON on the link's one stream;
//! * `client`: the node's end.
//!
//! The node opens one bidirectional stream and sends `Register` with its proof; signaling checks
//! it, answers `Registered` with its own, which the node checks before it does anything it is told.

pub(crate) mod client;
pub mod frame;
pub mod proof;
mod secret;
pub mod tls;

pub use secret::{ClusterSecret, MIN_SECRET_BYTES, SecretError};
