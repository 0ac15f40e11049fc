//! The key that the shop's own systems use the API with.

use std::{
    net::SocketAddr,
    sync::{Arc, RwLock},
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{header, request::Parts},
};
use sha2::{Digest, Sha256};
use signaling_wire::problem::{Code, Problem, Stage};
use subtle::ConstantTimeEq;

use super::{ProblemResponse, client_address};
use crate::{Failure, app::App, storage::Storage};

/// The digest of the API key. The key itself is kept where it is stored only.
#[derive(Debug)]
pub struct ApiKeys {
    digest: RwLock<[u8; 32]>,
    storage: Storage,
}

impl ApiKeys {
    /// Accepts the key of this storage, and whatever it is later.
    ///
    /// # Errors
    /// A sentence when it cannot be read or made.
    pub async fn load(storage: Storage) -> Result<Self, Failure> {
        let key = storage.api_key().await?;
        Ok(Self { digest: RwLock::new(digest(key.expose())), storage })
    }

    /// Whether `given` is the key. Takes the same time whatever the difference. `signaling
    /// api-key --new` may have replaced it: it is read again before a key is refused.
    async fn matches(&self, given: &str) -> bool {
        let given = digest(given);
        let known = *self.digest.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if given.ct_eq(&known).into() {
            return true;
        }
        let Ok(key) = self.storage.api_key().await else { return false };
        let current = digest(key.expose());
        *self.digest.write().unwrap_or_else(std::sync::PoisonError::into_inner) = current;
        given.ct_eq(&current).into()
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Proof that a request carried the API key.
#[derive(Debug, Clone, Copy)]
pub struct ApiKey;

impl FromRequestParts<Arc<App>> for ApiKey {
    type Rejection = ProblemResponse;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Self, Self::Rejection> {
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, app)
            .await
            .map_err(|_| ProblemResponse::new(Code::Internal))?;
        let from = client_address(peer.0, &parts.headers, &app.config);
        if let Err(wait) = app.failures.check(from, Instant::now()) {
            app.metrics.rate_limited();
            return Err(Problem::new(Code::RateLimited, Stage::Api).retry_after(wait).into());
        }
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        });
        if let Some(key) = bearer
            && app.api_keys.matches(key).await
        {
            return Ok(Self);
        }
        app.failures.count(from, Instant::now());
        app.metrics.api_key_rejected();
        Err(ProblemResponse::new(Code::Unauthorized).hint(
            "Send the header Authorization: Bearer <API key>; `signaling api-key` prints it.",
        ))
    }
}
