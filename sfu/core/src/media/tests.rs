//! Legs in memory and in virtual time.

mod forward;
mod lossy;
mod peers;
mod repair;
mod requests;
