//! Generators and servers over a run.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    observe::{GeneratorSample, ServerSample},
    plan::Label,
};

/// How generators and servers were.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Health {
    /// Samples of the generators.
    pub samples: u64,
    /// Samples in which a generator was the bottleneck.
    pub overloaded: u64,
    /// Why it was, each reason with how often and when first.
    pub reasons: BTreeMap<String, Overload>,
    /// Most memory that a generator used, in bytes.
    pub generator_memory: u64,
    /// The deployment, by the listener that was asked.
    pub servers: BTreeMap<Label, ServerHealth>,
}

/// A way in which a generator was overloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overload {
    /// In how many samples.
    pub samples: u64,
    /// When first.
    pub first: Duration,
}

/// How a part of the deployment was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerHealth {
    /// Its version, if it says so.
    pub version: Option<String>,
    /// The first that it said.
    pub first: ServerSample,
    /// The last that it said.
    pub last: ServerSample,
    /// Most memory in bytes.
    pub most_memory: Option<u64>,
    /// Most file descriptors.
    pub most_fds: Option<u64>,
    /// Most cores.
    pub most_cpu: Option<f64>,
}

/// Most reasons for overload that are told apart.
const MAX_REASONS: usize = 16;
/// How many of them are told: the most frequent.
const SHOWN_REASONS: usize = 3;
/// More samples than this share with an overloaded generator make a run invalid: what was measured
/// in them is the generator's delay and not the deployment's.
const BEARABLE: f64 = 0.05;
/// A single hiccup does not make a short run invalid.
const HICCUPS: u64 = 2;

impl Health {
    pub(super) fn generator(&mut self, sample: &GeneratorSample) {
        self.samples += 1;
        self.generator_memory = self.generator_memory.max(sample.memory);
        if let Some(reason) = &sample.overloaded {
            self.overloaded += 1;
            self.reason(reason, Overload { samples: 1, first: sample.at });
        }
    }

    fn reason(&mut self, reason: &str, new: Overload) {
        if self.reasons.len() < MAX_REASONS || self.reasons.contains_key(reason) {
            let known = self.reasons.entry(reason.to_owned());
            known
                .and_modify(|known| {
                    known.samples += new.samples;
                    known.first = known.first.min(new.first);
                })
                .or_insert(new);
        }
    }

    pub(super) fn server(&mut self, sample: &ServerSample) {
        let known = self.servers.entry(sample.source.clone());
        let server = known.or_insert_with(|| ServerHealth::new(sample));
        server.merge(&ServerHealth::new(sample));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
        self.overloaded += other.overloaded;
        self.generator_memory = self.generator_memory.max(other.generator_memory);
        for (reason, overload) in &other.reasons {
            self.reason(reason, *overload);
        }
        for (source, health) in &other.servers {
            let known = self.servers.entry(source.clone());
            known.and_modify(|known| known.merge(health)).or_insert_with(|| health.clone());
        }
    }

    /// Why the run says nothing about the deployment, if it does not.
    pub fn invalid(&self) -> Option<String> {
        let share = self.overloaded as f64 / self.samples.max(1) as f64;
        if self.overloaded <= HICCUPS || share <= BEARABLE {
            return None;
        }
        let mut reasons: Vec<(&String, &Overload)> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, overload)| std::cmp::Reverse(overload.samples));
        let reasons: Vec<String> = reasons
            .into_iter()
            .take(SHOWN_REASONS)
            .map(|(reason, overload)| {
                format!(
                    "{reason} ({} times, first after {} s)",
                    overload.samples,
                    overload.first.as_secs()
                )
            })
            .collect();
        Some(format!(
            "the generator was the bottleneck in {:.0} % of the run: {}",
            share * 100.0,
            reasons.join("; ")
        ))
    }
}

impl ServerHealth {
    fn new(sample: &ServerSample) -> Self {
        Self {
            version: sample.version.clone(),
            first: sample.clone(),
            last: sample.clone(),
            most_memory: sample.memory,
            most_fds: sample.fds,
            most_cpu: sample.cpu,
        }
    }

    fn merge(&mut self, other: &Self) {
        if other.first.at < self.first.at {
            self.first = other.first.clone();
        }
        if other.last.at >= self.last.at {
            self.last = other.last.clone();
            self.version = other.version.clone().or(self.version.take());
        }
        self.most_memory = self.most_memory.max(other.most_memory);
        self.most_fds = self.most_fds.max(other.most_fds);
        self.most_cpu = match (self.most_cpu, other.most_cpu) {
            (Some(mine), Some(others)) => Some(mine.max(others)),
            (mine, others) => mine.or(others),
        };
    }
}
