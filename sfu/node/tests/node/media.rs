//! Calls through a node over real sockets, with pages played by the `webrtc` crate.

use crate::support::{
    TestLink, TestSignaling, config,
    page::{Page, counter, gauge},
    soon,
};
use sfu_node::Node;
use signaling_wire::{
    control::{CallEvent, LegEnd, LegState, NodeMessage, SignalingMessage},
    ids::{CallId, LegId},
};

const CALL: CallId = CallId::from_bits(1);

/// A node with two workers and a page on each.
async fn two_pages() -> (TestSignaling, Node, TestLink, [Page; 2]) {
    let signaling = TestSignaling::start();
    let node = Node::start(config(&signaling)).unwrap();
    let mut link = signaling.registered().await;
    let first = Page::open(&mut link, LegId::from_bits(1)).await;
    let second = Page::open(&mut link, LegId::from_bits(2)).await;
    (signaling, node, link, [first, second])
}

async fn bridge(link: &mut TestLink, pages: &[Page; 2]) {
    let legs = [pages[0].leg, pages[1].leg];
    link.say(&SignalingMessage::Bridge { call: CALL, epoch: 1, legs }).await;
    link.expect("the bridge", |message| match message {
        NodeMessage::CallEvent { event: CallEvent::Bridged, call: CALL, epoch: 1, .. } => Some(()),
        _ => None,
    })
    .await;
}

async fn end(node: Node, pages: [Page; 2]) {
    for page in pages {
        page.close().await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bridged_legs_of_different_workers_hear_each_other_until_the_unbridge() {
    let (_signaling, node, mut link, pages) = two_pages().await;
    let [first, second] = &pages;
    let addresses = node.addresses();
    assert_eq!(first.candidates, addresses[..1]);
    assert_eq!(second.candidates, addresses[1..], "the legs are not on different workers");
    assert_eq!((first.heard(), second.heard()), (0, 0), "media flowed before the bridge");

    bridge(&mut link, &pages).await;
    tokio::join!(first.hears(20), second.hears(20));

    link.say(&SignalingMessage::Unbridge { call: CALL, epoch: 1 }).await;
    link.expect("quality at the end", |message| match message {
        NodeMessage::LegQuality { call: CALL, .. } => Some(()),
        _ => None,
    })
    .await;
    // The leg that moved is still reached through its first socket.
    soon("datagrams are forwarded", async {
        while counter(&node, "sfu_worker_forwarded_total", "passed") == 0.0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(counter(&node, "sfu_worker_forwarded_total", "dropped"), 0.0);
    end(node, pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_link_ends_no_call() {
    let (signaling, node, mut link, pages) = two_pages().await;
    bridge(&mut link, &pages).await;
    link.connection.close(0u8.into(), b"signaling restarts");
    tokio::join!(pages[0].hears(20), pages[1].hears(20));

    let mut link = signaling.registered().await;
    let mut legs = link.register.legs.clone();
    legs.sort();
    assert_eq!(legs, [pages[0].leg, pages[1].leg]);
    assert_eq!((link.register.load.legs, link.register.load.calls), (2, 1));
    for page in &pages {
        link.expect("the state of a leg", |message| match message {
            NodeMessage::LegState { state: LegState::Warm { .. }, .. } => Some(()),
            _ => None,
        })
        .await;
        page.hears(1).await;
    }
    end(node, pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_node_closes_its_legs_and_says_so() {
    let (_signaling, node, mut link, pages) = two_pages().await;
    let told = async {
        for _ in &pages {
            let reason = link
                .expect("a closed leg", |message| match message {
                    NodeMessage::LegState { state: LegState::Closed { reason }, .. } => {
                        Some(reason)
                    }
                    _ => None,
                })
                .await;
            assert_eq!(reason, LegEnd::NodeStopping);
        }
    };
    tokio::join!(node.stop(), told);
    for page in pages {
        page.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn legs_over_tcp_hear_each_other_and_take_their_connections_along() {
    let signaling = TestSignaling::start();
    let node = Node::start(config(&signaling)).unwrap();
    let mut link = signaling.registered().await;
    let first = Page::open_over_tcp(&mut link, LegId::from_bits(1)).await;
    let second = Page::open_over_tcp(&mut link, LegId::from_bits(2)).await;
    let pages = [first, second];
    bridge(&mut link, &pages).await;
    tokio::join!(pages[0].hears(20), pages[1].hears(20));
    soon("both legs count as TCP", async {
        while gauge(&node, "sfu_legs_by_transport", "tcp") < 2.0
            || counter(&node, "sfu_tcp_datagrams_total", "received") < 40.0
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    // The legs were on different workers, and nothing took the way between them.
    assert_eq!(counter(&node, "sfu_worker_forwarded_total", "passed"), 0.0);
    assert_eq!(counter(&node, "sfu_tcp_connections_total", "handed_over"), 2.0);

    link.say(&SignalingMessage::CloseLeg { leg: pages[0].leg }).await;
    soon("its connection is closed", async {
        while gauge(&node, "sfu_tcp_connections", "") > 1.0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    end(node, pages).await;
}
