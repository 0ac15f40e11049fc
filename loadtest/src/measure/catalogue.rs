//! Every metric of a run: its name, its unit, and what it says.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::plan::nearest;

/// How a metric is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Values in a histogram: `p(95)`, `med`, `avg`, `min`, `max`, `count`.
    Trend,
    /// So many of so many: `rate`, `count`.
    Share,
    /// So many: `count`.
    Count,
}

/// What its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// Things.
    Number,
}

macro_rules! metrics {
    ($($(#[$group:meta])* $variant:ident $name:literal $kind:ident $unit:ident $about:literal,)*) => {
        /// A metric of a run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric {
            $(#[doc = $about] $variant,)*
        }

        impl Metric {
            /// All of them, in the order of a call's life.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As thresholds, reports and Prometheus call it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How it is added up.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// What its values are.
            pub fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)* }
            }

            /// What it says, in a sentence.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

metrics! {
    StartDelay "start_delay_seconds" Trend Seconds "From when a call should have begun until it did: the generator's own delay",
    Socket "socket_seconds" Trend Seconds "Opening the WebSocket",
    Welcome "welcome_seconds" Trend Seconds "From the open WebSocket to the welcome",
    LegOffer "leg_offer_seconds" Trend Seconds "From the welcome to the leg's offer: the generator's own work",
    LegAnswer "leg_answer_seconds" Trend Seconds "From the leg's offer to its answer",
    Ice "ice_seconds" Trend Seconds "From the answer to ICE connected",
    Dtls "dtls_seconds" Trend Seconds "From ICE connected to DTLS connected",
    Warm "warm_seconds" Trend Seconds "From the begin of the call to a warm leg",
    Ring "ring_seconds" Trend Seconds "From the shopper's Join to the ring at the agent's console",
    CallStarted "call_started_seconds" Trend Seconds "From Accept to call_started at a page",
    FirstAudio "first_audio_seconds" Trend Seconds "From Accept to the first sound at a page",
    Connect "connect_seconds" Trend Seconds "From Accept to the first complete picture at a page (with audio alone: the first sound)",
    Setup "setup_seconds" Trend Seconds "From when the call should have begun until both sides see each other",
    HangUp "hang_up_seconds" Trend Seconds "From hanging up until both pages know",
    Call "call_seconds" Trend Seconds "How long calls were, from begin to end",
    AudioLatency "audio_latency_seconds" Trend Seconds "From the sender to the receiver, of every audio packet",
    VideoLatency "video_latency_seconds" Trend Seconds "From the sender to the receiver, of every video packet",
    Freeze "freeze_seconds" Trend Seconds "How long freezes of the picture were",
    Recovery "recovery_seconds" Trend Seconds "From the last packet before an interruption to the first after it",
    Silence "silence_seconds" Trend Seconds "Longest time in which nothing at all arrived, one value for each side of each call",
    Rejoin "rejoin_seconds" Trend Seconds "From losing the WebSocket of a page to the welcome back at its seat",
    CallLoss "call_loss_ratio" Trend Ratio "Share of a side's packets that never arrived, one value for each side of each call",
    CallFrozen "call_frozen_ratio" Trend Ratio "Share of the time that a side's picture stood still, one value for each side of each call",
    CallsFailed "calls_failed" Share Ratio "Calls that failed, of all that ended",
    CallsDropped "calls_dropped" Share Ratio "Calls that were up and then failed, of all that ended",
    CallsMisplaced "calls_misplaced" Share Ratio "Sides that were not placed where they should be, of all that should be somewhere",
    NotRecovered "not_recovered" Share Ratio "Interruptions that did not end in time, of all",
    AudioLoss "audio_loss" Share Ratio "Audio packets that never arrived, of all that were sent",
    VideoLoss "video_loss" Share Ratio "Video packets that never arrived, of all that were sent",
    Reordered "reordered" Share Ratio "Packets that arrived after one sent later, of all that arrived",
    Duplicates "duplicates" Share Ratio "Packets that arrived again, of all that arrived",
    Frozen "frozen" Share Ratio "Time that pictures stood still, of all time they were watched",
    LateStarts "late_starts" Share Ratio "Calls that began more than 100 ms late, of all that should have begun",
    DroppedStarts "dropped_starts" Share Ratio "Calls that should have begun and never did, of all that should have",
    Leaked "leaked_packets" Count Number "Packets that reached somebody they were not for, or changed on the way",
    CallsStarted "calls_started" Count Number "Calls that began",
    CallsCompleted "calls_completed" Count Number "Calls that went as they should",
    Freezes "freezes" Count Number "Freezes of a picture",
    ChaosFailed "chaos_failed" Count Number "Chaos steps that could not be carried out",
    GeneratorCpu "generator_cpu_ratio" Trend Ratio "Share of its cores that the generator used",
    GeneratorLag "generator_lag_seconds" Trend Seconds "Longest wait of the generator's own work for its turn, each second",
    GeneratorDropped "generator_dropped_datagrams" Count Number "Datagrams that the generator's own sockets dropped",
    ServerCpu "server_cpu_cores" Trend Number "Cores that the deployment used",
    ServerLoad "server_load_ratio" Trend Ratio "How loaded the deployment says it is",
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|metric| metric.name() == text);
        known.copied().ok_or_else(|| match nearest(text, Self::ALL.iter().map(|m| m.name())) {
            Some(near) => format!("there is no metric {text:?}; did you mean {near:?}?"),
            None => format!("there is no metric {text:?}; `loadtest metrics` lists them"),
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
