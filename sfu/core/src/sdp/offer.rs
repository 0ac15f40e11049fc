//! Reading an offer.

use std::io::Cursor;

use ::sdp::description::{common::Attribute, session::SessionDescription};

use super::{
    Fingerprint, IceCredentials, Negotiated,
    answer::{self, LocalParameters},
    attributes::{first, flag, values},
    section::{Section, served},
};
use crate::api::MediaKind;

/// Largest offer, in bytes; a browser's with audio, video and every codec is below 10 kB.
const MAX_OFFER: usize = 48 * 1024;
/// Most sections. We ask pages for two; a page with more gets the rest rejected, not a parser to
/// play with.
const MAX_SECTIONS: usize = 16;
/// Most fingerprints kept: one for each hash function, and one to spare for a rollover.
const MAX_FINGERPRINTS: usize = 4;
/// Lengths of RFC 8839's `ice-ufrag` and `ice-pwd`.
const UFRAG_LEN: std::ops::RangeInclusive<usize> = 4..=256;
const PWD_LEN: std::ops::RangeInclusive<usize> = 22..=256;

/// Why an offer cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Larger than any browser's offer.
    #[error("the offer is too large")]
    TooLarge,
    /// Not SDP.
    #[error("the offer is not SDP")]
    Syntax,
    /// ICE user name fragment or password is missing or malformed.
    #[error("the offer has no usable ICE credentials")]
    Ice,
    /// No usable certificate fingerprint.
    #[error("the offer has no usable fingerprint")]
    Fingerprint,
    /// The offerer does not leave the role of the DTLS client to us.
    #[error("the offer does not leave us the DTLS client role")]
    Setup,
    /// No section that can be served.
    #[error("the offer has neither audio nor video that can be served")]
    NoMedia,
}

/// A page's offer.
#[derive(Debug, Clone)]
pub struct Offer {
    pub(super) ice: IceCredentials,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) sections: Vec<Section>,
    pub(super) mixed_extensions: bool,
}

impl Offer {
    /// Parses an offer.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_OFFER {
            return Err(OfferError::TooLarge);
        }
        let session = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
            .map_err(|_| OfferError::Syntax)?;
        if session.media_descriptions.len() > MAX_SECTIONS {
            return Err(OfferError::TooLarge);
        }
        let session_level = &session.attributes;
        let bundle: Vec<&str> = values(session_level, "group")
            .find_map(|group| group.strip_prefix("BUNDLE"))
            .map(|mids| mids.split_whitespace().collect())
            .unwrap_or_default();
        let mixed_extensions = flag(session_level, "extmap-allow-mixed")
            || session
                .media_descriptions
                .iter()
                .any(|section| flag(&section.attributes, "extmap-allow-mixed"));

        let mut sections = Vec::with_capacity(session.media_descriptions.len());
        let mut transport: Option<&[Attribute]> = None;
        let mut taken = [false; 2];
        for description in &session.media_descriptions {
            let mut section = Section::new(description);
            if section.is_open(description) {
                let in_bundle = section.mid.as_deref().is_some_and(|mid| bundle.contains(&mid));
                let served = section
                    .mid
                    .as_deref()
                    .and_then(|mid| served(description, session_level, mid, mixed_extensions));
                if let Some(served) = served {
                    let taken = &mut taken[served.media.kind as usize];
                    if !*taken && (transport.is_none() || in_bundle) {
                        *taken = true;
                        transport.get_or_insert(&description.attributes);
                        section.served = Some(served);
                    }
                }
            }
            sections.push(section);
        }

        let levels = [transport.ok_or(OfferError::NoMedia)?, session_level.as_slice()];
        if !flag(levels[0], "rtcp-mux") {
            return Err(OfferError::NoMedia);
        }
        match first(levels, "setup") {
            Some("actpass" | "passive") => {}
            _ => return Err(OfferError::Setup),
        }
        Ok(Self {
            ice: credentials(levels).ok_or(OfferError::Ice)?,
            fingerprints: fingerprints(levels).ok_or(OfferError::Fingerprint)?,
            sections,
            mixed_extensions,
        })
    }

    /// The peer's ICE credentials.
    pub fn ice(&self) -> &IceCredentials {
        &self.ice
    }

    /// The peer's certificate must match one of these.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// Our answer, and what is agreed by it.
    pub fn answer(&self, local: &LocalParameters<'_>) -> (String, Negotiated) {
        let media = |kind| {
            self.sections
                .iter()
                .filter_map(|section| section.served.as_ref())
                .find(|served| served.media.kind == kind)
                .map(|served| served.media.clone())
        };
        let negotiated = Negotiated {
            ice: self.ice.clone(),
            fingerprints: self.fingerprints.clone(),
            audio: media(MediaKind::Audio),
            video: media(MediaKind::Video),
            mixed_extensions: self.mixed_extensions,
        };
        (answer::write(self, local), negotiated)
    }
}

fn credentials(levels: [&[Attribute]; 2]) -> Option<IceCredentials> {
    let ufrag = first(levels, "ice-ufrag")?;
    let pwd = first(levels, "ice-pwd")?;
    let well_formed =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    (UFRAG_LEN.contains(&ufrag.len())
        && PWD_LEN.contains(&pwd.len())
        && well_formed(ufrag)
        && well_formed(pwd))
    .then(|| IceCredentials { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() })
}

fn fingerprints(levels: [&[Attribute]; 2]) -> Option<Vec<Fingerprint>> {
    levels
        .into_iter()
        .map(|level| {
            values(level, "fingerprint")
                .filter_map(Fingerprint::parse)
                .take(MAX_FINGERPRINTS)
                .collect::<Vec<_>>()
        })
        .find(|found| !found.is_empty())
}
