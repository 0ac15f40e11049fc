//! A deterministic world in virtual time, in which the node's congestion control is judged.
//!
//! Everything around the node is a model: links with rates, queues, losses and delays
//! ([`net`]); pages that publish as Chromium does, with an encoder in the loop ([`publisher`]), and
//! that watch as Chromium does ([`viewer`]); competing TCP ([`tcp`]). The node is the real thing
//! ([`node`]): two [`sfu_core::media::MediaLeg`]s, bridged.
//!
//! Time is virtual and randomness is seeded: the same case with the same seed gives the same bytes
//! on every machine. [`case`] has the test cases of RFC 8867 and some of our own, [`report`] turns
//! them into the table in `docs/congestion/simulated.md`:
//!
//! ```sh
//! cargo run --release -p sfu-world                                  # all cases; writes the table
//! cargo run --release -p sfu-world -- --check                       # fails if the table differs
//! cargo run --release -p sfu-world -- --case 5.1/down --seed 3 --trace out.csv
//! cargo run --release -p sfu-world -- --case 5.1/down --seeds 11-30
//! ```

pub mod case;
pub mod cli;
pub mod meter;
pub mod net;
pub mod node;
pub mod page;
pub mod publisher;
mod random;
pub mod report;
pub mod tcp;
mod time;
pub mod viewer;
pub mod world;

pub use self::{
    random::Random,
    time::{Time, millis},
};
