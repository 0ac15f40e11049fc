//! The load test of a Vitrine deployment: synthetic callers that make real calls and judge them.
//!
//! A call has two **seats**, a shopper's and an agent's, both played by this program. Each seat
//! speaks the product's own protocol over its own WebSocket and carries its own media leg: a light
//! one ([`light`]), or for a share of the calls (`--full-stack`) one on the `webrtc` crate, a WebRTC
//! stack that shares no code with the node it talks to.
//!
//! ```text
//!            ┌──────────────── drive ────────────────┐
//!  HTTP API ─┤ api                                   │
//! WebSocket ─┤ socket ──Input──►  flow  ──Action──►  │
//!       UDP ─┤ leg ────packets─►  media::judge       │
//!            │     ◄──packets──   media::generator   │
//!            └───────────────────┬───────────────────┘
//!                                ▼
//!                             report
//! ```
//!
//! * [`flow`]: the client's side of the protocol as a state machine. No sockets, no clock.
//! * [`media`]: synthetic Opus and VP8 with a stamp in every packet, and the judge of what arrives.
//!   No sockets, no clock.
//! * [`drive`]: sockets, the WebRTC stack and time; carries values between them and the two above.
//! * [`plan`]: what a run of many calls is to do, read from a scenario.
//! * [`observe`]: what its callers tell while it goes on.
//! * [`measure`]: the metrics that are made of it, and the thresholds that judge them.
//! * [`results`]: what a run came to, in every form in which it is told.
//! * [`report`]: what one call measured, as data, as a table and as JSON.
//! * [`cli`]: the command line and its exit codes.
//!
//! [`flow`], [`light`], [`link`] and [`media`] have no sockets and no clock: `tests/world.rs` runs whole
//! calls of them in virtual time, against the real desk and the real media core.
//!
//! Start reading at [`flow::Pair`].

pub mod cli;
pub mod drive;
pub mod engine;
pub mod fleet;
pub mod flow;
pub mod light;
pub mod link;
pub mod measure;
pub mod media;
pub mod observe;
pub mod plan;
pub mod report;
pub mod results;
