//! The control link over real sockets: registration, refusals, hostile frames, lost links.

use crate::support::{TestSignaling, config, soon};
use sfu_node::{Node, Readiness, control::ClusterSecret};
use signaling_wire::{
    PROTOCOL,
    control::{LegEnd, LegState, NodeMessage, NodeState, SignalingMessage},
    ids::LegId,
};

#[tokio::test]
async fn node_registers_beats_and_says_farewell() {
    let signaling = TestSignaling::start();
    let config = config(&signaling);
    let (id, region) = (config.node, config.region.clone());
    let node = Node::start(config).unwrap();

    let mut link = signaling.registered().await;
    assert_eq!(link.register.node, id);
    assert_eq!(link.register.region, region);
    assert_eq!(link.register.addresses, node.addresses());
    assert_eq!(node.addresses().len(), 2, "one address for each worker");
    let load = link.expect("a heartbeat", heartbeat).await;
    assert_eq!((load.legs, load.state), (0, NodeState::Serving));
    assert!(soon("ready", node.monitor().wait_for(Readiness::Ready)).await);

    let (closed, ()) = tokio::join!(link.connection.closed(), node.stop());
    assert!(
        matches!(&closed, quinn::ConnectionError::ApplicationClosed(close)
            if close.error_code == 0u8.into()),
        "{closed}"
    );
}

#[tokio::test]
async fn wrong_secret_is_noticed_by_both_ends() {
    let other = ClusterSecret::new("quite another secret, as long as the other").unwrap();
    let signaling = TestSignaling::with_secret(other);
    let node = Node::start(config(&signaling)).unwrap();

    let mut link = signaling.accept().await;
    assert!(!link.proofs.is_node(&link.register.proof), "signaling takes a stranger for a node");
    // A signaling that does not care: the node must refuse it.
    let proof = link.proofs.signaling();
    link.say(&SignalingMessage::Registered { protocol: PROTOCOL, proof }).await;
    let closed = soon("the node hangs up", link.connection.closed()).await;
    assert!(
        matches!(&closed, quinn::ConnectionError::ApplicationClosed(close)
            if close.error_code == 2u8.into()),
        "{closed}"
    );
    assert_eq!(node.monitor().readiness(), Readiness::Unregistered);
    node.stop().await;
}

#[tokio::test]
async fn own_proof_sent_back_does_not_register() {
    let signaling = TestSignaling::start();
    let node = Node::start(config(&signaling)).unwrap();
    let mut link = signaling.accept().await;
    let proof = link.register.proof.clone();
    link.say(&SignalingMessage::Registered { protocol: PROTOCOL, proof }).await;
    soon("the node hangs up", link.connection.closed()).await;
    assert_eq!(node.monitor().readiness(), Readiness::Unregistered);
    node.stop().await;
}

#[tokio::test]
async fn hostile_frames_close_that_link_only() {
    let signaling = TestSignaling::start();
    let node = Node::start(config(&signaling)).unwrap();
    for hostile in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x02{x", b"\0\0\0\x0f{\"type\":\"dance\"}"] {
        let mut link = signaling.registered().await;
        link.say_bytes(hostile).await;
        let closed = soon("the node hangs up", link.connection.closed()).await;
        assert!(
            matches!(&closed, quinn::ConnectionError::ApplicationClosed(close)
                if close.error_code == 1u8.into()),
            "{closed}"
        );
    }
    // The node is as it was.
    let mut link = signaling.registered().await;
    link.expect("a heartbeat", heartbeat).await;
    node.stop().await;
}

#[tokio::test]
async fn lost_link_is_dialed_again_by_the_same_start() {
    let signaling = TestSignaling::start();
    let node = Node::start(config(&signaling)).unwrap();
    let first = signaling.registered().await;
    let epoch = first.register.epoch;
    first.connection.close(0u8.into(), b"signaling restarts");
    let second = signaling.registered().await;
    assert_eq!(second.register.epoch, epoch);
    node.stop().await;
}

#[tokio::test]
async fn every_signaling_instance_has_the_node_and_losing_one_loses_no_other() {
    let (one, other) = (TestSignaling::start(), TestSignaling::start());
    let mut config = config(&one);
    config.signaling.push(other.address().to_string());
    let node = Node::start(config).unwrap();
    let first = one.registered().await;
    let mut second = other.registered().await;
    assert_eq!(first.register.epoch, second.register.epoch);
    assert!(first.register.measure.is_some(), "pages can measure");
    first.connection.close(0u8.into(), b"signaling restarts");
    second.expect("a heartbeat", heartbeat).await;
    one.registered().await;
    node.stop().await;
}

#[tokio::test]
async fn public_addresses_behind_nat_are_announced_instead_of_the_bound_ones() {
    let signaling = TestSignaling::start();
    let mut config = config(&signaling);
    config.advertise = vec!["203.0.113.7:40000".parse().unwrap()];
    let node = Node::start(config).unwrap();
    let link = signaling.registered().await;
    let announced: Vec<_> = link.register.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(announced, ["203.0.113.7:40000", "203.0.113.7:40001"], "one for each worker");
    node.stop().await;
}

#[tokio::test]
async fn command_about_an_unknown_leg_is_answered() {
    let signaling = TestSignaling::start();
    let node = Node::start(config(&signaling)).unwrap();
    let mut link = signaling.registered().await;
    let leg = LegId::from_bits(7);
    link.say(&SignalingMessage::CloseLeg { leg }).await;
    let state = link.expect("the leg is gone", state_of(leg)).await;
    assert_eq!(state, LegState::Closed { reason: LegEnd::Asked });
    node.stop().await;
}

fn heartbeat(message: NodeMessage) -> Option<signaling_wire::control::Load> {
    match message {
        NodeMessage::Heartbeat(load) => Some(load),
        _ => None,
    }
}

fn state_of(wanted: LegId) -> impl FnMut(NodeMessage) -> Option<LegState> {
    move |message| match message {
        NodeMessage::LegState { leg, state } if leg == wanted => Some(state),
        _ => None,
    }
}
