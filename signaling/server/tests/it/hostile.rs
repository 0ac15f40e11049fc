//! Junk from one side while a call goes on between others.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{TestServer, in_call};

#[tokio::test]
async fn a_call_does_not_notice_junk_on_other_sockets_and_on_its_own() {
    let server = TestServer::start().await;
    let mut call = in_call(&server, json!({})).await;

    // Strangers: no hello, a wrong one, a huge one, nothing but bytes.
    let huge = format!("{{\"type\":\"hello\",\"x\":\"{}\"}}", "x".repeat(80_000));
    let strangers = [
        Message::text("{"),
        Message::text("[]"),
        Message::text("{\"type\":\"join\",\"media\":\"video\"}"),
        Message::text(huge),
        Message::text("x".repeat(1_000_000)),
        Message::binary(vec![0xff; 1_000]),
        Message::text(format!("{}{}", "[".repeat(5_000), "]".repeat(5_000))),
    ];
    for junk in strangers {
        let mut stranger = server.page().await;
        stranger.raw(junk).await;
        while stranger.next().await.is_some() {}
    }

    // The shopper's own page sends nonsense now and then: each is answered, nothing is lost.
    let nonsense = [
        "not json".to_owned(),
        json!({ "type": "unheard_of" }).to_string(),
        json!({ "type": "chat", "client_id": 1, "text": "x".repeat(2_001) }).to_string(),
        json!({ "type": "satisfaction", "call": "call_x", "score": 9 }).to_string(),
        json!({ "type": "hello", "protocol": 1, "auth": { "kind": "session" } }).to_string(),
        r#"{"type":"chat","client_id":1,"client_id":2,"text":"twice"}"#.to_owned(),
    ];
    for text in nonsense {
        call.shopper.raw(Message::text(text.clone())).await;
        assert_eq!(call.shopper.expect("problem").await["code"], "malformed", "{text}");
    }
    let marks = vec![json!({ "stage": "ice", "at_ms": 1.0 }); 33];
    call.shopper.say(json!({ "type": "stages", "marks": marks })).await;
    assert_eq!(call.shopper.expect("problem").await["code"], "too_large");
    call.shopper.raw(Message::text("x".repeat(70_000))).await;
    assert_eq!(call.shopper.expect("problem").await["code"], "too_large");

    call.shopper.say(json!({ "type": "chat", "client_id": 3, "text": "still here" })).await;
    assert_eq!(call.agent.expect("chat").await["text"], "still here");
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_sends_nothing_but_junk_is_shown_the_door_and_may_come_back() {
    let server = TestServer::start().await;
    let mut call = in_call(&server, json!({})).await;
    for _ in 0..21 {
        call.shopper.raw(Message::text("junk")).await;
    }
    assert_eq!(call.shopper.expect_bye().await, "abuse");

    let mut shopper = server.page().await;
    shopper.hello(json!({ "kind": "seat", "token": call.seat })).await;
    let welcome = shopper.expect("welcome").await;
    assert_eq!(welcome["phase"]["call"], call.call.as_str());
    server.stop().await;
}

#[tokio::test]
async fn another_sites_page_cannot_use_the_agents_cookie() {
    let server = TestServer::start().await;
    let session = server.session(json!({ "name": "Niran" })).await;
    let cookie = format!("vitrine_session={session}");
    let own = format!("http://{}", server.server.address());
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert!(server.page_with(&foreign).await.is_none(), "refused before the upgrade");
    assert!(server.page_with(&[("cookie", &cookie), ("origin", &own)]).await.is_some());
    server.stop().await;
}

#[tokio::test]
async fn whoever_guesses_has_to_wait() {
    let server = TestServer::start().await;
    let mut codes = Vec::new();
    for guess in 0..40 {
        let request = server.http.get(server.url("/v1/agents")).bearer_auth(format!("vk_{guess}"));
        codes.push(request.send().await.expect("answered").status().as_u16());
    }
    assert_eq!(codes[0], 401);
    assert_eq!(codes[39], 429);
    server.stop().await;
}

#[tokio::test]
async fn a_bad_offer_fails_the_leg_and_nothing_else() {
    let server = TestServer::start().await;
    let token = server.link(json!({})).await;
    let mut page = server.page().await;
    // In one flight with the hello, as pages do.
    page.hello(json!({ "kind": "link", "token": token })).await;
    page.say(json!({ "type": "leg_offer", "attempt": 4, "sdp": "v=0\r\nnonsense" })).await;
    let first = page.next().await.expect("an answer");
    assert_eq!(first["type"], "welcome", "the welcome comes first");
    let failed = page.expect("leg_failed").await;
    assert_eq!(failed["attempt"], 4);
    assert_eq!(failed["problem"]["code"], "offer_rejected");
    page.say(json!({ "type": "leg_offer", "attempt": 5, "sdp": "x".repeat(50_000) })).await;
    assert_eq!(page.expect("leg_failed").await["problem"]["code"], "too_large");
    page.say(json!({ "type": "ping", "t": 1.0 })).await;
    page.expect("pong").await;
    server.stop().await;
}

#[tokio::test]
async fn junk_on_the_control_port_harms_nobody() {
    let server = TestServer::start().await;
    let mut call = in_call(&server, json!({})).await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("bound");
    for length in [0, 1, 20, 1_200, 1_400] {
        let junk = vec![0xc3; length];
        for _ in 0..50 {
            socket.send_to(&junk, server.server.control_address()).expect("sent");
        }
    }
    call.agent.say(json!({ "type": "chat", "client_id": 1, "text": "fine" })).await;
    assert_eq!(call.shopper.expect("chat").await["text"], "fine");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(server.server.wait_for_node(Duration::from_secs(5)).await);
    server.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_connections_that_say_nothing() {
    let server = TestServer::start().await;
    let silent = tokio::net::TcpStream::connect(server.server.address()).await.expect("connected");
    let (answered, _) = tokio::join!(server.get("/v1/calls").send(), async { &silent });
    assert_eq!(answered.expect("answered").status(), 200);
    tokio::time::timeout(Duration::from_secs(10), server.stop()).await.expect("stopped");
}
