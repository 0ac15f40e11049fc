//! Which node a page's leg comes to, and what is said about it.

use std::time::Duration;

use serde_json::{Value, json};
use signaling_wire::ids::NodeId;

use crate::{
    nodes::{ScriptedNode, answered, server_in},
    support::{Page, TestServer, json_of},
};

/// Two nodes, near and far.
struct Regions {
    server: TestServer,
    fra: ScriptedNode,
    sgp: ScriptedNode,
}

fn id(node: u128) -> Value {
    json!(NodeId::from_bits(node))
}

impl Regions {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("temp dir");
        let server = server_in(directory.path()).await;
        let fra = ScriptedNode::register_in(&server, "fra", 1, 1, vec![]).await;
        let sgp = ScriptedNode::register_in(&server, "sgp", 2, 1, vec![]).await;
        let server = TestServer { server, directory, http: reqwest::Client::new(), key: None };
        while !server.metrics().await.contains("signaling_nodes{state=\"serving\"} 2") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { server, fra, sgp }
    }
}

/// A page asks for a leg, having measured these milliseconds to the two nodes.
async fn offer(page: &mut Page, fra: f32, sgp: f32) {
    let measured = json!([{ "node": id(1), "rtt_ms": fra }, { "node": id(2), "rtt_ms": sgp }]);
    let offer =
        json!({ "type": "leg_offer", "attempt": 1, "sdp": "an offer", "measured": measured });
    page.say(offer).await;
}

#[tokio::test]
async fn each_side_is_placed_by_what_it_measured_and_the_record_says_so() {
    let Regions { server, mut fra, mut sgp } = Regions::start().await;
    let session = server.session(json!({ "name": "Niran" })).await;
    let (mut agent, _) = server.agent(&session).await;
    agent.say(json!({ "type": "presence", "state": "available" })).await;
    let token = server.link(json!({ "region": "sgp" })).await;
    let (mut shopper, _) = server.shopper(&token).await;

    offer(&mut agent, 61.0, 14.2).await;
    answered(&mut agent, sgp.open().await).await;
    // The link's region wins over what is nearer.
    offer(&mut shopper, 10.0, 190.0).await;
    answered(&mut shopper, sgp.open().await).await;

    shopper.say(json!({ "type": "join", "media": "video" })).await;
    let ring = agent.expect("offer").await;
    agent.say(json!({ "type": "accept", "offer": ring["offer"] })).await;
    let started = shopper.expect("call_started").await;
    sgp.hear().await;
    let path = format!("/v1/calls/{}", started["call"].as_str().expect("an id"));
    let places = loop {
        let record = json_of(server.get(&path)).await;
        if record["places"] != json!([]) {
            break record["places"].clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let metrics = server.metrics().await;
    for ground in ["measured", "link"] {
        let line = format!("signaling_legs_placed_total{{ground=\"{ground}\",region=\"sgp\"}} 1");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    let why = "the link asks for sgp; nearest by measurement 190 ms";
    assert_eq!(
        places,
        json!([
            { "side": "shopper", "node": id(2), "region": "sgp", "why": why },
            { "side": "agent", "node": id(2), "region": "sgp",
              "why": "nearest by measurement 14 ms, next fra 61 ms" },
        ])
    );

    // Another shopper, whose link names no region.
    let token = server.link(json!({})).await;
    let (mut near_fra, _) = server.shopper(&token).await;
    offer(&mut near_fra, 10.0, 190.0).await;
    answered(&mut near_fra, fra.open().await).await;
    server.stop().await;
}

#[tokio::test]
async fn a_page_hears_what_to_measure_and_gets_a_nearer_leg_if_there_is_one() {
    let Regions { server, mut fra, mut sgp } = Regions::start().await;
    let token = server.link(json!({ "region": "fra" })).await;
    let (_, welcome) = server.shopper(&token).await;
    let fra_shown = json!({
        "node": id(1), "region": "fra", "addresses": ["192.0.2.1:10000"],
        "ufrag": "measure-1", "pwd": "a-password-of-24-letters",
    });
    assert_eq!(welcome["candidates"][0], fra_shown, "the link's region comes first");
    assert_eq!(welcome["candidates"][1]["region"], "sgp");

    let token = server.link(json!({})).await;
    let (mut shopper, _) = server.shopper(&token).await;
    shopper.say(json!({ "type": "leg_offer", "attempt": 1, "sdp": "an offer" })).await;
    let far = fra.open().await;
    answered(&mut shopper, far).await;
    let measured = |fra: u32, sgp: u32| json!([{ "node": id(1), "rtt_ms": fra }, { "node": id(2), "rtt_ms": sgp }]);
    // Somebody else's leg is nobody's business, and a leg that is well where it is stays.
    let (mut other, _) = server.shopper(&server.link(json!({})).await).await;
    other.say(json!({ "type": "measured", "leg": far, "measured": measured(190, 12) })).await;
    shopper.say(json!({ "type": "measured", "leg": far, "measured": measured(12, 14) })).await;
    shopper.say(json!({ "type": "ping", "t": 1 })).await;
    assert_eq!(shopper.next().await.expect("open")["type"], "pong");

    shopper.say(json!({ "type": "measured", "leg": far, "measured": measured(190, 12) })).await;
    assert_eq!(shopper.expect("leg_move").await["leg"], json!(far));
    offer(&mut shopper, 190.0, 12.0).await;
    answered(&mut shopper, sgp.open().await).await;
    server.stop().await;
}

#[tokio::test]
async fn with_one_region_there_is_nothing_to_measure() {
    let directory = tempfile::tempdir().expect("temp dir");
    let server = server_in(directory.path()).await;
    let _one = ScriptedNode::register_in(&server, "fra", 1, 1, vec![]).await;
    let _two = ScriptedNode::register_in(&server, "fra", 2, 1, vec![]).await;
    let server = TestServer { server, directory, http: reqwest::Client::new(), key: None };
    while !server.metrics().await.contains("signaling_nodes{state=\"serving\"} 2") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_, welcome) = server.shopper(&server.link(json!({})).await).await;
    assert_eq!(welcome["candidates"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn the_api_lists_the_nodes() {
    let Regions { server, fra: _fra, sgp: _sgp } = Regions::start().await;
    let nodes = json_of(server.get("/v1/nodes")).await;
    let nodes = nodes["nodes"].as_array().expect("a list");
    let shown: Vec<_> =
        nodes.iter().map(|node| (&node["id"], &node["region"], &node["state"])).collect();
    let (fra, sgp) = (id(1), id(2));
    assert_eq!(
        shown,
        [(&fra, &json!("fra"), &json!("serving")), (&sgp, &json!("sgp"), &json!("serving"))]
    );
    for node in nodes {
        assert_eq!((&node["version"], &node["same_version"]), (&json!("test"), &json!(false)));
        assert_eq!((&node["capacity"], &node["load"]), (&json!(100), &json!(0.0)));
        assert!(node["control_rtt_ms"].as_f64().is_some_and(|rtt| (0.0..1_000.0).contains(&rtt)));
    }
    let metrics = server.metrics().await;
    assert!(metrics.contains("signaling_nodes_other_version 2"), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn too_many_measurements_are_refused() {
    let Regions { server, .. } = Regions::start().await;
    let token = server.link(json!({})).await;
    let (mut shopper, _) = server.shopper(&token).await;
    let measured: Vec<_> = (0..17).map(|node| json!({ "node": id(node), "rtt_ms": 1 })).collect();
    let offer =
        json!({ "type": "leg_offer", "attempt": 1, "sdp": "an offer", "measured": measured });
    shopper.say(offer).await;
    assert_eq!(shopper.expect("problem").await["code"], "too_large");
    server.stop().await;
}
