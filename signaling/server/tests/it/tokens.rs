//! Tokens that are expired, forged, or meant for something else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::{Value, json};

use crate::support::{TestServer, fragment, json_of};

/// Says hello with these credentials; the problem that comes back.
async fn refused(server: &TestServer, auth: Value) -> Value {
    let mut page = server.page().await;
    page.hello(auth).await;
    let problem = page.expect("problem").await;
    page.expect_bye().await;
    problem
}

#[tokio::test]
async fn a_token_opens_only_what_it_is_for() {
    let server = TestServer::start().await;
    let link = server.link(json!({})).await;
    let session = server.session(json!({ "name": "Niran" })).await;
    for auth in [
        json!({ "kind": "seat", "token": link }),
        json!({ "kind": "session_token", "token": link }),
        json!({ "kind": "link", "token": session }),
        json!({ "kind": "link", "token": "" }),
        json!({ "kind": "link", "token": "a.b.c" }),
    ] {
        assert_eq!(refused(&server, auth.clone()).await["code"], "token_invalid", "{auth}");
    }
    assert_eq!(refused(&server, json!({ "kind": "session" })).await["code"], "unauthorized");
    let long = json!({ "kind": "link", "token": "a".repeat(5_000) });
    assert_eq!(refused(&server, long).await["code"], "too_large");
    assert!(
        server.metrics().await.contains("signaling_token_rejected_total{reason=\"audience\"} 3")
    );
    server.stop().await;
}

#[tokio::test]
async fn forged_and_unsigned_tokens_are_refused() {
    let server = TestServer::start().await;
    let link = server.link(json!({})).await;
    let [head, claims, signature] = link.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let mut richer: Value =
        serde_json::from_slice(&B64.decode(claims).expect("base64")).expect("JSON");
    richer["max_uses"] = json!(1_000_000);
    let richer = B64.encode(richer.to_string());
    let none = B64.encode(r#"{"typ":"JWT","alg":"none","kid":"k1"}"#);
    let unknown = B64.encode(r#"{"typ":"JWT","alg":"HS256","kid":"k99"}"#);
    for forged in [
        format!("{head}.{richer}.{signature}"),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{unknown}.{claims}.{signature}"),
        format!("{head}.{claims}."),
    ] {
        let problem = refused(&server, json!({ "kind": "link", "token": forged })).await;
        assert_eq!(problem["code"], "token_invalid", "{forged}");
    }
    let (_, welcome) = server.shopper(&link).await;
    assert_eq!(welcome["role"], "shopper", "the real one is good");
    server.stop().await;
}

#[tokio::test]
async fn an_expired_link_says_so() {
    let server = TestServer::start().await;
    let app = server.server.app();
    let past = signaling_desk::Millis(app.now().0 - 100_000);
    let lifetime = std::time::Duration::from_secs(60);
    let order = signaling_server::issuer::LinkOrder { lifetime, ..Default::default() };
    let link = app.issuer.link(order, past).expect("signed");
    let auth = json!({ "kind": "link", "token": fragment(&link.url) });
    assert_eq!(refused(&server, auth).await["code"], "token_expired");
    server.stop().await;
}

#[tokio::test]
async fn a_sign_in_link_works_once() {
    let server = TestServer::start().await;
    let steps = server.server.first_steps().await.expect("an agent is made");
    let token = fragment(&steps.console);
    assert_eq!(server.sign_in(&token).await.status(), 200);
    let again = server.sign_in(&token).await;
    assert_eq!(again.status(), 409);
    let problem: Value = again.json().await.expect("a problem");
    assert_eq!(problem["code"], "link_used_up");
    server.stop().await;
}

#[tokio::test]
async fn the_cookie_signs_in_and_signing_out_ends_it() {
    let server = TestServer::start().await;
    let session = server.session(json!({ "name": "Niran" })).await;
    let cookie = format!("other=1; vitrine_session={session}");
    let mut page = server.page_with(&[("cookie", &cookie)]).await.expect("upgraded");
    page.hello(json!({ "kind": "session" })).await;
    assert_eq!(page.expect("welcome").await["role"], "agent");

    let out = server.http.delete(server.url("/v1/agent/session")).header("cookie", &cookie);
    let response = out.send().await.expect("answered");
    assert_eq!(response.status(), 204);
    let forgotten = response.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(forgotten.contains("Max-Age=0"), "{forgotten}");
    assert_eq!(page.expect_bye().await, "signed_out");
    server.stop().await;
}

#[tokio::test]
async fn a_removed_agent_cannot_come_back() {
    let server = TestServer::start().await;
    let session = server.session(json!({ "name": "Niran" })).await;
    let (mut page, _) = server.agent(&session).await;
    let agents = json_of(server.get("/v1/agents")).await;
    let id = agents["agents"][0]["id"].as_str().expect("an id");
    let delete = server.http.delete(server.url(&format!("/v1/agents/{id}")));
    let response = delete.bearer_auth(server.api_key()).send().await.expect("answered");
    assert_eq!(response.status(), 204);
    assert_eq!(page.expect_bye().await, "signed_out");
    let auth = json!({ "kind": "session_token", "token": session });
    assert_eq!(refused(&server, auth).await["code"], "unauthorized");
    server.stop().await;
}

#[tokio::test]
async fn keys_rotate_under_a_running_server() {
    let server = TestServer::start().await;
    let old = server.link(json!({})).await;
    let store = &server.server.app().store;
    let keys = signaling_server::keys::rotate(&**store).await.expect("rotated");
    // As the command line does it: another process, with the new key.
    let tokens = std::sync::Arc::new(signaling_server::tokens::Tokens::new(keys));
    let issuer = signaling_server::issuer::Issuer::new(tokens, String::new());
    let new = issuer.link(Default::default(), server.server.app().now()).expect("signed");
    for token in [old, fragment(&new.url)] {
        let (_, welcome) = server.shopper(&token).await;
        assert_eq!(welcome["role"], "shopper");
    }
    server.stop().await;
}
