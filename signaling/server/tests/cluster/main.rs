//! Several signaling instances, and the PostgreSQL they share.

mod database;
mod store;
