//! The signaling server of Vitrine: the shell round [`signaling_desk`].
//!
//! ```text
//!   pages ──HTTP──► http ──► auth, issuer ──► tokens
//!     │                       │
//!     └─WebSocket─► ws ──► desk_task (Desk) ──► store (SQLite, PostgreSQL)
//!                    │        │    ▲
//!                    │        ▼    │ events
//!                    └────► legs, outlet ──► control ──QUIC──► nodes (one of them in here)
//! ```
//!
//! * [`config`], [`data_dir`], [`storage`]: what the operator says, and where things are kept.
//! * [`run`]: brings everything up and down. Start reading here.
//! * [`http`], [`ws`]: what browsers and the shop's systems talk to.
//! * [`tokens`], [`issuer`], `auth`: who may do what.
//! * [`legs`], [`control`]: media transports and the nodes that carry them.
//! * [`desk_task`], [`outlet`], [`store`]: the desk, its hands and its memory.
//! * [`lead`], [`cluster`]: which of several instances has the desk.
//! * [`admin`], [`metrics`]: what operators watch.

pub mod admin;
pub mod app;
mod auth;
mod bucket;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod control;
pub mod data_dir;
pub mod desk_task;
mod failure;
pub mod geo;
pub mod http;
pub mod issuer;
pub mod keys;
pub mod lead;
pub mod legs;
pub mod metrics;
pub mod outlet;
pub mod run;
pub mod storage;
pub mod store;
pub mod tokens;
pub mod turn;
pub mod ws;

pub use self::{config::Config, failure::Failure, run::Server};
