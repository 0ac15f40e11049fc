//! `/v1/agents`: who answers.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use signaling_desk::{Millis, store::AgentProfile};
use signaling_wire::{
    ids::AgentId,
    problem::{Code, Stage},
    text::Name,
};

use super::{ApiJson, ApiKey, ProblemResponse};
use crate::{app::App, auth, cluster::Order};

/// Most languages or skills of an agent. More says nothing.
const MAX_TAGS: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    name: Name,
    #[serde(default)]
    languages: Vec<Name>,
    #[serde(default)]
    skills: Vec<Name>,
}

#[derive(Debug, Serialize)]
struct Agents {
    agents: Vec<AgentProfile>,
}

#[derive(Debug, Serialize)]
struct SignInLink {
    url: String,
    expires_at: Millis,
}

/// `GET /v1/agents`.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _: ApiKey,
) -> Result<impl IntoResponse, ProblemResponse> {
    let agents = app.store.agents().await.map_err(|error| auth::unavailable(&error, Stage::Api))?;
    Ok(Json(Agents { agents }))
}

/// `POST /v1/agents`.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    _: ApiKey,
    ApiJson(Body { name, languages, skills }): ApiJson<Body>,
) -> Result<impl IntoResponse, ProblemResponse> {
    if name.is_empty() || languages.len() > MAX_TAGS || skills.len() > MAX_TAGS {
        return Err(ProblemResponse::new(Code::Malformed).hint(format!(
            "An agent has a name, and at most {MAX_TAGS} languages and {MAX_TAGS} skills."
        )));
    }
    let agent = AgentProfile { id: AgentId::random(&mut rand::rng()), name, languages, skills };
    app.store
        .put_agent(agent.clone())
        .await
        .map_err(|error| auth::unavailable(&error, Stage::Api))?;
    Ok((StatusCode::CREATED, Json(agent)))
}

/// `DELETE /v1/agents/{id}`: their pages are signed out, their records keep their name.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    _: ApiKey,
    Path(id): Path<String>,
) -> Result<StatusCode, ProblemResponse> {
    let agent = parse(&id)?;
    let removed = app.store.remove_agent(agent).await;
    if !removed.map_err(|error| auth::unavailable(&error, Stage::Api))? {
        return Err(not_found());
    }
    // Where there is no desk there are no pages either; those that come back are not let in.
    let _ = app.lead.order(Order::SignOut { agent }).await;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/agents/{id}/sign-in-link`.
pub(super) async fn sign_in_link(
    State(app): State<Arc<App>>,
    _: ApiKey,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let agent = app
        .store
        .agent(parse(&id)?)
        .await
        .map_err(|error| auth::unavailable(&error, Stage::Api))?
        .ok_or_else(not_found)?;
    let link =
        app.issuer.sign_in(agent.id, app.now()).ok_or(ProblemResponse::new(Code::Internal))?;
    Ok((StatusCode::CREATED, Json(SignInLink { url: link.url, expires_at: link.expires_at })))
}

fn parse(id: &str) -> Result<AgentId, ProblemResponse> {
    id.parse().map_err(|_| not_found())
}

fn not_found() -> ProblemResponse {
    ProblemResponse::new(Code::NotFound).hint("There is no such agent.")
}
