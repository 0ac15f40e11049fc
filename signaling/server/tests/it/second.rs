//! A page's second connection: copies of what is waited for, each way; and who may not have one.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Page, TestServer, in_call};

/// Closed with its page, or for nonsense.
const NORMAL: u16 = 1000;
/// No such page here.
const NOT_HERE: u16 = 4404;

/// A shopper who waits and an agent at whom it rings, each with a second connection.
struct Ringing {
    shopper: [Page; 2],
    agent: [Page; 2],
    offer: Value,
}

async fn ringing(server: &TestServer) -> Ringing {
    let token = server.link(json!({})).await;
    let session = server.session(json!({ "name": "Niran" })).await;
    let (mut agent, welcome) = server.agent(&session).await;
    let mut agents_second = server.second(&welcome["second"]).await;
    agents_second.attached().await;
    let (mut shopper, welcome) = server.shopper(&token).await;
    let mut shoppers_second = server.second(&welcome["second"]).await;
    shoppers_second.attached().await;
    agent.say(json!({ "type": "presence", "state": "available" })).await;
    shopper.say(json!({ "type": "join", "media": "video" })).await;
    let offer = agents_second.next_copy().await.expect("a copy");
    assert_eq!(offer["message"]["type"], "offer");
    Ringing { shopper: [shopper, shoppers_second], agent: [agent, agents_second], offer }
}

/// Messages of the first connection up to the one of this kind, each with its number.
async fn numbered(page: &mut Page, from: u32, kind: &str) -> (u32, Value) {
    let mut number = from;
    loop {
        let message = page.next().await.expect("an open socket");
        number += u32::from(message["type"] != "pong");
        if message["type"] == kind {
            return (number, message);
        }
    }
}

#[tokio::test]
async fn a_call_starts_though_the_first_connection_holds_the_message_back() {
    let server = TestServer::start().await;
    let Ringing { shopper: [mut shopper, mut shoppers], agent: [mut agent, mut agents], offer } =
        ringing(&server).await;
    let (number, heard) = numbered(&mut agent, 1, "offer").await;
    assert_eq!((&offer["number"], &offer["message"]), (&json!(number), &heard));

    // The agent has said `presence`: this is the second message. Its first connection says nothing.
    let accept = json!({ "type": "accept", "offer": heard["offer"] });
    agents.say(json!({ "type": "copy", "number": 2, "message": accept })).await;
    let started = agents.next_copy().await.expect("a copy");
    assert_eq!(started["message"]["type"], "call_started");
    let (number, heard) = numbered(&mut agent, number, "call_started").await;
    assert_eq!((&started["number"], &started["message"]), (&json!(number), &heard));
    loop {
        let copy = shoppers.next_copy().await.expect("a copy");
        if copy["message"]["type"] == "call_started" {
            let (number, heard) = numbered(&mut shopper, 1, "call_started").await;
            assert_eq!((&copy["number"], &copy["message"]), (&json!(number), &heard));
            break;
        }
        assert_eq!(copy["message"]["ringing"], true);
    }

    // The message itself is late, and does nothing: the desk would call a second accept a conflict.
    agent.say(accept).await;
    agent.say(json!({ "type": "chat", "client_id": 1, "text": "hello" })).await;
    assert_eq!(shopper.expect("chat").await["text"], "hello");
    let mut next = agent.next().await.expect("open");
    while next["type"] != "chat" {
        assert_ne!(next["type"], "problem", "{next}");
        next = agent.next().await.expect("open");
    }
    let metrics = server.metrics().await;
    for line in [
        "signaling_ws_copies_total{came=\"first\"} 1",
        "signaling_ws_second_connections 2",
        "signaling_calls_started_total 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_copy_waits_for_what_was_said_before_it() {
    let server = TestServer::start().await;
    let Ringing { shopper: [mut shopper, _], agent: [mut agent, mut agents], offer } =
        ringing(&server).await;
    let accept = json!({ "type": "accept", "offer": offer["message"]["offer"] });
    // As if the agent had taken a break first: nobody is put through to somebody who has gone.
    agents.say(json!({ "type": "copy", "number": 3, "message": accept })).await;
    agents.attached().await;
    agent.say(json!({ "type": "presence", "state": "break" })).await;
    assert_eq!(agent.expect("offer_ended").await["reason"], "declined");
    assert_eq!(agent.expect("problem").await["code"], "conflict");
    agent.say(accept).await;
    agent.say(json!({ "type": "ping", "t": 2.0 })).await;
    assert_eq!(agent.next().await.expect("open")["type"], "pong", "the late one does nothing");
    shopper.say(json!({ "type": "leave" })).await;
    assert_eq!(shopper.expect("call_ended").await["reason"], "abandoned");
    server.stop().await;
}

#[tokio::test]
async fn strangers_get_none_and_end_none() {
    let server = TestServer::start().await;
    let mut call = in_call(&server, json!({})).await;
    let (_, welcome) = server.shopper(&server.link(json!({})).await).await;
    for key in [
        json!("0123456789abcdef0123456789abcdef"),
        json!("guess"),
        json!(7),
        welcome["second"].clone(),
    ] {
        // The last one's page has gone by now.
        let mut stranger = server.second(&key).await;
        assert_eq!(stranger.next_copy().await, Err(NOT_HERE), "{key}");
    }
    let mut silent = server.open("/ws/second", &[]).await.expect("upgraded");
    silent.raw(Message::binary(vec![0xff; 100])).await;
    assert_eq!(silent.next_copy().await, Err(NOT_HERE));
    let foreign = [("origin", "https://evil.example")];
    assert!(server.open("/ws/second", &foreign).await.is_none(), "refused before the upgrade");
    call.shopper.say(json!({ "type": "chat", "client_id": 1, "text": "still here" })).await;
    assert_eq!(call.agent.expect("chat").await["text"], "still here");
    server.stop().await;
}

#[tokio::test]
async fn nonsense_ends_the_second_connection_and_not_the_first() {
    let server = TestServer::start().await;
    let (mut page, welcome) = server.shopper(&server.link(json!({})).await).await;
    let marks = vec![json!({ "stage": "ice", "at_ms": 1.0 }); 33];
    for nonsense in [
        "junk".to_owned(),
        json!({ "type": "attach", "key": welcome["second"] }).to_string(),
        json!({ "type": "copy", "number": -1, "message": { "type": "leave" } }).to_string(),
        json!({ "type": "copy", "number": 1, "message": { "type": "unheard_of" } }).to_string(),
        json!({ "type": "copy", "number": 1, "message": { "type": "stages", "marks": marks } })
            .to_string(),
    ] {
        let mut second = server.second(&welcome["second"]).await;
        second.attached().await;
        second.raw(Message::text(nonsense.clone())).await;
        assert_eq!(second.next_copy().await, Err(NORMAL), "{nonsense}");
    }
    // Copies of what never comes, in masses: the connection is closed, the page goes on.
    let mut second = server.second(&welcome["second"]).await;
    for number in 2..200 {
        let message = json!({ "type": "media", "microphone": false, "camera": false });
        let copy = json!({ "type": "copy", "number": number, "message": message });
        second.raw(Message::text(copy.to_string())).await;
    }
    assert_eq!(second.next_copy().await, Err(NORMAL));
    page.say(json!({ "type": "join", "media": "video" })).await;
    assert_eq!(page.expect("queue").await["position"], 1);
    server.stop().await;
}

#[tokio::test]
async fn it_ends_with_the_first_one() {
    let server = TestServer::start().await;
    let (page, welcome) = server.shopper(&server.link(json!({})).await).await;
    let mut former = server.second(&welcome["second"]).await;
    former.attached().await;
    let mut second = server.second(&welcome["second"]).await;
    assert_eq!(former.next_copy().await, Err(NORMAL), "the younger one takes its place");
    second.attached().await;
    drop(page);
    assert_eq!(second.next_copy().await, Err(NORMAL));

    let (mut page, welcome) = server.shopper(&server.link(json!({})).await).await;
    let mut second = server.second(&welcome["second"]).await;
    second.attached().await;
    let (_, reason, closed) = tokio::join!(server.stop(), page.expect_bye(), second.next_copy());
    assert_eq!((reason, closed), (json!("restarting"), Err(NORMAL)));
}
