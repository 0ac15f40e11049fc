//! The HTTP surface: pages, API, errors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestServer, json_of};

#[tokio::test]
async fn every_error_is_a_problem() {
    let server = TestServer::start().await;
    let key = server.api_key();
    let huge = "x".repeat(40_000);
    let cases = [
        (Method::GET, "/nothing", None, 404, "not_found"),
        (Method::GET, "/assets/../../etc/passwd", None, 404, "not_found"),
        (Method::GET, "/assets/nothing.js", None, 404, "not_found"),
        (Method::PUT, "/v1/links", Some("{}"), 405, "not_found"),
        (Method::POST, "/v1/links", Some("{"), 400, "malformed"),
        (Method::POST, "/v1/links", Some(r#"{"contxt":{}}"#), 422, "malformed"),
        (Method::POST, "/v1/links", Some(r#"{"expires_in":1}"#), 400, "malformed"),
        (Method::POST, "/v1/links", Some(r#"{"max_uses":0}"#), 400, "malformed"),
        (Method::POST, "/v1/links", Some(huge.as_str()), 413, "too_large"),
        (Method::GET, "/v1/calls/call_0", None, 404, "not_found"),
        (Method::GET, "/v1/calls?limit=many", None, 400, "malformed"),
        (Method::GET, "/ws", None, 400, "malformed"),
    ];
    for (method, path, body, status, code) in cases {
        let what = format!("{method} {path}");
        let mut request = server.http.request(method, server.url(path)).bearer_auth(&key);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let response = request.send().await.expect("answered");
        let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert_eq!(kind, "application/problem+json", "{what}");
        let answered = response.status().as_u16();
        let problem: Value = response.json().await.expect("JSON");
        assert_eq!(problem["code"], code, "{what}: {problem}");
        assert_eq!(problem["status"], answered, "{what}: {problem}");
        // What serde cannot place is malformed as well.
        assert_eq!(answered, if status == 422 { 400 } else { status }, "{what}: {problem}");
        assert!(!problem["hint"].as_str().expect("a hint").is_empty());
    }
    server.stop().await;
}

#[tokio::test]
async fn the_api_needs_its_key() {
    let server = TestServer::start().await;
    for path in ["/v1/links", "/v1/agents"] {
        let request = server.http.post(server.url(path)).json(&json!({ "name": "x" }));
        let response = request.send().await.expect("answered");
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    let nodes = server.http.get(server.url("/v1/nodes")).send().await.expect("answered");
    assert_eq!(nodes.status(), 401);
    let wrong = server.http.get(server.url("/v1/calls")).bearer_auth("vk_0");
    assert_eq!(wrong.send().await.expect("answered").status(), 401);
    // A key that was replaced on the command line works at once, and the former one no longer.
    let former = server.api_key();
    server.server.data().new_api_key().expect("replaced");
    assert_eq!(server.get("/v1/calls").send().await.expect("answered").status(), 200);
    let request = server.http.get(server.url("/v1/calls")).bearer_auth(former);
    assert_eq!(request.send().await.expect("answered").status(), 401);
    server.stop().await;
}

#[tokio::test]
async fn pages_are_locked_down_and_cached() {
    let server = TestServer::start().await;
    for path in ["/join", "/agent"] {
        let response = server.http.get(server.url(path)).send().await.expect("answered");
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
        assert!(header("content-type").starts_with("text/html"));
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert!(header("permissions-policy").contains("camera=(self)"));
        let tag = header("etag");
        let again = server.http.get(server.url(path)).header("if-none-match", tag);
        assert_eq!(again.send().await.expect("answered").status(), 304);
    }
    server.stop().await;
}

#[tokio::test]
async fn links_and_calls_over_the_api() {
    let server = TestServer::start().await;
    let body = json!({
        "queue": "returns", "expires_in": 600, "max_uses": 2, "skills": ["shoes"], "priority": 3,
        "synthetic": true, "context": { "name": "Ann", "extra": { "size": "42" } }
    });
    let link = json_of(server.post("/v1/links", &body)).await;
    assert!(link["id"].as_str().expect("an id").starts_with("lnk_"));
    assert!(link["expires_at"].as_str().expect("a time").ends_with('Z'));
    let token = crate::support::fragment(link["url"].as_str().expect("url"));
    let (mut shopper, welcome) = server.shopper(&token).await;
    assert_eq!(welcome["context"]["extra"]["size"], "42");
    shopper.say(json!({ "type": "join", "media": "audio" })).await;
    shopper.expect("queue").await;
    let calls = json_of(server.get("/v1/calls?open=true")).await;
    let call = &calls["calls"][0];
    assert_eq!((&call["queue"], &call["media"]), (&json!("returns"), &json!("audio")));
    assert_eq!(call["link"], link["id"]);
    assert_eq!(call["synthetic"], true);
    shopper.say(json!({ "type": "leave" })).await;
    let too_many: serde_json::Map<_, _> =
        (0..13).map(|field| (format!("field {field}"), json!("x"))).collect();
    let body = json!({ "context": { "extra": too_many } });
    assert_eq!(server.post("/v1/links", &body).send().await.expect("answered").status(), 400);
    server.stop().await;
}
