//! The core as a whole, against peers made of independent parts.

mod allocations;
mod call;
mod hostile;
mod life;
mod moving;
mod operations;
mod relay;
mod tcp;
mod world;
