//! Several generator hosts: workers that make calls, and a controller that tells them which and adds
//! up what they saw.
//!
//! A worker listens; a controller connects to each, proves that it knows the fleet's token, and
//! sends a [`Job`]. When all are ready they begin at the same time. A worker tells every event as
//! it happens, so that histograms are merged and never averaged.
//!
//! ```text
//! controller                       worker
//!            ◄── challenge (nonce)
//! proof, job ──►
//!            ◄── ready, or refused
//!         go ──►
//!            ◄── event … event, over
//!       stop ──►
//! ```
//!
//! TCP, one JSON value a line. No secret crosses it: the proof is an HMAC-SHA-256 of the worker's
//! nonce, and each worker has the deployment's API key, and the list of targets that may be called,
//! itself. What crosses is readable on the way, so it belongs into the operator's own network.

mod controller;
mod line;
mod proof;
#[cfg(test)]
mod tests;
mod worker;

use serde::{Deserialize, Serialize};

pub use self::{
    controller::{Fleet, FleetError, connect},
    proof::Token,
    worker::{Worker, serve},
};
use crate::observe::Event;

/// What a worker is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The deployment.
    pub url: String,
    /// The plan, as a scenario.
    pub plan: String,
    /// Which part of the calls.
    pub index: u64,
    /// Of how many parts.
    pub of: u64,
    /// Share of the calls that run on the `webrtc` stack.
    pub full_stack: f64,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromWorker {
    /// Prove that you know the token.
    Challenge {
        /// Random, in hexadecimal.
        nonce: String,
        /// The protocol's number.
        protocol: u32,
    },
    /// Say when.
    Ready,
    /// No, and why.
    Refused(String),
    /// Something happened.
    Event(Box<Event>),
    /// The last call is over, or the run could not be made, and why.
    Over(Option<String>),
}

/// What a controller says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromController {
    /// Who is asking, and what is to be done.
    Job {
        /// HMAC of the nonce, in hexadecimal.
        proof: String,
        /// What is to be done.
        job: Box<Job>,
    },
    /// Begin.
    Go,
    /// Hang up.
    HangUp,
    /// Drop everything.
    Stop,
}

/// Both ends must have it in common.
const PROTOCOL: u32 = 1;
