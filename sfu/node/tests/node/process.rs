//! The `sfu` binary: settings, health, signals.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};

use signaling_wire::control::{NodeMessage, NodeState};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::support::{SECRET, TestSignaling, soon};

fn sfu() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sfu"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VITRINE_SFU_")) {
        command.env_remove(name);
    }
    command.env("VITRINE_SFU_CLUSTER_SECRET", SECRET).kill_on_drop(true);
    command
}

async fn check_config(args: &[&str]) -> Output {
    soon("check-config ends", sfu().arg("check-config").args(args).output()).await.unwrap()
}

#[tokio::test]
async fn check_config_prints_what_counts_and_no_secret() {
    let output = check_config(&["--signaling", "a:1,b:2", "--region", "eu"]).await;
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("region = \"eu\"") && !printed.contains(SECRET), "{printed}");
}

#[tokio::test]
async fn wrong_settings_are_usage_errors() {
    for args in [&["--signaling", "nowhere"][..], &["--base-port", "70000"], &["--nonsense"], &[]] {
        let output = check_config(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?} is refused without a word");
    }
}

#[tokio::test]
async fn terminated_process_serves_its_health_and_says_farewell() {
    let signaling = TestSignaling::start();
    let mut child = sfu()
        .args(["--bind", "127.0.0.1", "--base-port", "0", "--admin", "127.0.0.1:0"])
        .args(["--log-format", "json", "--signaling", &signaling.address().to_string()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let admin = admin_address(&mut child).await;
    assert!(get(admin, "/livez").await.starts_with("HTTP/1.1 200"));
    let before = get(admin, "/readyz").await;
    assert!(before.starts_with("HTTP/1.1 503") && before.contains("unregistered"), "{before}");

    let mut link = signaling.registered().await;
    soon("the node is ready", async {
        while !get(admin, "/readyz").await.starts_with("HTTP/1.1 200") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(get(admin, "/metrics").await.contains("\nsfu_control_links 1\n"));

    for (method, state) in [("POST", NodeState::Draining), ("DELETE", NodeState::Serving)] {
        let answer = ask(admin, method, "/admin/drain").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"legs\":0"), "{answer}");
        link.expect("signaling hears of it", |message| match message {
            NodeMessage::Heartbeat(load) => (load.state == state).then_some(()),
            _ => None,
        })
        .await;
    }
    let standing = get(admin, "/signaling").await;
    let (_, body) = standing.split_once("\r\n\r\n").unwrap();
    let instances: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(instances[0]["address"], signaling.address().to_string(), "{body}");
    assert_eq!(
        (&instances[0]["state"], &instances[0]["registrations"]),
        (&"registered".into(), &1.into())
    );

    terminate(&child).await;
    link.expect("the node takes nothing more", |message| match message {
        NodeMessage::Heartbeat(load) => (load.state == NodeState::Draining).then_some(()),
        _ => None,
    })
    .await;
    soon("the link is closed", link.connection.closed()).await;
    let status = soon("the process ends", child.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}

async fn terminate(child: &Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
}

/// Reads it from the log, whose every line must be JSON.
async fn admin_address(child: &mut Child) -> SocketAddr {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = soon("the admin listener is up", async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = line["admin"].as_str() {
                return address.parse().unwrap();
            }
        }
    })
    .await;
    // The process must not get a broken pipe for a log.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    address
}

async fn get(from: SocketAddr, path: &str) -> String {
    ask(from, "GET", path).await
}

async fn ask(from: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(from).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: sfu\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    soon("a response", stream.read_to_string(&mut response)).await.unwrap();
    response
}
