//! Calls between two nodes over real sockets, and strangers at the relay port.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use quinn::crypto::rustls::QuicClientConfig;
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sfu_node::Node;
use signaling_wire::{
    control::{CallEvent, MediaKind, NodeMessage, Peer, Register, Remote, SignalingMessage},
    ids::{CallId, LegId},
};

use crate::support::{
    TestLink, TestSignaling, config,
    page::{Page, counter, gauge},
    soon,
    way::Way,
};

const CALL: CallId = CallId::from_bits(1);

/// A node with a page.
struct Side {
    node: Node,
    link: TestLink,
    page: Page,
}

impl Side {
    async fn start(signaling: &TestSignaling, leg: u128) -> Self {
        let node = Node::start(config(signaling)).unwrap();
        let mut link = signaling.registered().await;
        let page = Page::open(&mut link, LegId::from_bits(leg)).await;
        Self { node, link, page }
    }

    /// Its leg as the other node reaches it.
    fn remote(&self) -> Remote {
        let register = &self.link.register;
        Remote { leg: self.page.leg, node: register.node, addresses: register.relay.clone() }
    }

    async fn bridge(&mut self, epoch: u32, remote: Remote) {
        let leg = self.page.leg;
        self.link.say(&SignalingMessage::BridgeRemote { call: CALL, epoch, leg, remote }).await;
    }

    /// Waits until the node tells of an event about a leg.
    async fn tells(&mut self, epoch: u32, leg: LegId, event: CallEvent) {
        self.link
            .expect("an event of the call", |message| match message {
                NodeMessage::CallEvent {
                    call: CALL, epoch: of, leg: from, event: what, ..
                } => (of == epoch && from == leg && what == event).then_some(()),
                _ => None,
            })
            .await;
    }

    async fn stop(self) {
        self.page.close().await;
        self.node.stop().await;
    }
}

async fn two_sides() -> (TestSignaling, [Side; 2]) {
    let signaling = TestSignaling::start();
    let first = Side::start(&signaling, 1).await;
    let second = Side::start(&signaling, 2).await;
    (signaling, [first, second])
}

async fn bridge(sides: &mut [Side; 2], epoch: u32) {
    let [a, b] = sides;
    let (to_a, to_b) = (a.remote(), b.remote());
    a.bridge(epoch, to_b).await;
    b.bridge(epoch, to_a).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_on_two_nodes_hear_each_other_until_the_unbridge() {
    let (_signaling, mut sides) = two_sides().await;
    bridge(&mut sides, 1).await;
    let legs = [sides[0].page.leg, sides[1].page.leg];
    let first_packet = CallEvent::FirstPacket { kind: MediaKind::Audio };
    for (side, [own, other]) in sides.iter_mut().zip([legs, [legs[1], legs[0]]]) {
        side.tells(1, own, CallEvent::Bridged).await;
        side.tells(1, other, first_packet).await;
        side.page.hears(20).await;
        assert!(counter(&side.node, "sfu_relay_datagrams_total", "received") > 20.0);
        assert_eq!(counter(&side.node, "sfu_relay_packets_total", "lost"), 0.0);
    }
    for side in &mut sides {
        side.link.say(&SignalingMessage::Unbridge { call: CALL, epoch: 1 }).await;
        side.link
            .expect("quality at the end", |message| match message {
                NodeMessage::LegQuality { call: CALL, .. } => Some(()),
                _ => None,
            })
            .await;
    }
    for side in sides {
        side.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_introduced_connect_before_there_is_a_call() {
    let (_signaling, mut sides) = two_sides().await;
    let peers = [1, 0].map(|other| {
        let Register { node, ref relay, .. } = *sides[other].link.register;
        vec![Peer { node, addresses: relay.clone() }]
    });
    for (side, peers) in sides.iter_mut().zip(peers) {
        side.link.say(&SignalingMessage::Meet { peers }).await;
    }
    soon("both nodes have the link", async {
        while sides.iter().any(|side| gauge(&side.node, "sfu_relay_links", "up") == 0.0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // The bridge uses what is there.
    bridge(&mut sides, 1).await;
    tokio::join!(sides[0].page.hears(20), sides[1].page.hears(20));
    for side in sides {
        assert_eq!(counter(&side.node, "sfu_relay_connections_total", "proven"), 1.0);
        side.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_leg_is_bridged_over_the_same_connection() {
    let (_signaling, mut sides) = two_sides().await;
    bridge(&mut sides, 1).await;
    sides[0].page.hears(20).await;
    // The page of the second side comes back with a new leg.
    let [_, second] = &mut sides;
    let new = Page::open(&mut second.link, LegId::from_bits(3)).await;
    std::mem::replace(&mut second.page, new).close().await;
    bridge(&mut sides, 2).await;
    let [first, second] = &sides;
    tokio::join!(first.page.hears(20), second.page.hears(20));
    for side in sides {
        assert_eq!(counter(&side.node, "sfu_relay_connections_total", "proven"), 1.0);
        side.stop().await;
    }
}

/// Bridges over a way of our own between the nodes, for datagrams of at most so many bytes.
async fn bridge_over_a_way(sides: &mut [Side; 2], most: usize) -> Way {
    // The node with the smaller id dials.
    sides.sort_by_key(|side| side.link.register.node);
    let [dialing, dialed] = sides;
    let (to_dialing, mut to_dialed) = (dialing.remote(), dialed.remote());
    let way = Way::to(to_dialed.addresses[0], most).await;
    to_dialed.addresses = vec![way.address];
    dialing.bridge(1, to_dialed).await;
    dialed.bridge(1, to_dialing).await;
    way
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_that_the_way_between_nodes_does_not_take_whole_arrive_all_the_same() {
    let (_signaling, mut sides) = two_sides().await;
    // What IPv6 promises at least (RFC 8200 §5), less IPv6 and UDP.
    let _way = bridge_over_a_way(&mut sides, 1_280 - 48).await;
    let [first, second] = &sides;
    // Longer than the search for a larger size takes to try some.
    tokio::join!(first.page.hears(100), second.page.hears(100));
    for side in sides {
        let of = |name, label| counter(&side.node, name, label);
        assert!(of("sfu_relay_datagrams_total", "split") >= 20.0, "long packets do not fit");
        assert_eq!(of("sfu_relay_dropped_total", "too_large"), 0.0);
        assert_eq!(of("sfu_relay_packets_total", "lost"), 0.0);
        side.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_dies_in_mid_call_is_dialed_again_and_the_call_goes_on() {
    let (_signaling, mut sides) = two_sides().await;
    let way = bridge_over_a_way(&mut sides, 1_500).await;
    let [first, second] = &sides;
    tokio::join!(first.page.hears(20), second.page.hears(20));
    way.interrupt(true);
    soon("both nodes have lost the link", async {
        while sides.iter().any(|side| gauge(&side.node, "sfu_relay_links", "down") == 0.0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    way.interrupt(false);
    tokio::join!(first.page.hears(20), second.page.hears(20));
    for side in sides {
        assert_eq!(counter(&side.node, "sfu_relay_connections_total", "proven"), 2.0);
        side.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_at_the_relay_port_gets_nothing() {
    let (_signaling, mut sides) = two_sides().await;
    bridge(&mut sides, 1).await;
    sides[0].page.hears(5).await;

    let relay = sides[0].link.register.relay[0];
    let stranger = dial(relay).await;
    // What it says before it has proven itself reaches nobody, and the nodes' media does not reach
    // it.
    for _ in 0..10 {
        stranger.send_datagram(vec![3; 100].into()).unwrap();
    }
    let (mut writer, mut reader) = stranger.open_bi().await.unwrap();
    let hello = br#"{"node":"node_00000000000000000000000001","proof":"00"}"#;
    writer.write_all(&(hello.len() as u32).to_be_bytes()).await.unwrap();
    writer.write_all(hello).await.unwrap();
    // The stream may end before the connection does: that is no error, and nothing was said.
    let heard = soon("the stream ends", reader.read_to_end(1_000)).await.unwrap_or_default();
    assert!(heard.is_empty(), "a stranger was answered: {heard:?}");
    soon("the node hangs up", stranger.closed()).await;
    assert!(stranger.read_datagram().await.is_err());
    soon("the refusal is counted", async {
        while counter(&sides[0].node, "sfu_relay_connections_total", "refused") == 0.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(counter(&sides[0].node, "sfu_relay_connections_total", "proven"), 1.0);
    assert_eq!(counter(&sides[0].node, "sfu_relay_dropped_total", "malformed"), 0.0);
    sides[0].page.hears(20).await;
    for side in sides {
        side.stop().await;
    }
}

/// Connects to a relay port as somebody who knows everything but the secret.
async fn dial(relay: SocketAddr) -> quinn::Connection {
    let mut tls =
        rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
    tls.alpn_protocols = vec![b"vitrine-relay/1".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    endpoint.set_default_client_config(config);
    soon("a connection", endpoint.connect(relay, "vitrine-relay").unwrap()).await.unwrap()
}

#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
