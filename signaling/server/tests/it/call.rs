//! A whole call, and coming back to it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{InCall, TestServer, in_call, json_of};

fn context() -> Value {
    json!({ "name": "Mali", "order": "A-1042", "product": "Blue kettle", "language": "th" })
}

#[tokio::test]
async fn what_a_person_waits_for_is_followed_by_empty_messages() {
    let server = TestServer::start().await;
    let InCall { mut shopper, mut agent, .. } = in_call(&server, json!({})).await;
    for page in [&mut shopper, &mut agent] {
        // One comes every ten seconds besides.
        let within = Duration::from_secs(8);
        tokio::time::timeout(within, page.expect_pings(3)).await.expect("three behind the message");
    }
}

#[tokio::test]
async fn a_call_from_the_link_to_the_record() {
    let server = TestServer::start().await;
    let token = server.link(json!({ "context": context() })).await;
    let session = server.session(json!({ "name": "Niran", "languages": ["th"] })).await;

    let (mut agent, welcome) = server.agent(&session).await;
    assert_eq!(welcome["name"], "Niran");
    assert_eq!(welcome["phase"]["phase"], "idle");
    agent.say(json!({ "type": "presence", "state": "available" })).await;
    assert_eq!(agent.expect("presence").await["state"], "available");

    let (mut shopper, welcome) = server.shopper(&token).await;
    assert_eq!(welcome["name"], "Mali");
    assert_eq!(welcome["language"], "th");
    assert_eq!(welcome["phase"]["phase"], "lobby");
    shopper.say(json!({ "type": "join", "media": "video" })).await;
    assert_eq!(shopper.expect("queue").await["position"], 1);

    let offer = agent.expect("offer").await;
    assert_eq!(offer["context"], context());
    assert!(!offer["why"].as_str().expect("a reason").is_empty());
    agent.say(json!({ "type": "accept", "offer": offer["offer"] })).await;
    let call = shopper.expect("call_started").await;
    assert_eq!((&call["peer"], &call["call"]), (&json!("Niran"), &offer["call"]));
    assert_eq!(agent.expect("call_started").await["peer"], "Mali");

    agent.say(json!({ "type": "chat", "client_id": 1, "text": "Sawasdee" })).await;
    assert_eq!(shopper.expect("chat").await["text"], "Sawasdee");
    shopper.say(json!({ "type": "media", "microphone": true, "camera": true })).await;
    assert_eq!(agent.expect("peer_media").await["camera"], true);
    for (page, frame) in [(&mut shopper, 1_400.0), (&mut agent, 2_300.0)] {
        let marks = json!([
            { "stage": "call_started", "at_ms": frame - 120.0 },
            { "stage": "first_frame", "at_ms": frame },
        ]);
        page.say(json!({ "type": "stages", "call": call["call"], "marks": marks })).await;
    }

    shopper.say(json!({ "type": "hang_up" })).await;
    assert_eq!(agent.expect("call_ended").await["reason"], "shopper_hung_up");
    assert_eq!(shopper.expect("call_ended").await["reason"], "shopper_hung_up");
    agent
        .say(json!({
            "type": "wrap_up", "call": call["call"], "outcome": "resolved", "note": "Handle fits."
        }))
        .await;
    shopper.say(json!({ "type": "satisfaction", "call": call["call"], "score": 5 })).await;
    // The record is behind the messages: leaving wrap-up says that it has been written.
    while agent.expect("presence").await["state"] != "available" {}

    let path = format!("/v1/calls/{}", call["call"].as_str().expect("an id"));
    let record = eventually(&server, &path, |record| {
        !record["satisfaction"].is_null() && !record["wrap_up"].is_null()
    })
    .await;
    assert_eq!(record["state"], "ended");
    assert_eq!(record["end_reason"], "shopper_hung_up");
    assert_eq!(record["context"], context());
    assert_eq!(record["agent"]["name"], "Niran");
    assert_eq!(record["wrap_up"]["note"], "Handle fits.");
    assert_eq!(record["satisfaction"]["score"], 5);
    assert_eq!(record["chat_count"], 1);
    let frames = record["timeline"].as_array().expect("a timeline").iter();
    assert_eq!(frames.filter(|entry| entry["stage"] == "first_frame").count(), 2, "{record}");

    let metrics = server.metrics().await;
    for line in [
        "signaling_calls_started_total 1",
        "signaling_calls_ended_total{reason=\"shopper_hung_up\"} 1",
        "signaling_call_setup_seconds_count{side=\"shopper\",stage=\"first_frame\"} 1",
        "signaling_queue_wait_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    server.stop().await;
}

/// The record, once it is as asked for.
async fn eventually(server: &TestServer, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        let record = json_of(server.get(path)).await;
        if is(&record) {
            return record;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{path} never became as expected: {}", json_of(server.get(path)).await);
}

#[tokio::test]
async fn both_sides_come_back_to_their_call() {
    let server = TestServer::start().await;
    let InCall { shopper, mut agent, seat, session, call } =
        in_call(&server, json!({ "context": context() })).await;

    drop(shopper);
    let mut shopper = server.page().await;
    shopper.hello(json!({ "kind": "seat", "token": seat })).await;
    let welcome = shopper.expect("welcome").await;
    assert_eq!(welcome["phase"]["phase"], "in_call");
    assert_eq!(welcome["phase"]["call"], call.as_str());
    shopper.say(json!({ "type": "chat", "client_id": 7, "text": "back" })).await;
    assert_eq!(agent.expect("chat").await["text"], "back");

    drop(agent);
    let (mut agent, welcome) = server.agent(&session).await;
    assert_eq!(welcome["phase"]["call"], call.as_str());
    assert_eq!(welcome["phase"]["chat"][0]["text"], "back");
    agent.say(json!({ "type": "hang_up" })).await;
    assert_eq!(shopper.expect("call_ended").await["reason"], "agent_hung_up");
    server.stop().await;
}

#[tokio::test]
async fn the_same_seat_opened_elsewhere_takes_over() {
    let server = TestServer::start().await;
    let token = server.link(json!({})).await;
    let (mut first, _) = server.shopper(&token).await;
    let (mut second, _) = server.shopper(&token).await;
    assert_eq!(first.expect_bye().await, "replaced");
    second.say(json!({ "type": "ping", "t": 12.5 })).await;
    assert_eq!(second.expect("pong").await["t"], 12.5);
    server.stop().await;
}

#[tokio::test]
async fn a_restarted_server_continues_the_call() {
    let server = TestServer::start().await;
    let InCall { mut shopper, mut agent, seat, session, call } = in_call(&server, json!({})).await;
    let directory = server.stop().await;
    assert_eq!(shopper.expect_bye().await, "restarting");
    assert_eq!(agent.expect_bye().await, "restarting");

    let server = TestServer::start_in(directory).await;
    let (mut agent, welcome) = server.agent(&session).await;
    assert_eq!(welcome["phase"]["call"], call.as_str());
    let mut shopper = server.page().await;
    shopper.hello(json!({ "kind": "seat", "token": seat })).await;
    assert_eq!(shopper.expect("welcome").await["phase"]["call"], call.as_str());
    shopper.say(json!({ "type": "hang_up" })).await;
    assert_eq!(agent.expect("call_ended").await["reason"], "shopper_hung_up");
    server.stop().await;
}
