//! Adding up what callers tell, and judging it.
//!
//! Times go into HDR histograms, which can be merged over sides, regions, workers and runs without
//! losing anything; percentiles are read from the merged histogram and never averaged.
//!
//! Start reading at [`Tally::apply`].

mod catalogue;
mod health;
mod hist;
mod metrics;
mod notable;
mod series;
mod tally;
mod threshold;
mod verdict;

pub use catalogue::{Kind, Metric, Unit};
pub use health::{Health, Overload, ServerHealth};
pub use hist::Hist;
pub use metrics::{Metrics, Value};
pub use notable::{Errors, Notable, Reason};
pub use series::{Point, Row, Series, ServerPoint};
pub use tally::{Tally, setup};
pub use threshold::{Aggregate, Bound, Group, Part, Threshold, side_name};
pub use verdict::Judged;

#[cfg(test)]
pub(crate) mod tests;
