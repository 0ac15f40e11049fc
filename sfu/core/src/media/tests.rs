//! Legs in memory and in virtual time.

mod ahead;
mod beginning;
mod brake;
mod forward;
mod head;
mod kept;
mod layers;
mod lossy;
mod opener;
mod pacing;
mod patience;
mod peers;
mod repair;
mod requests;
mod room;
