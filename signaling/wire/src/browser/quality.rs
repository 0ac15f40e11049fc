//! What pages see of a call's quality, and what they are told of it.

use serde::{Deserialize, Serialize};

use crate::{control::LegQuality, figure};

/// What a page sees of the call's quality.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PageQuality {
    /// Round trip to the node in milliseconds.
    #[serde(deserialize_with = "figure::read")]
    pub rtt_ms: f32,
    /// Share of incoming packets lost since the last report, 0 to 1.
    #[serde(deserialize_with = "figure::read")]
    pub loss_in: f32,
    /// Incoming video in kbit/s.
    #[serde(deserialize_with = "figure::read")]
    pub video_in_kbps: f32,
    /// Outgoing video in kbit/s.
    #[serde(deserialize_with = "figure::read")]
    pub video_out_kbps: f32,
    /// Decoded frames per second.
    #[serde(deserialize_with = "figure::read")]
    pub fps_in: f32,
    /// Height of the incoming picture in pixels.
    pub height_in: u16,
    /// Freezes since the last report.
    pub freezes: u16,
    /// Seconds frozen since the last report.
    #[serde(deserialize_with = "figure::read")]
    pub freeze_seconds: f32,
    /// Share of concealed audio samples since the last report, 0 to 1.
    #[serde(deserialize_with = "figure::read")]
    pub concealed: f32,
    /// The browser says that the network keeps it from sending a better picture.
    pub limited: bool,
}

/// Which pictures the network keeps back while sound goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VideoPaused {
    /// The other side's, on the way to this one: this side's connection is too weak.
    pub incoming: bool,
    /// This side's, on the way to the other one: theirs is.
    pub outgoing: bool,
}

/// What a side's network is good for, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkWord {
    /// Nobody notices it.
    #[default]
    Good,
    /// It costs some of the picture.
    Fair,
    /// It is in the way of the call.
    Weak,
}

/// Both sides' networks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Network {
    /// Of this side.
    pub own: NetworkWord,
    /// Of the other side.
    pub peer: NetworkWord,
    /// Agent: the latest figures of this side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_figures: Option<SideFigures>,
    /// Agent: the latest figures of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_figures: Option<SideFigures>,
    /// Agent: where this side's leg is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_place: Option<Place>,
    /// Agent: where the other side's leg is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_place: Option<Place>,
}

/// Where a leg is, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Region of its node.
    pub region: String,
    /// Why it is there.
    pub why: String,
}

/// The latest figures of one side.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SideFigures {
    /// What the node measures on the way to and from its page.
    pub node: LegQuality,
    /// What its page sees.
    pub page: PageQuality,
}
