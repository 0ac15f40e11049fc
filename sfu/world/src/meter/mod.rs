//! What is measured while the world runs.

mod record;
mod series;

pub use self::{
    record::{FlowRecord, LinkRecord, LinkSample, Record, Tally},
    series::Series,
};

use std::time::Duration;

use crate::time::millis;

/// Links and publishers are looked at this often.
pub const SAMPLE: Duration = millis(50);
