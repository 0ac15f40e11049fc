//! Placeholder.

pub mod desk_task;
pub mod store;
