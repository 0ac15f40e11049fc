//! A node over real sockets; signaling and the pages are played by the test.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod control_link;
mod media;
mod process;
mod relay;
mod support;
