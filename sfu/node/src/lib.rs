//! The media node: a thin shell of threads and sockets round [`sfu_core`].

pub mod config;
pub mod control;
