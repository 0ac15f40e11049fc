//! The media node: a thin shell of threads and sockets round [`sfu_core`].
//!
//! ```text
//!  pages ◄── UDP ──► worker threads ◄── queues ──► dispatch task ◄── control links ──► signaling
//!                    (one Core each)               (registry)
//! ```
//!
//! * [`config`]: what a node is set up with, and where that comes from;
//! * [`node`]: [`Node`], and the registry of legs and calls;
//! * `worker`: sockets, batches, queues and the loop round the core;
//! * [`control`]: the control link; its framing, proof and TLS serve signaling's end as well;
//! * `relay`: links to other nodes, for calls between the two;
//! * `metrics`: the node in Prometheus' terms; [`admin`]: health and metrics over HTTP;
//! * [`cli`]: the `sfu` binary.
//!
//! Start reading at [`Node::start`].

pub mod admin;
pub mod cli;
pub mod config;
pub mod control;
mod metrics;
pub mod node;
mod relay;
mod worker;

pub use config::NodeConfig;
pub use node::{Monitor, Node, Readiness, StartError};
pub use relay::RelayError;
