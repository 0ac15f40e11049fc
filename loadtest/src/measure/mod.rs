//! Adding up what callers tell, and judging it.
//!
//! Times go into HDR histograms, which can be merged over sides, regions, workers and runs without
//! losing anything; percentiles are read from the merged histogram and never averaged.

mod catalogue;
mod threshold;

pub use catalogue::{Kind, Metric, Unit};
pub use threshold::{Aggregate, Bound, Group, Part, Threshold, side_name};
