//! What both sides of a call send.

use std::{fmt, str::FromStr};

use super::{nearest::hint, units::Kbps};

/// What both sides send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Media {
    /// The kind of picture.
    pub profile: MediaProfile,
    /// Video bitrate, if it is not the profile's.
    pub video: Option<Kbps>,
}

/// A kind of picture, with the bitrate and the frames that browsers make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaProfile {
    /// Sound alone.
    Audio,
    /// A phone: 640 × 360 at 25 frames a second, 500 kbit/s.
    #[default]
    V360p,
    /// A laptop: 1280 × 720 at 30 frames a second, 1500 kbit/s.
    V720p,
    /// A shared screen: 5 frames a second, 800 kbit/s, large key frames.
    Screen,
}

impl MediaProfile {
    const NAMES: [(&str, Self); 4] = [
        ("audio", Self::Audio),
        ("360p", Self::V360p),
        ("720p", Self::V720p),
        ("screen", Self::Screen),
    ];

    /// Frames a second; 0 without a picture.
    pub fn fps(self) -> u32 {
        match self {
            Self::Audio => 0,
            Self::V360p => 25,
            Self::V720p => 30,
            Self::Screen => 5,
        }
    }

    /// Video bitrate in kbit/s; 0 without a picture.
    pub fn kbps(self) -> u32 {
        match self {
            Self::Audio => 0,
            Self::V360p => 500,
            Self::V720p => 1_500,
            Self::Screen => 800,
        }
    }

    /// Whether there is a picture.
    pub fn has_video(self) -> bool {
        self != Self::Audio
    }
}

impl Media {
    /// Video bitrate in kbit/s; 0 without a picture.
    pub fn video_kbps(&self) -> u32 {
        match self.video {
            Some(kbps) if self.profile.has_video() => kbps.get(),
            _ => self.profile.kbps(),
        }
    }
}

impl FromStr for MediaProfile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::NAMES.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, profile)| profile).ok_or_else(|| {
            let hint = hint(text, Self::NAMES.map(|(name, _)| name));
            format!("there is no media profile {text:?}{hint}")
        })
    }
}

impl fmt::Display for MediaProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.into_iter().find(|(_, profile)| profile == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}
