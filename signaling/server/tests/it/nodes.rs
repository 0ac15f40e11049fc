//! Media nodes as the server meets them: scripted ones, over real control links.

use std::{net::SocketAddr, path::Path, time::Duration};

use serde_json::{Value, json};
use sfu_node::control::{
    ClusterSecret,
    frame::{FrameReader, write_frame},
    proof::Proofs,
    tls,
};
use signaling_server::Server;
use signaling_wire::{
    PROTOCOL,
    control::{
        CallEvent, LegState, Load, Measure, NodeMessage, NodeState, Peer, Register, Remote,
        SignalingMessage,
    },
    ids::{LegId, NodeEpoch, NodeId},
};

use crate::support::{Page, TestServer, config};

const PATIENCE: Duration = Duration::from_secs(20);

/// A node that does what the test says.
pub(crate) struct ScriptedNode {
    reader: FrameReader<quinn::RecvStream>,
    writer: quinn::SendStream,
    connection: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

pub(crate) fn load(legs: u32) -> Load {
    Load { state: NodeState::Serving, legs, calls: 0, busy: 0.0 }
}

impl ScriptedNode {
    /// Dials and registers.
    async fn register(server: &Server, id: u128, epoch: u128, legs: Vec<LegId>) -> Self {
        Self::register_in(server, "test", id, epoch, legs).await
    }

    /// The same in a region.
    pub(crate) async fn register_in(
        server: &Server,
        region: &str,
        id: u128,
        epoch: u128,
        legs: Vec<LegId>,
    ) -> Self {
        Self::register_relaying(server, region, id, epoch, legs, vec![]).await
    }

    /// The same, of a node that other nodes reach at `relay`.
    async fn register_relaying(
        server: &Server,
        region: &str,
        id: u128,
        epoch: u128,
        legs: Vec<LegId>,
        relay: Vec<SocketAddr>,
    ) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut endpoint = quinn::Endpoint::client(any).expect("bound");
        endpoint.set_default_client_config(tls::client_config().expect("valid"));
        let connecting = endpoint.connect(server.control_address(), tls::SERVER_NAME);
        let connection = connecting.expect("valid").await.expect("connected");
        let secret = server.data().cluster_secret().expect("made by the server");
        let secret = ClusterSecret::new(secret.expose()).expect("long enough");
        let proofs = Proofs::new(&connection, &secret).expect("exported");
        let (writer, reader) = connection.open_bi().await.expect("opened");
        let reader = FrameReader::new(reader);
        let mut node = Self { reader, writer, connection, _endpoint: endpoint };
        let register = Register {
            protocol: PROTOCOL,
            node: NodeId::from_bits(id),
            epoch: NodeEpoch::from_bits(epoch),
            region: region.to_owned(),
            version: "test".to_owned(),
            addresses: vec![
                SocketAddr::from(([192, 0, 2, id as u8], 10_000)),
                SocketAddr::from(([192, 0, 2, id as u8], 10_001)),
            ],
            capacity: 100,
            load: load(legs.len() as u32),
            legs,
            calls: Vec::new(),
            proof: proofs.node(),
            measure: Some(Measure {
                ufrag: format!("measure-{id}"),
                pwd: "a-password-of-24-letters".to_owned(),
            }),
            relay,
        };
        node.say(NodeMessage::Register(Box::new(register))).await;
        match node.hear().await {
            SignalingMessage::Registered { proof, .. } => assert!(proofs.is_signaling(&proof)),
            other => panic!("not registered: {other:?}"),
        }
        node
    }

    async fn say(&mut self, message: NodeMessage) {
        write_frame(&mut self.writer, &message).await.expect("sent");
    }

    /// What is said of legs and calls.
    pub(crate) async fn hear(&mut self) -> SignalingMessage {
        loop {
            match self.hear_anything().await {
                SignalingMessage::Meet { .. } => {}
                message => return message,
            }
        }
    }

    async fn hear_anything(&mut self) -> SignalingMessage {
        let heard = tokio::time::timeout(PATIENCE, self.reader.next()).await;
        heard.expect("something is said").expect("a frame").expect("an open link")
    }

    /// Answers the next request for a leg, and makes it warm.
    pub(crate) async fn open(&mut self) -> LegId {
        let SignalingMessage::OpenLeg { request, leg, sdp } = self.hear().await else {
            panic!("not a request for a leg");
        };
        assert_eq!(sdp, "an offer");
        self.say(NodeMessage::LegAnswer { request, leg, sdp: "an answer".to_owned() }).await;
        let state = LegState::Warm { dtls: "1.3".to_owned(), srtp: "test".to_owned() };
        self.say(NodeMessage::LegState { leg, state }).await;
        leg
    }
}

/// A server without a node of its own.
pub(crate) async fn server_in(directory: &Path) -> Server {
    let mut config = config(directory);
    config.embedded_node = false;
    Server::start(config).await.expect("started")
}

/// A page asks for a leg.
async fn offer(page: &mut Page) {
    page.say(json!({ "type": "leg_offer", "attempt": 1, "sdp": "an offer" })).await;
}

pub(crate) async fn answered(page: &mut Page, leg: LegId) {
    let answer = page.expect("leg_answer").await;
    assert_eq!((&answer["leg"], &answer["sdp"]), (&json!(leg), &json!("an answer")));
}

struct Pages {
    server: TestServer,
    shopper: Page,
    agent: Page,
}

impl Pages {
    /// Both pages are there, without legs.
    async fn open() -> Self {
        let directory = tempfile::tempdir().expect("temp dir");
        let server = server_in(directory.path()).await;
        let server = TestServer { server, directory, http: reqwest::Client::new(), key: None };
        let session = server.session(json!({ "name": "Niran" })).await;
        let (mut agent, _) = server.agent(&session).await;
        agent.say(json!({ "type": "presence", "state": "available" })).await;
        let token = server.link(json!({})).await;
        let (shopper, _) = server.shopper(&token).await;
        Self { server, shopper, agent }
    }

    /// The shopper joins and the agent accepts.
    async fn meet(&mut self) -> Value {
        self.shopper.say(json!({ "type": "join", "media": "video" })).await;
        let offer = self.agent.expect("offer").await;
        self.agent.say(json!({ "type": "accept", "offer": offer["offer"] })).await;
        self.shopper.expect("call_started").await
    }
}

#[tokio::test]
async fn warm_legs_are_bridged_on_accept_and_unbridged_at_the_end() {
    let mut pages = Pages::open().await;
    offer(&mut pages.shopper).await;
    let failed = pages.shopper.expect("leg_failed").await;
    assert_eq!(failed["problem"]["code"], "no_node", "there is none yet");

    let mut node = ScriptedNode::register(&pages.server.server, 1, 1, vec![]).await;
    offer(&mut pages.shopper).await;
    let shopper = node.open().await;
    answered(&mut pages.shopper, shopper).await;
    offer(&mut pages.agent).await;
    let agent = node.open().await;
    answered(&mut pages.agent, agent).await;

    let started = pages.meet().await;
    let SignalingMessage::Bridge { call, epoch, legs } = node.hear().await else {
        panic!("not a bridge");
    };
    assert_eq!((json!(call), epoch, legs), (started["call"].clone(), 1, [shopper, agent]));
    let event = CallEvent::Bridged;
    node.say(NodeMessage::CallEvent { call, epoch, leg: shopper, event, at_us: 210 }).await;

    pages.agent.say(json!({ "type": "hang_up" })).await;
    assert_eq!(node.hear().await, SignalingMessage::Unbridge { call, epoch });
    pages.server.stop().await;
}

#[tokio::test]
async fn a_node_that_dials_again_keeps_its_legs_and_hears_what_it_missed() {
    let mut pages = Pages::open().await;
    let mut node = ScriptedNode::register(&pages.server.server, 1, 1, vec![]).await;
    offer(&mut pages.shopper).await;
    let shopper = node.open().await;
    answered(&mut pages.shopper, shopper).await;
    offer(&mut pages.agent).await;
    let agent = node.open().await;
    answered(&mut pages.agent, agent).await;

    // The link dies, and only then do they meet.
    node.connection.close(0u8.into(), b"");
    while pages.server.metrics().await.contains("signaling_nodes{state=\"serving\"} 1") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    pages.meet().await;
    let mut node = ScriptedNode::register(&pages.server.server, 1, 1, vec![shopper, agent]).await;
    let SignalingMessage::Bridge { legs, .. } = node.hear().await else {
        panic!("not a bridge");
    };
    assert_eq!(legs, [shopper, agent]);

    // Restarted, it has lost them: the pages are told to open new ones.
    node.connection.close(0u8.into(), b"");
    let _node = ScriptedNode::register(&pages.server.server, 1, 2, vec![]).await;
    assert_eq!(pages.shopper.expect("leg_lost").await["leg"], json!(shopper));
    assert_eq!(pages.agent.expect("leg_lost").await["leg"], json!(agent));
    pages.server.stop().await;
}

#[tokio::test]
async fn a_page_in_a_call_opens_its_next_leg_where_the_call_is() {
    let mut pages = Pages::open().await;
    let mut node = ScriptedNode::register(&pages.server.server, 1, 1, vec![]).await;
    for page in [&mut pages.shopper, &mut pages.agent] {
        offer(page).await;
        let leg = node.open().await;
        answered(page, leg).await;
    }
    pages.meet().await;
    assert!(matches!(node.hear().await, SignalingMessage::Bridge { .. }));
    // The other one is idle, and would be given the leg of a page without a call.
    let _idle = ScriptedNode::register(&pages.server.server, 2, 1, vec![]).await;
    offer(&mut pages.shopper).await;
    let leg = node.open().await;
    answered(&mut pages.shopper, leg).await;
    pages.server.stop().await;
}

#[tokio::test]
async fn legs_on_two_nodes_are_bridged_between_them() {
    let relays: [SocketAddr; 2] = ["192.0.2.1:9999", "192.0.2.2:9999"].map(|a| a.parse().unwrap());
    let mut pages = Pages::open().await;
    let server = &pages.server.server;
    let relaying = |id: u128, legs: Vec<LegId>| {
        let relay = vec![relays[id as usize - 1]];
        ScriptedNode::register_relaying(server, "test", id, 1, legs, relay)
    };
    let mut one = relaying(1, vec![]).await;
    offer(&mut pages.agent).await;
    let agent = one.open().await;
    answered(&mut pages.agent, agent).await;
    // The other node is idle, so the next leg goes there.
    let mut two = relaying(2, vec![]).await;
    offer(&mut pages.shopper).await;
    let shopper = two.open().await;
    answered(&mut pages.shopper, shopper).await;

    pages.shopper.say(json!({ "type": "join", "media": "video" })).await;
    let ring = pages.agent.expect("offer").await;
    pages.agent.say(json!({ "type": "accept", "offer": ring["offer"] })).await;
    let started = pages.shopper.expect("call_started").await;
    let remote = |leg, node: u128| Remote {
        leg,
        node: NodeId::from_bits(node),
        addresses: vec![relays[node as usize - 1]],
    };
    let SignalingMessage::BridgeRemote { call, epoch: 1, leg, remote: to_agent } = two.hear().await
    else {
        panic!("not a bridge");
    };
    assert_eq!((json!(call), leg), (started["call"].clone(), shopper));
    assert_eq!(to_agent, remote(agent, 1));
    let to_shopper = remote(shopper, 2);
    let bridge = SignalingMessage::BridgeRemote { call, epoch: 1, leg: agent, remote: to_shopper };
    assert_eq!(one.hear().await, bridge);

    // One dials again: it hears once more what it may have missed.
    one.connection.close(0u8.into(), b"");
    let mut one = relaying(1, vec![agent]).await;
    assert_eq!(one.hear().await, bridge);

    pages.agent.say(json!({ "type": "hang_up" })).await;
    for node in [&mut one, &mut two] {
        assert_eq!(node.hear().await, SignalingMessage::Unbridge { call, epoch: 1 });
    }
    pages.server.stop().await;
}

#[tokio::test]
async fn legs_on_two_nodes_that_do_not_relay_are_brought_together() {
    let mut pages = Pages::open().await;
    let mut one = ScriptedNode::register(&pages.server.server, 1, 1, vec![]).await;
    offer(&mut pages.agent).await;
    let agent = one.open().await;
    answered(&mut pages.agent, agent).await;
    // The other node is idle, so the next leg goes there.
    let mut two = ScriptedNode::register(&pages.server.server, 2, 1, vec![]).await;
    offer(&mut pages.shopper).await;
    let far = two.open().await;
    answered(&mut pages.shopper, far).await;

    pages.meet().await;
    assert_eq!(two.hear().await, SignalingMessage::CloseLeg { leg: far });
    assert_eq!(pages.shopper.expect("leg_lost").await["leg"], json!(far));
    offer(&mut pages.shopper).await;
    let near = one.open().await;
    answered(&mut pages.shopper, near).await;
    let SignalingMessage::Bridge { legs, .. } = one.hear().await else {
        panic!("not a bridge");
    };
    assert_eq!(legs, [near, agent]);
    pages.server.stop().await;
}

#[tokio::test]
async fn a_call_that_leaves_a_node_goes_to_one_near_each_side_where_they_relay() {
    let mut pages = Pages::open().await;
    let server = &pages.server.server;
    let relay = |id: u128| vec![SocketAddr::from(([192, 0, 2, id as u8], 9_999))];
    let mut left = ScriptedNode::register_relaying(server, "bkk", 3, 1, vec![], relay(3)).await;
    let measured = |fra: f32, sgp: f32| {
        json!({ "type": "leg_offer", "attempt": 1, "sdp": "an offer", "measured": [
            { "node": NodeId::from_bits(1), "rtt_ms": fra },
            { "node": NodeId::from_bits(2), "rtt_ms": sgp },
            { "node": NodeId::from_bits(3), "rtt_ms": 90.0 },
        ] })
    };
    pages.agent.say(measured(12.0, 150.0)).await;
    answered(&mut pages.agent, left.open().await).await;
    pages.shopper.say(measured(150.0, 12.0)).await;
    answered(&mut pages.shopper, left.open().await).await;
    let mut fra = ScriptedNode::register_relaying(server, "fra", 1, 1, vec![], relay(1)).await;
    let mut sgp = ScriptedNode::register_relaying(server, "sgp", 2, 1, vec![], relay(2)).await;
    pages.meet().await;
    assert!(matches!(left.hear().await, SignalingMessage::Bridge { .. }));

    left.say(NodeMessage::Heartbeat(Load { state: NodeState::Draining, ..load(2) })).await;
    pages.shopper.expect("leg_move").await;
    pages.agent.expect("leg_move").await;
    pages.shopper.say(measured(150.0, 12.0)).await;
    let shopper = sgp.open().await;
    pages.agent.say(measured(12.0, 150.0)).await;
    let agent = fra.open().await;
    for (node, own) in [(&mut sgp, shopper), (&mut fra, agent)] {
        let SignalingMessage::BridgeRemote { epoch: 2, leg, .. } = node.hear().await else {
            panic!("not a bridge between nodes");
        };
        assert_eq!(leg, own);
    }
    pages.server.stop().await;
}

#[tokio::test]
async fn nodes_that_relay_are_introduced_to_each_other_when_they_register() {
    let pages = Pages::open().await;
    let server = &pages.server.server;
    let relay = |id| vec![SocketAddr::from(([192, 0, 2, id], 9_999))];
    let peer = |id: u8| Peer { node: NodeId::from_bits(id.into()), addresses: relay(id) };
    let mut first = ScriptedNode::register_relaying(server, "fra", 1, 1, vec![], relay(1)).await;
    let _alone = ScriptedNode::register(server, 2, 1, vec![]).await;
    let mut third = ScriptedNode::register_relaying(server, "sgp", 3, 1, vec![], relay(3)).await;
    for (node, other) in [(&mut third, 1), (&mut first, 3)] {
        let met = SignalingMessage::Meet { peers: vec![peer(other)] };
        assert_eq!(node.hear_anything().await, met);
    }
    pages.server.stop().await;
}

#[tokio::test]
async fn a_bad_frame_ends_its_link_and_no_other() {
    let pages = Pages::open().await;
    let mut good = ScriptedNode::register(&pages.server.server, 1, 1, vec![]).await;
    let mut bad = ScriptedNode::register(&pages.server.server, 2, 1, vec![]).await;
    bad.writer.write_all(&[0, 0, 0, 4, b'j', b'u', b'n', b'k']).await.expect("sent");
    let ended = tokio::time::timeout(PATIENCE, bad.connection.closed()).await;
    assert!(ended.is_ok(), "the link is closed");

    good.say(NodeMessage::Heartbeat(load(0))).await;
    let mut shopper = pages.shopper;
    offer(&mut shopper).await;
    let leg = good.open().await;
    answered(&mut shopper, leg).await;
    pages.server.stop().await;
}
