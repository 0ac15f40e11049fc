//! What strangers send to the public listener and to the control port.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use rand::{RngCore, SeedableRng, rngs::SmallRng};
use signaling_desk::Millis;
use signaling_server::issuer::LinkOrder;
use signaling_wire::{
    PROTOCOL,
    browser::{Auth, ClientMessage, MediaChoice, ServerMessage, WantedPresence},
    ids::{AgentId, LegId, OfferId},
    limits::{MAX_BROWSER_MESSAGE, MAX_SDP, MAX_TOKEN},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream, UdpSocket},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::support::Deployment;

/// Where strangers come from. Not from where the call comes: a source that guesses credentials is
/// slowed down, and that is as it should be.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Where strangers with a good link come from.
const GUEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// Everything, once.
pub(crate) async fn attack(deployment: &Deployment) {
    let server = deployment.server.address();
    control_junk(deployment.server.control_address()).await;
    http_junk(server).await;
    bad_tokens(deployment).await;
    bad_messages(deployment).await;
}

async fn connect(from: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((from, 0))).expect("loopback has many addresses");
    socket.connect(server).await.expect("the server accepts")
}

async fn websocket(from: Ipv4Addr, server: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = connect(from, server).await;
    let (socket, _) = client_async(format!("ws://{server}/ws"), stream).await.expect("upgraded");
    socket
}

fn text(message: &ClientMessage) -> Message {
    Message::text(serde_json::to_string(message).expect("JSON"))
}

fn hello(auth: Auth) -> Message {
    text(&ClientMessage::Hello { protocol: PROTOCOL, auth, leg: None })
}

/// Random datagrams, and such as look like the beginning of a QUIC connection.
async fn control_junk(control: SocketAddr) {
    let mut rng = SmallRng::seed_from_u64(3);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    for round in 0..300 {
        let mut datagram = vec![0; if round % 3 == 0 { 1_200 } else { round * 4 }];
        rng.fill_bytes(&mut datagram);
        if round % 3 == 0 {
            // Initial packet of QUIC version 1 with connection ids of 8 bytes (RFC 9000 §17.2.2).
            datagram[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
            datagram[14] = 8;
        }
        socket.send_to(&datagram, control).await.expect("sent");
    }
}

/// Requests that are none, that never end, or that ask for what is not there.
async fn http_junk(server: SocketAddr) {
    let mut rng = SmallRng::seed_from_u64(4);
    let mut noise = vec![0; 4_096];
    rng.fill_bytes(&mut noise);
    let huge_header =
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Junk: {}\r\n\r\n", "a".repeat(300_000));
    let huge_body = format!(
        "POST /v1/links HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess\r\n\
         Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{}",
        "[".repeat(1_000_000)
    );
    let requests: [&[u8]; 7] = [
        &noise,
        b"GET /assets/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /assets/%2e%2e%2f%2e%2e%2fetc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /v1/links HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n",
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        huge_header.as_bytes(),
        huge_body.as_bytes(),
    ];
    for request in requests {
        let mut stream = connect(STRANGER, server).await;
        // The server may hang up before everything is said.
        let _ = stream.write_all(request).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
        assert!(!answer.contains("root:"), "{answer}");
    }
    // Requests that are never finished.
    let mut unfinished = Vec::new();
    for _ in 0..50 {
        let mut stream = connect(STRANGER, server).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("sent");
        unfinished.push(stream);
    }
}

/// Tokens that are too old, of another kind, changed, unsigned, or none: none opens a seat.
async fn bad_tokens(deployment: &Deployment) {
    let issuer = &deployment.server.app().issuer;
    let fragment = |url: &str| {
        let (_, fragment) = url.split_once('#').expect("a fragment");
        fragment.trim_start_matches("signin=").to_owned()
    };
    let link = |now| fragment(&issuer.link(LinkOrder::default(), now).expect("a link").url);
    let now = deployment.server.app().now();
    let good = link(now);
    let sign_in = issuer.sign_in(AgentId::from_bits(1), now).expect("a link").url;
    let (head, rest) = good.split_once('.').expect("a JWT");
    let (claims, signature) = rest.split_once('.').expect("a JWT");
    let no_algorithm = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"; // {"alg":"none","typ":"JWT"}
    let flipped: String = signature.chars().rev().collect();

    for token in [
        link(Millis(1_000_000_000_000)),
        fragment(&sign_in),
        format!("{no_algorithm}.{claims}."),
        format!("{no_algorithm}.{claims}.{signature}"),
        format!("{head}.{claims}.{flipped}"),
        format!("{head}.{claims}."),
        format!("{head}.{}.{signature}", "e30"),
        format!("{head}.{claims}"),
        "a".repeat(MAX_TOKEN + 1),
        "..".to_owned(),
        String::new(),
    ] {
        refused(deployment, Auth::Link { token: token.clone() }).await;
        refused(deployment, Auth::Seat { token: token.clone() }).await;
        refused(deployment, Auth::SessionToken { token }).await;
    }
    refused(deployment, Auth::SessionToken { token: good.clone() }).await;
    refused(deployment, Auth::Seat { token: good }).await;
    refused(deployment, Auth::Session).await;
}

/// No welcome, and the socket closes.
async fn refused(deployment: &Deployment, auth: Auth) {
    let mut socket = websocket(STRANGER, deployment.server.address()).await;
    socket.send(hello(auth.clone())).await.expect("sent");
    let mut problems = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        match serde_json::from_str(&text).expect("a message of ours") {
            ServerMessage::Problem(_) => problems += 1,
            ServerMessage::Bye { .. } => {}
            other => panic!("{auth:?} is let in: {other:?}"),
        }
    }
    assert_eq!(problems, 1, "{auth:?}");
}

/// Somebody with a good link says what makes no sense.
async fn bad_messages(deployment: &Deployment) {
    let server = deployment.server.address();
    let issuer = &deployment.server.app().issuer;
    let now = deployment.server.app().now();
    let url = issuer.link(LinkOrder::default(), now).expect("a link").url;
    let (_, token) = url.split_once('#').expect("a fragment");
    let entered = || hello(Auth::Link { token: token.to_owned() });

    let senseless = [
        ClientMessage::LegOffer { attempt: 1, sdp: "v=0\r\n".to_owned(), measured: Vec::new() },
        ClientMessage::LegOffer {
            attempt: 2,
            sdp: "m=audio\r\n".repeat(2_000),
            measured: Vec::new(),
        },
        ClientMessage::LegOffer { attempt: 3, sdp: "a".repeat(MAX_SDP + 1), measured: Vec::new() },
        ClientMessage::LegRestart { attempt: 4, leg: LegId::from_bits(1), sdp: String::new() },
        ClientMessage::Accept { offer: OfferId::from_bits(1) },
        ClientMessage::Decline { offer: OfferId::from_bits(1) },
        ClientMessage::Presence { state: WantedPresence::Available },
        ClientMessage::HangUp,
        ClientMessage::Leave,
        ClientMessage::Ping { t: f64::MAX },
        ClientMessage::Join { media: MediaChoice::Text },
        ClientMessage::Leave,
    ];
    let mut socket = websocket(GUEST, server).await;
    socket.send(entered()).await.expect("sent");
    for message in &senseless {
        socket.send(text(message)).await.expect("sent");
    }
    said_something(&mut socket).await;

    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let oversized = format!(r#"{{"type":"ping","t":1{}}}"#, " ".repeat(MAX_BROWSER_MESSAGE));
    let malformed = [
        Message::text("{"),
        Message::text(deep),
        Message::text(r#"{"type":"no_such_thing"}"#),
        Message::text(r#"{"type":"join","media":7}"#),
        Message::binary(vec![0; 1_000]),
        Message::text(oversized),
        Message::binary(vec![0; 1 << 20]),
        entered(),
    ];
    for message in malformed {
        let mut socket = websocket(GUEST, server).await;
        socket.send(entered()).await.expect("sent");
        // Once it has been too much for the server, it hangs up.
        for _ in 0..50 {
            if socket.send(message.clone()).await.is_err() {
                break;
            }
        }
        while let Some(Ok(_)) = socket.next().await {}
    }
}

/// Reads until nothing has come for a moment; at least something must have.
async fn said_something(socket: &mut WebSocketStream<TcpStream>) {
    let moment = std::time::Duration::from_millis(300);
    let first = socket.next().await;
    assert!(matches!(first, Some(Ok(_))), "{first:?}");
    while let Ok(Some(Ok(_))) = tokio::time::timeout(moment, socket.next()).await {}
}
