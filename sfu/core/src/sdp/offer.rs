//! Reading an offer.

use super::{Fingerprint, IceCredentials, LocalParameters, Negotiated};

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
    /// The offerer insists on being the DTLS client, as we do.
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
}

impl Offer {
    /// Parses an offer.
    pub fn parse(_text: &str) -> Result<Self, OfferError> {
        Err(OfferError::Syntax)
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
    pub fn answer(&self, _local: &LocalParameters<'_>) -> (String, Negotiated) {
        unreachable!()
    }
}
