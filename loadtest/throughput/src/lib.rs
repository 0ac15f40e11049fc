//! What forwarding costs: light synthetic peers against a forwarder in a process of its own.
//!
//! * `light_peer`: a page's end of a leg, sans-IO;
//! * [`generator`]: the loop that plays all of them on one thread;
//! * [`target`]: the forwarders: our node, and the floor that only receives, opens, seals and sends;
//! * [`measure`]: one row; [`bench`](mod@bench): what is done with rows; [`report`]: tables.
//!
//! The generator has one core, the forwarder another. When the generator could not do its part, a
//! row says so and counts for nothing.

pub mod bench;
pub mod cli;
pub mod generator;
pub mod measure;
pub mod process;
pub mod report;
pub mod target;
