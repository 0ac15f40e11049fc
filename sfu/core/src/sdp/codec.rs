//! The codecs a call can use, with the parameters that decide whether two payload types carry the
//! same thing.

use crate::{api::MediaKind, rtp::PayloadType};

/// A codec and those of its parameters that must match between publisher and viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 2198: Opus, with copies of what came before it.
    Red {
        /// The payload type of Opus, which stands within the packets.
        opus: PayloadType,
    },
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9 {
        /// Bit depth and chroma format, 0 to 3.
        profile: u8,
    },
    /// RFC 6184.
    H264 {
        /// Coding tools used.
        profile: H264Profile,
        /// How NAL units are put into packets.
        mode: PacketizationMode,
    },
    /// AV1 RTP payload format.
    Av1 {
        /// 0 main, 1 high, 2 professional.
        profile: u8,
    },
}

/// H.264 profiles, each one decodable by a decoder of any later one. Levels are left out: the
/// answer lets each side send up to what the other offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum H264Profile {
    /// `profile_idc` 66 or 77 or 88 with the constraint bits of both baseline and main.
    ConstrainedBaseline,
    /// `profile_idc` 66.
    Baseline,
    /// `profile_idc` 77.
    Main,
    /// `profile_idc` 100 with constraint bits 4 and 5.
    ConstrainedHigh,
    /// `profile_idc` 100.
    High,
    /// `profile_idc` 244.
    PredictiveHigh444,
}

/// H.264 packetization mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PacketizationMode {
    /// One NAL unit in each packet.
    SingleNal,
    /// STAP-A and FU-A allowed.
    NonInterleaved,
}

impl Codec {
    /// Audio or video.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Opus | Self::Red { .. } => MediaKind::Audio,
            _ => MediaKind::Video,
        }
    }

    /// RTP timestamp units in a second.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus | Self::Red { .. } => 48_000,
            _ => 90_000,
        }
    }

    /// The codec of an `rtpmap` encoding name and its format parameters, if a call can use it.
    pub(crate) fn from_sdp(encoding: &str, fmtp: &str) -> Option<Self> {
        let mut parts = encoding.split('/');
        let name = parts.next()?;
        let clock: u32 = parts.next()?.parse().ok()?;
        let codec = if name.eq_ignore_ascii_case("opus") {
            Self::Opus
        } else if name.eq_ignore_ascii_case("red") {
            Self::Red { opus: redundant(fmtp)? }
        } else if name.eq_ignore_ascii_case("VP8") {
            Self::Vp8
        } else if name.eq_ignore_ascii_case("VP9") {
            Self::Vp9 { profile: number(fmtp, "profile-id").unwrap_or(0) }
        } else if name.eq_ignore_ascii_case("AV1") {
            Self::Av1 { profile: number(fmtp, "profile").unwrap_or(0) }
        } else if name.eq_ignore_ascii_case("H264") {
            let profile = match parameter(fmtp, "profile-level-id") {
                Some(id) => H264Profile::from_profile_level_id(id)?,
                // RFC 6184 §8.1: without the parameter, baseline without any constraint.
                None => H264Profile::Baseline,
            };
            let mode = match number(fmtp, "packetization-mode").unwrap_or(0) {
                0 => PacketizationMode::SingleNal,
                1 => PacketizationMode::NonInterleaved,
                _ => return None,
            };
            Self::H264 { profile, mode }
        } else {
            return None;
        };
        (codec.clock_rate() == clock).then_some(codec)
    }

    /// How well a receiver that negotiated `self` takes a stream of `stream`: lower is better,
    /// `None` is not at all.
    pub(crate) fn accepts(self, stream: Self) -> Option<u8> {
        if self == stream {
            return Some(0);
        }
        if let (Self::Opus, Self::Red { .. }) = (self, stream) {
            // The copies are taken out on the way.
            return Some(1);
        }
        let (Self::H264 { profile, mode }, Self::H264 { profile: sent, mode: sent_mode }) =
            (self, stream)
        else {
            return None;
        };
        // A receiver of mode 1 takes single NAL units as well; not the other way round.
        if mode < sent_mode {
            return None;
        }
        let mode_penalty = u8::from(mode != sent_mode);
        let profile_penalty = match profile.cmp(&sent) {
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 2 + (profile as u8 - sent as u8),
            // Beyond what was negotiated. Browsers' decoders take more than they announce, and the
            // choice is between trying and showing nothing.
            std::cmp::Ordering::Less => 32 + (sent as u8 - profile as u8),
        };
        Some(mode_penalty + profile_penalty)
    }
}

impl H264Profile {
    /// Reads RFC 6184's six hexadecimal digits.
    fn from_profile_level_id(id: &str) -> Option<Self> {
        if id.len() != 6 || !id.is_ascii() {
            return None;
        }
        let value = u32::from_str_radix(id, 16).ok()?;
        let idc = (value >> 16) as u8;
        let constraints = (value >> 8) as u8;
        // RFC 6184 table 5.
        match idc {
            0x42 if constraints & 0x40 != 0 => Some(Self::ConstrainedBaseline),
            0x42 => Some(Self::Baseline),
            0x4d if constraints & 0x80 != 0 => Some(Self::ConstrainedBaseline),
            0x4d => Some(Self::Main),
            0x58 if constraints & 0xc0 == 0xc0 => Some(Self::ConstrainedBaseline),
            0x58 if constraints & 0x80 != 0 => Some(Self::Baseline),
            0x64 if constraints & 0x0c == 0x0c => Some(Self::ConstrainedHigh),
            0x64 => Some(Self::High),
            0xf4 => Some(Self::PredictiveHigh444),
            _ => None,
        }
    }
}

/// The value of a format parameter.
pub(crate) fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// What RED of one codec carries: its format is `111/111`, the payload types of a packet's blocks.
fn redundant(fmtp: &str) -> Option<PayloadType> {
    let mut blocks = fmtp.split('/').map(|block| block.trim().parse::<u8>().ok());
    let first = blocks.next()??;
    blocks.all(|block| block == Some(first)).then_some(PayloadType(first))
}

fn number(fmtp: &str, name: &str) -> Option<u8> {
    parameter(fmtp, name)?.parse().ok()
}
