//! Pages of several instances, scripted; the instances run in this process.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Response;
use serde_json::{Value, json};
use signaling_server::config::Secret;
use tempfile::TempDir;

use super::{
    database,
    support::{Page, TestServer, config, in_call_over, json_of},
};

/// Until an instance takes over from one that was lost, and pages are back. See `election`.
const TAKEN_OVER: Duration = Duration::from_secs(20);

fn directory() -> TempDir {
    tempfile::tempdir().expect("temp dir")
}

/// An instance on this database.
async fn instance(store: &Secret, peers: &[&TestServer]) -> TestServer {
    let peers: Vec<_> = peers.iter().map(|p| p.server.control_address().to_string()).collect();
    let with = |path: &Path| {
        let mut config = config(path);
        config.store = Some(store.clone());
        config.control_peers = peers;
        config
    };
    TestServer::start_with(directory(), with).await
}

async fn record(server: &TestServer, call: &str) -> Value {
    json_of(server.get(&format!("/v1/calls/{call}"))).await
}

async fn admin(server: &TestServer, path: &str) -> Response {
    let url = format!("http://{}{path}", server.server.admin_address());
    server.http.get(url).send().await.expect("answered")
}

fn leads(server: &TestServer) -> bool {
    server.server.app().lead.here().is_some()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < TAKEN_OVER, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_on_one_instance_and_an_agent_on_another_meet() {
    let store = database::fresh().await;
    let a = instance(&store, &[]).await;
    let b = instance(&store, &[&a]).await;
    assert!(leads(&a) && !leads(&b));
    assert_eq!(a.api_key(), b.api_key(), "one key for all");
    let mut talk = in_call_over(&b, &a, json!({ "max_uses": 3 })).await;

    talk.shopper.say(json!({ "type": "chat", "client_id": 1, "text": "hello" })).await;
    let heard = talk.agent.expect("chat").await;
    assert_eq!((heard["text"].as_str(), heard["from"].as_str()), (Some("hello"), Some("shopper")));
    talk.agent.say(json!({ "type": "hang_up" })).await;
    assert_eq!(talk.shopper.expect("call_ended").await["call"], talk.call.as_str());
    until("the end is stored", async || record(&b, &talk.call).await["state"] == "ended").await;
    let record = record(&b, &talk.call).await;
    assert_eq!(record["chat_count"], 1);

    // The other way round, and the API of an instance that does not lead.
    let agent = record["agent"]["id"].as_str().expect("an id").to_owned();
    let removed = b.http.delete(b.url(&format!("/v1/agents/{agent}"))).bearer_auth(b.api_key());
    let removed = removed.send().await.expect("answered");
    assert_eq!(removed.status(), 204);
    assert_eq!(talk.agent.expect_bye().await, "signed_out");
    a.stop().await;
    b.stop().await;
}

/// A call whose pages are where they are wanted.
async fn come_back(server: &TestServer, auth: Value) -> (Page, Value) {
    let mut page = server.page().await;
    page.hello(auth).await;
    let welcome = page.expect("welcome").await;
    (page, welcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leading_instance_goes_another_takes_over_with_all_calls() {
    let store = database::fresh().await;
    let a = instance(&store, &[]).await;
    let b = instance(&store, &[&a]).await;
    let mut talk = in_call_over(&b, &a, json!({})).await;
    // A third comes while they talk, and takes part.
    let c = instance(&store, &[&a, &b]).await;

    // Pages listen all the time.
    let (_data, agent, shopper) =
        tokio::join!(a.stop(), talk.agent.expect_bye(), talk.shopper.expect_bye());
    assert_eq!([agent, shopper], ["restarting", "restarting"]);
    let session = json!({ "kind": "session_token", "token": talk.session });
    let seat = json!({ "kind": "seat", "token": talk.seat });
    // They wait in their hello until somebody leads.
    let ((mut agent, welcomed), (mut shopper, phase)) =
        tokio::join!(come_back(&c, session), come_back(&b, seat));
    for welcome in [welcomed, phase] {
        assert_eq!(welcome["phase"]["call"], talk.call.as_str(), "{welcome}");
    }
    assert_ne!(leads(&b), leads(&c), "one of them leads");
    agent.say(json!({ "type": "chat", "client_id": 9, "text": "still there?" })).await;
    assert_eq!(shopper.expect("chat").await["text"], "still there?");
    agent.say(json!({ "type": "hang_up" })).await;
    shopper.expect("call_ended").await;
    let leader = if leads(&b) { &b } else { &c };
    let metrics = leader.metrics().await;
    for line in ["signaling_leader 1", "signaling_leader_term 2"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    b.stop().await;
    c.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_others_can_reach_outlives_its_database() {
    let mut cluster = database::Cluster::start();
    let store = cluster.database().await;
    let a = instance(&store, &[]).await;
    let b = instance(&store, &[&a]).await;
    let mut talk = in_call_over(&b, &a, json!({})).await;
    let token = a.link(json!({})).await;
    let (mut waiting, _) = b.shopper(&token).await;

    cluster.command("stop", "stopped");
    // Longer than a lease: nobody takes over, because nobody can and nobody needs to.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(leads(&a) && !leads(&b));
    talk.shopper.say(json!({ "type": "chat", "client_id": 1, "text": "is it me?" })).await;
    assert_eq!(talk.agent.expect("chat").await["text"], "is it me?");
    waiting.say(json!({ "type": "join", "media": "video" })).await;
    let problem = waiting.expect("problem").await;
    assert_eq!((problem["status"].as_u64(), problem["retry_after"].as_u64()), (Some(503), Some(5)));
    for server in [&a, &b] {
        assert_eq!(admin(server, "/livez").await.status(), 200);
        let ready = admin(server, "/readyz").await;
        assert_eq!(ready.status(), 503);
        let why = ready.text().await.expect("text");
        assert_eq!(why, "not ready: the store cannot be written\n");
        let response = server.get("/v1/calls").send().await.expect("answered");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "5");
    }
    talk.agent.say(json!({ "type": "hang_up" })).await;
    talk.shopper.expect("call_ended").await;

    cluster.command("start", "started");
    until("the desk stores again", async || {
        waiting.say(json!({ "type": "join", "media": "video" })).await;
        waiting.next().await.expect("an answer")["type"] == "queue"
    })
    .await;
    until("nothing is lost", async || record(&b, &talk.call).await["state"] == "ended").await;
    assert_eq!(record(&b, &talk.call).await["chat_count"], 1);
    assert!(leads(&a), "it has led all the time");
    assert!(a.metrics().await.contains("signaling_leader_term 1"));
    a.stop().await;
    b.stop().await;
}
