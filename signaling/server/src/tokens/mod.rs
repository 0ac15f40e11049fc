//! Signed tokens: links, seats, sign-in links and sessions.
//!
//! JSON Web Tokens with one pinned algorithm (HS256): what a token's header asks for never chooses
//! how it is checked. The header's `kid` chooses among the active keys, so a key can be rotated
//! while links signed with the one before it are still good.

mod keys;
#[cfg(test)]
mod tests;

use std::sync::RwLock;

use jsonwebtoken::{Algorithm, Header, Validation, errors::ErrorKind};
use serde::{Serialize, de::DeserializeOwned};
use signaling_wire::{
    claims::{
        AUDIENCE_LINK, AUDIENCE_SEAT, AUDIENCE_SESSION, AUDIENCE_SIGN_IN, AgentClaims, LinkClaims,
        SeatClaims,
    },
    limits::MAX_TOKEN,
    problem::{Code, Problem, Stage},
};

pub use self::keys::{BadKeys, KeyId, KeyRing};

const ALGORITHM: Algorithm = Algorithm::HS256;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejected {
    /// Longer than [`MAX_TOKEN`]; not even looked at.
    #[error("too large")]
    TooLarge,
    /// Not a token at all.
    #[error("malformed")]
    Malformed,
    /// Another algorithm than ours, `none` included.
    #[error("algorithm")]
    Algorithm,
    /// Signed with a key that is not active (any more).
    #[error("unknown_key")]
    UnknownKey,
    /// Not signed by us, or changed since.
    #[error("signature")]
    Signature,
    /// Good, but for something else.
    #[error("audience")]
    Audience,
    /// Good once.
    #[error("expired")]
    Expired,
    /// Good, but used up (a sign-in link works once).
    #[error("spent")]
    Spent,
}

impl Rejected {
    /// What the person with the token is told. A forger learns nothing from the difference
    /// between the reasons: all but three look the same.
    #[must_use]
    pub fn problem(self, stage: Stage) -> Problem {
        match self {
            Self::Expired => Problem::new(Code::TokenExpired, stage),
            Self::Spent => Problem::new(Code::LinkUsedUp, stage),
            Self::TooLarge => Problem::new(Code::TooLarge, stage),
            _ => Problem::new(Code::TokenInvalid, stage),
        }
    }
}

/// Claims of one kind of token.
pub trait Claims: Serialize + DeserializeOwned {
    /// The audience written in the token.
    fn audience(&self) -> &str;
    /// Seconds since 1970 when it stops being good.
    fn expires(&self) -> u64;
}

impl Claims for LinkClaims {
    fn audience(&self) -> &str {
        &self.aud
    }
    fn expires(&self) -> u64 {
        self.exp
    }
}

impl Claims for SeatClaims {
    fn audience(&self) -> &str {
        &self.aud
    }
    fn expires(&self) -> u64 {
        self.exp
    }
}

impl Claims for AgentClaims {
    fn audience(&self) -> &str {
        &self.aud
    }
    fn expires(&self) -> u64 {
        self.exp
    }
}

/// Signs and checks tokens with the active keys.
#[derive(Debug)]
pub struct Tokens {
    keys: RwLock<KeyRing>,
}

impl Tokens {
    /// With these keys.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self { keys: RwLock::new(keys) }
    }

    /// Takes other keys from now on.
    pub fn replace_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner) = keys;
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, KeyRing> {
        self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Signs claims with the newest key.
    ///
    /// # Errors
    /// When the claims cannot be written as JSON, which no claims of ours cause.
    pub fn sign(&self, claims: &impl Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let keys = self.keys();
        let header = Header { kid: Some(keys.newest().to_string()), ..Header::new(ALGORITHM) };
        jsonwebtoken::encode(&header, claims, keys.signing())
    }

    /// The claims of a shopper's link.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn link(&self, token: &str, now: u64) -> Result<LinkClaims, Rejected> {
        self.check(token, AUDIENCE_LINK, now)
    }

    /// The claims of a seat.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn seat(&self, token: &str, now: u64) -> Result<SeatClaims, Rejected> {
        self.check(token, AUDIENCE_SEAT, now)
    }

    /// The claims of a sign-in link. Whether it has been spent is for the store to say.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn sign_in(&self, token: &str, now: u64) -> Result<AgentClaims, Rejected> {
        self.check(token, AUDIENCE_SIGN_IN, now)
    }

    /// The claims of an agent's session.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn session(&self, token: &str, now: u64) -> Result<AgentClaims, Rejected> {
        self.check(token, AUDIENCE_SESSION, now)
    }

    fn check<C: Claims>(&self, token: &str, audience: &str, now: u64) -> Result<C, Rejected> {
        if token.len() > MAX_TOKEN {
            return Err(Rejected::TooLarge);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| reason(error.kind()))?;
        if header.alg != ALGORITHM {
            return Err(Rejected::Algorithm);
        }
        let keys = self.keys();
        let key = header
            .kid
            .and_then(|kid| kid.parse().ok())
            .and_then(|kid: KeyId| keys.checking(kid))
            .ok_or(Rejected::UnknownKey)?;
        // Audience and expiry are checked below, on the typed claims and with the caller's clock.
        let mut validation = Validation::new(ALGORITHM);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "aud"]);
        let claims = jsonwebtoken::decode::<serde_json::Value>(token, key, &validation)
            .map_err(|error| reason(error.kind()))?
            .claims;
        // Before the shape: a good token of another kind has another shape.
        if claims.get("aud").and_then(serde_json::Value::as_str) != Some(audience) {
            return Err(Rejected::Audience);
        }
        let claims: C = serde_json::from_value(claims).map_err(|_| Rejected::Malformed)?;
        if claims.expires() <= now {
            return Err(Rejected::Expired);
        }
        Ok(claims)
    }
}

fn reason(kind: &ErrorKind) -> Rejected {
    match kind {
        ErrorKind::InvalidSignature => Rejected::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => Rejected::Algorithm,
        _ => Rejected::Malformed,
    }
}
