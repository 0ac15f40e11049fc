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
use crate::{app::App, config::Secret, data_dir::DataDir};

/// The digest of the API key. The key itself is kept in its file only.
#[derive(Debug)]
pub struct ApiKeys {
    digest: RwLock<[u8; 32]>,
    file: DataDir,
}

impl ApiKeys {
    /// Accepts `key`, or whatever the file in `file` says later.
    #[must_use]
    pub fn new(key: &Secret, file: DataDir) -> Self {
        Self { digest: RwLock::new(digest(key.expose())), file }
    }

    /// Whether `given` is the key. Takes the same time whatever the difference. `signaling
    /// api-key --new` may have replaced the file: it is read again before a key is refused.
    fn matches(&self, given: &str) -> bool {
        let given = digest(given);
        let known = *self.digest.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if given.ct_eq(&known).into() {
            return true;
        }
        let Ok(key) = self.file.api_key() else { return false };
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
        if bearer.is_some_and(|key| app.api_keys.matches(key)) {
            return Ok(Self);
        }
        app.failures.count(from, Instant::now());
        app.metrics.api_key_rejected();
        Err(ProblemResponse::new(Code::Unauthorized).hint(
            "Send the header Authorization: Bearer <API key>; the key is in the data directory.",
        ))
    }
}
