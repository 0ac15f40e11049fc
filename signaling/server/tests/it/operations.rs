//! What operators see: health and metrics.

use std::time::Duration;

use crate::support::{TestServer, config};
use signaling_server::Server;

#[tokio::test]
async fn ready_means_a_call_could_be_made() {
    let directory = tempfile::tempdir().expect("temp dir");
    let mut alone = config(directory.path());
    alone.embedded_node = false;
    let server = Server::start(alone).await.expect("started");
    let admin = format!("http://{}", server.admin_address());
    assert_eq!(status(&format!("{admin}/livez")).await.0, 200);
    let (code, why) = status(&format!("{admin}/readyz")).await;
    assert_eq!(code, 503);
    assert!(why.contains("no media node"), "{why}");
    server.stop().await;

    let server = TestServer::start().await;
    let admin = format!("http://{}", server.server.admin_address());
    assert_eq!(status(&format!("{admin}/readyz")).await, (200, "ready\n".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn metrics_of_server_and_node_come_together() {
    let server = TestServer::start().await;
    let metrics = server.metrics().await;
    for name in ["signaling_build_info{", "signaling_nodes{state=\"serving\"} 1", "\nsfu_"] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_operator_drains_a_node_and_changes_their_mind() {
    let server = TestServer::start().await;
    let admin = format!("http://{}", server.server.admin_address());
    let node = server.server.app().nodes.all()[0].incarnation().node;
    let ask = async |method: reqwest::Method, node: String| {
        let url = format!("{admin}/admin/nodes/{node}/drain");
        server.http.request(method, url).send().await.expect("answered").status()
    };
    let serving = |count: u32| {
        let nodes = &server.server.app().nodes;
        async move {
            while nodes.states().serving != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    assert_eq!(ask(reqwest::Method::POST, "node_none".to_owned()).await, 404);
    assert_eq!(ask(reqwest::Method::POST, node.to_string()).await, 202);
    serving(0).await;
    assert_eq!(ask(reqwest::Method::DELETE, node.to_string()).await, 202);
    serving(1).await;
    server.stop().await;
}

#[tokio::test]
async fn the_admin_surface_is_not_public() {
    let server = TestServer::start().await;
    for path in ["/metrics", "/readyz", "/livez"] {
        assert_eq!(status(&server.url(path)).await.0, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_node_with_another_secret_is_refused() {
    use sfu_node::{Node, config::NodeConfig, control::ClusterSecret};
    use signaling_wire::ids::NodeId;

    let server = TestServer::start().await;
    let secret = ClusterSecret::new(&"f".repeat(64)).expect("long enough");
    let impostor = NodeConfig {
        workers: std::num::NonZeroU16::new(1),
        advertise: vec!["127.0.0.1".parse().expect("valid")],
        signaling: vec![server.server.control_address().to_string()],
        ..NodeConfig::new(NodeId::from_bits(7), secret)
    };
    let impostor = Node::start(impostor).expect("started");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(impostor.monitor().readiness(), sfu_node::Readiness::Unregistered);
    let metrics = server.metrics().await;
    assert!(metrics.contains("signaling_nodes{state=\"serving\"} 1"), "only the real one");
    impostor.stop().await;
    server.stop().await;
}

async fn status(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.expect("answered");
    (response.status().as_u16(), response.text().await.expect("text"))
}
