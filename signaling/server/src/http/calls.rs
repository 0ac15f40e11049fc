//! `GET /v1/calls`: what became of calls.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use signaling_desk::{record::CallRecord, store::CallFilter};
use signaling_wire::{
    ids::CallId,
    problem::{Code, Stage},
};

use super::{ApiKey, ProblemResponse};
use crate::{app::App, auth};

/// Records in one answer when nobody says otherwise.
const PAGE: u32 = 50;
/// The most records in one answer.
const MAX_PAGE: u32 = 500;

/// The record of one call, its stage timings included.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _: ApiKey,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let not_found = || ProblemResponse::new(Code::NotFound).hint("There is no such call.");
    let id: CallId = id.parse().map_err(|_| not_found())?;
    let record = app
        .store
        .call_record(id)
        .await
        .map_err(|error| auth::unavailable(&error, Stage::Api))?
        .ok_or_else(not_found)?;
    Ok(Json(record))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    before: Option<CallId>,
    #[serde(default)]
    open: bool,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Page {
    calls: Vec<CallRecord>,
    /// What to give as `before` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<CallId>,
}

/// Records, newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _: ApiKey,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let Query(filter) = filter
        .map_err(|rejection| ProblemResponse::new(Code::Malformed).hint(rejection.body_text()))?;
    let limit = filter.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let filter = CallFilter { before: filter.before, open: filter.open, limit };
    let calls = app
        .store
        .list_calls(filter)
        .await
        .map_err(|error| auth::unavailable(&error, Stage::Api))?;
    let next = calls.last().filter(|_| calls.len() == limit as usize).map(|call| call.id);
    Ok(Json(Page { calls, next }))
}
