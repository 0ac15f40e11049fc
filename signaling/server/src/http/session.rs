//! An agent's session: from a one-time link to a cookie.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use serde::{Deserialize, Serialize};
use signaling_wire::{
    ids::AgentId,
    problem::{Code, Problem, Stage},
    text::Name,
};

use super::{ApiJson, ProblemResponse, client_address};
use crate::{app::App, auth, cluster::Order, issuer::SESSION_LIFETIME, lead::NoDesk};

const COOKIE: &str = "vitrine_session";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    token: String,
}

#[derive(Debug, Serialize)]
struct SignedIn {
    agent: AgentId,
    name: Name,
}

/// `POST /v1/agent/session`: spends a sign-in link and sets the session cookie.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    ApiJson(SignIn { token }): ApiJson<SignIn>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let from = client_address(peer, &headers, &app.config);
    if let Err(wait) = app.failures.check(from, Instant::now()) {
        app.metrics.rate_limited();
        return Err(Problem::new(Code::RateLimited, Stage::Api).retry_after(wait).into());
    }
    let claims = auth::spend_sign_in(&app, &token).await.inspect_err(|problem| {
        if problem.status == 401 {
            app.failures.count(from, Instant::now());
        }
    })?;
    let agent = match app.store.agent(claims.sub).await {
        Ok(Some(agent)) => agent,
        Ok(None) => return Err(ProblemResponse::new(Code::Unauthorized)),
        Err(error) => return Err(auth::unavailable(&error, Stage::Api).into()),
    };
    let session =
        app.issuer.session(agent.id, app.now()).ok_or(ProblemResponse::new(Code::Internal))?;
    tracing::info!(agent = %agent.id, "signed in");
    let cookie = set_cookie(&session, SESSION_LIFETIME.as_secs(), app.config.is_https());
    let body = SignedIn { agent: agent.id, name: agent.name };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(body)))
}

/// `DELETE /v1/agent/session`: closes the agent's pages and forgets the cookie.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ProblemResponse> {
    if let Some(session) = cookie(&headers) {
        // An invalid session is signed out as it is.
        if let Ok(agent) = auth::agent(&app, &session).await {
            app.lead
                .order(Order::SignOut { agent: agent.id })
                .await
                .map_err(|NoDesk| Problem::new(Code::Unavailable, Stage::Api).retry_after(2))?;
            tracing::info!(agent = %agent.id, "signed out");
        }
    }
    let cookie = set_cookie("", 0, app.config.is_https());
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])))
}

fn set_cookie(value: &str, max_age: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age}{secure}")
}

/// The session cookie of a request.
#[must_use]
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}
