//! RTP header extensions (RFC 8285) that a call uses.

/// A header extension we understand or pass on.
///
/// `urn:3gpp:video-orientation` is left out on purpose: without it the sender rotates its picture,
/// so that a viewer of any kind sees it upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Extension {
    /// RFC 9143: which section a packet belongs to. Consumed and written anew.
    Mid,
    /// Transport-wide sequence number. Consumed and written anew.
    TransportSequence,
    /// Send time, 6.18 fixed point. Consumed and written anew.
    AbsSendTime,
    /// RFC 6464.
    AudioLevel,
    /// Capture time in the sender's clock.
    AbsCaptureTime,
    /// Bounds on the viewer's jitter buffer.
    PlayoutDelay,
    /// Camera or screen.
    VideoContentType,
    /// AV1 dependency descriptor, for any codec.
    DependencyDescriptor,
    /// Colour space of a video frame.
    ColorSpace,
}

impl Extension {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 9] = [
        Self::Mid,
        Self::TransportSequence,
        Self::AbsSendTime,
        Self::AudioLevel,
        Self::AbsCaptureTime,
        Self::PlayoutDelay,
        Self::VideoContentType,
        Self::DependencyDescriptor,
        Self::ColorSpace,
    ];

    /// Its identifier in SDP.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::TransportSequence => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoContentType => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type"
            }
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
        }
    }

    /// Whether a value travels unchanged from publisher to viewer.
    pub fn passes_through(self) -> bool {
        !matches!(self, Self::Mid | Self::TransportSequence | Self::AbsSendTime)
    }

    /// The extension of an identifier.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|extension| extension.uri() == uri)
    }
}

/// Which ids stand for which extensions in one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtensionMap {
    /// By discriminant of [`Extension`]; 0 is none, which RFC 8285 reserves for padding.
    ids: [u8; Extension::ALL.len()],
}

impl ExtensionMap {
    /// Sets the id of an extension. Ids are 1 to 255 without 15, which ends a one-byte block.
    /// The first mapping of an extension or an id stays; `false` if this one is not taken.
    pub fn insert(&mut self, id: u8, extension: Extension) -> bool {
        let free = self.id(extension).is_none() && !self.ids.contains(&id);
        let taken = id != 0 && id != 15 && free;
        if taken {
            self.ids[extension as usize] = id;
        }
        taken
    }

    /// The id of an extension.
    pub fn id(&self, extension: Extension) -> Option<u8> {
        Some(self.ids[extension as usize]).filter(|&id| id != 0)
    }

    /// The extension of an id.
    pub fn extension(&self, id: u8) -> Option<Extension> {
        let index = self.ids.iter().position(|&known| known != 0 && known == id)?;
        Some(Extension::ALL[index])
    }
}
