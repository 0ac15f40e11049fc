//! The two pages and their files, embedded in the binary.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use signaling_wire::problem::Code;

use super::ProblemResponse;

/// Whoever types the bare address works here: a shopper has a link.
pub(super) async fn front() -> Redirect {
    Redirect::temporary("/agent")
}

/// The shopper page.
pub(super) async fn join(headers: HeaderMap) -> Response {
    file("join.html", &headers)
}

/// The agent console.
pub(super) async fn agent(headers: HeaderMap) -> Response {
    file("agent.html", &headers)
}

/// A file of the pages.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    file(&path, &headers)
}

fn file(path: &str, request: &HeaderMap) -> Response {
    let Some(asset) = signaling_web::get(path) else {
        return ProblemResponse::new(Code::NotFound).into_response();
    };
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|tag| same_tag(tag.trim(), &asset.etag)));
    let headers = [
        (header::CONTENT_TYPE, asset.mime.to_owned()),
        (header::CACHE_CONTROL, asset.cache_control.to_owned()),
        (header::ETAG, asset.etag),
    ];
    if known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, asset.bytes.into_owned()).into_response()
    }
}

/// Weak comparison (RFC 9110 §8.8.3.2): compression on the way weakens a tag.
fn same_tag(given: &str, ours: &str) -> bool {
    given == "*" || given.trim_start_matches("W/") == ours.trim_start_matches("W/")
}

/// Puts the pages' security headers on every response.
pub(super) async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in signaling_web::SECURITY_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
