//! Placeholder.

pub mod desk_task;
