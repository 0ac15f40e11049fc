//! How generator and deployment are, and what was done to them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::Label;

/// How the generator is. A run in which it was the bottleneck says nothing about the deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratorSample {
    /// When.
    pub at: Duration,
    /// Which worker; none when the controller makes the calls itself.
    pub worker: Option<Label>,
    /// Share of its cores that the process used since the last sample, 0 to 1.
    pub cpu: f64,
    /// Share of all cores of its machine that anybody used, 0 to 1.
    pub machine_cpu: f64,
    /// The longest that work which was due had to wait for its turn since the last sample.
    pub lag: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Datagrams that the generator's own sockets dropped since the last sample.
    pub dropped: u64,
    /// Why what was measured in this time is not to be trusted, if it is not.
    pub overloaded: Option<String>,
}

/// What the deployment says about itself, scraped from its metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSample {
    /// When.
    pub at: Duration,
    /// Which listener was asked.
    pub source: Label,
    /// The program's version, if it says so.
    pub version: Option<String>,
    /// Share of a core that the process used since the last sample (2 is two cores).
    pub cpu: Option<f64>,
    /// Resident memory in bytes.
    pub memory: Option<u64>,
    /// Open file descriptors.
    pub fds: Option<u64>,
    /// Calls that it carries.
    pub calls: Option<u64>,
    /// Legs that it has.
    pub legs: Option<u64>,
    /// How loaded its nodes say they are, 0 to 1.
    pub load: Option<f64>,
}

/// A chaos step that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaosRan {
    /// When.
    pub at: Duration,
    /// Which step, by name.
    pub step: String,
    /// Calls that it was done to; none for a command.
    pub calls: Option<u64>,
    /// Why it could not be done; none when it could.
    pub error: Option<String>,
}
