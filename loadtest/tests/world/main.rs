//! The synthetic caller in virtual time: the same flow, legs and networks that run on real sockets,
//! against the real desk and the real media core. A minute of call takes a moment, and what the
//! judge says can be held against what the network was told to do.

#![allow(clippy::unwrap_used, reason = "a test world that cannot be set up is a failed test")]

mod judged;
mod lost;
mod world;

use std::{ops::Range, time::Duration};

use loadtest::link::Impairment;

const CLEAR: Impairment = Impairment {
    loss: 0.0,
    burst: 1.0,
    delay: Duration::from_millis(20),
    jitter: Duration::ZERO,
    rate_kbps: None,
    queue: Duration::from_secs(1),
};
const NEVER: Range<Duration> = Duration::ZERO..Duration::ZERO;
