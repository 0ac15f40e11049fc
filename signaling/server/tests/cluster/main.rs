//! Several signaling instances, and the PostgreSQL they share.

mod database;
mod instances;
mod model;
mod store;
#[allow(dead_code, reason = "shared with the other test program, which uses all of it")]
#[path = "../it/support.rs"]
mod support;
mod tls;
