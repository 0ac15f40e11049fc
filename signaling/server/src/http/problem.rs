//! Errors as `application/problem+json` (RFC 9457).

use std::time::Duration;

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use signaling_wire::problem::{Code, Problem, Stage};
use tokio::time::timeout;

/// A problem as a response.
#[derive(Debug, Clone)]
pub struct ProblemResponse(pub Problem);

impl ProblemResponse {
    /// The problem with the standard words for `code`, outside any call.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self(Problem::new(code, Stage::Api))
    }

    /// The same with other advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.hint(hint))
    }
}

impl From<Problem> for ProblemResponse {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// There is nothing at this address.
pub(super) async fn not_found() -> ProblemResponse {
    ProblemResponse::new(Code::NotFound)
}

/// There is something at this address, but not for this method.
pub(super) async fn method_not_allowed() -> ProblemResponse {
    let mut problem = Problem::new(Code::NotFound, Stage::Api)
        .hint("There is something here, but not for this method. See the Allow header.");
    problem.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
    ProblemResponse(problem)
}

/// How long a request's body may take. It has a few kilobytes.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON body; what is wrong with it is answered as a problem.
#[derive(Debug)]
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, ProblemResponse> {
        match timeout(BODY_TIMEOUT, Json::from_request(request, state)).await {
            Ok(Ok(Json(body))) => Ok(Self(body)),
            Ok(Err(rejection)) => Err(explain(&rejection)),
            Err(_) => Err(ProblemResponse::new(Code::Malformed).hint("Send the body faster.")),
        }
    }
}

fn explain(rejection: &JsonRejection) -> ProblemResponse {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ProblemResponse::new(Code::TooLarge),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemResponse::new(Code::Malformed)
            .hint("Send JSON with the header Content-Type: application/json."),
        // Serde says which field and why; what axum puts before it is about Rust.
        _ => {
            let text = rejection.body_text();
            let why = text.split_once("type: ").map_or(text.as_str(), |(_, why)| why);
            ProblemResponse::new(Code::Malformed).hint(why)
        }
    }
}
