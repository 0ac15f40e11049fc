//! The core as a whole, against peers made of independent parts.

mod life;
mod moving;
mod world;
