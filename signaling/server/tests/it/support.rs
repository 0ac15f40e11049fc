//! A server of its own for each test, and scripted pages.

use std::{net::SocketAddr, path::Path, time::Duration};

use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use signaling_server::{Config, Server};
use signaling_wire::{
    PROTOCOL,
    browser::{SecondServerMessage, ServerMessage},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

/// Long enough for a busy machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on random ports with a directory of its own.
pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) directory: TempDir,
    pub(crate) http: Client,
    /// The API key, where it is not in the directory.
    pub(crate) key: Option<String>,
}

pub(crate) fn config(directory: &Path) -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        data_dir: directory.join("data"),
        listen: any,
        admin_listen: any,
        control_listen: any,
        media_port: 0,
        media_addresses: vec![any.ip().into()],
        workers: std::num::NonZeroU16::new(1),
        ..Config::default()
    }
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("temp dir")).await
    }

    /// Starts on what an earlier server left behind.
    pub(crate) async fn start_in(directory: TempDir) -> Self {
        Self::start_with(directory, config).await
    }

    /// Starts with what `config` makes of the directory.
    pub(crate) async fn start_with(
        directory: TempDir,
        config: impl FnOnce(&Path) -> Config,
    ) -> Self {
        let config = config(directory.path());
        let shared = config.store.is_some();
        let server = Server::start(config).await.expect("started");
        assert!(server.wait_for_node(PATIENCE).await, "the embedded node registers");
        let key = match shared {
            true => Some(server.storage().api_key().await.expect("key").expose().to_owned()),
            false => None,
        };
        Self { server, directory, http: Client::new(), key }
    }

    /// Stops it; what is left behind can be started on again.
    pub(crate) async fn stop(self) -> TempDir {
        self.server.stop().await;
        self.directory
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    pub(crate) fn api_key(&self) -> String {
        let kept = || self.server.data().api_key().expect("key").expose().to_owned();
        self.key.clone().unwrap_or_else(kept)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path)).bearer_auth(self.api_key())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(self.url(path)).bearer_auth(self.api_key()).json(body)
    }

    /// A link token with this body for `POST /v1/links`.
    pub(crate) async fn link(&self, body: Value) -> String {
        let link = json_of(self.post("/v1/links", &body)).await;
        fragment(link["url"].as_str().expect("url"))
    }

    /// An agent's session token, signed in the way a person does it.
    pub(crate) async fn session(&self, body: Value) -> String {
        let agent = json_of(self.post("/v1/agents", &body)).await;
        let path = format!("/v1/agents/{}/sign-in-link", agent["id"].as_str().expect("id"));
        let link = json_of(self.post(&path, &json!({}))).await;
        let token = fragment(link["url"].as_str().expect("url"));
        let response = self.sign_in(&token).await;
        assert_eq!(response.status(), 200);
        session_cookie(&response)
    }

    pub(crate) async fn sign_in(&self, token: &str) -> Response {
        let token = token.strip_prefix("signin=").expect("a sign-in link");
        let request = self.http.post(self.url("/v1/agent/session"));
        request.json(&json!({ "token": token })).send().await.expect("answered")
    }

    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.server.admin_address());
        let response = self.http.get(url).send().await.expect("answered");
        response.text().await.expect("text")
    }

    /// A page that has not said anything.
    pub(crate) async fn page(&self) -> Page {
        self.page_with(&[]).await.expect("upgraded")
    }

    pub(crate) async fn page_with(&self, headers: &[(&'static str, &str)]) -> Option<Page> {
        self.open("/ws", headers).await
    }

    /// A second connection that has brought this key, and nothing else.
    pub(crate) async fn second(&self, key: &Value) -> Page {
        let mut second = self.open("/ws/second", &[]).await.expect("upgraded");
        second.say(json!({ "type": "attach", "key": key })).await;
        second
    }

    pub(crate) async fn open(&self, path: &str, headers: &[(&'static str, &str)]) -> Option<Page> {
        let url = format!("ws://{}{path}", self.server.address());
        let mut request = url.into_client_request().expect("valid");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("valid");
            request.headers_mut().insert(*name, value);
        }
        Some(Page { socket: connect_async(request).await.ok()?.0 })
    }

    /// A shopper's page with this link, welcomed.
    pub(crate) async fn shopper(&self, token: &str) -> (Page, Value) {
        let mut page = self.page().await;
        page.hello(json!({ "kind": "link", "token": token })).await;
        let welcome = page.expect("welcome").await;
        (page, welcome)
    }

    /// An agent's console with this session, welcomed.
    pub(crate) async fn agent(&self, session: &str) -> (Page, Value) {
        let mut page = self.page().await;
        page.hello(json!({ "kind": "session_token", "token": session })).await;
        let welcome = page.expect("welcome").await;
        (page, welcome)
    }
}

/// The body of a successful answer.
pub(crate) async fn json_of(request: RequestBuilder) -> Value {
    let response = request.send().await.expect("answered");
    let status = response.status();
    let body = response.text().await.expect("text");
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// What comes after the `#` of a link.
pub(crate) fn fragment(url: &str) -> String {
    url.split_once('#').expect("a fragment").1.to_owned()
}

pub(crate) fn session_cookie(response: &Response) -> String {
    let cookie = response.headers().get("set-cookie").expect("a cookie").to_str().expect("text");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let value = cookie.strip_prefix("vitrine_session=").expect("our cookie");
    value.split(';').next().expect("a value").to_owned()
}

/// A scripted page.
pub(crate) struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Page {
    pub(crate) async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.raw(Message::text(message.to_string())).await;
    }

    pub(crate) async fn hello(&mut self, auth: Value) {
        self.say(json!({ "type": "hello", "protocol": PROTOCOL, "auth": auth })).await;
    }

    /// What comes next and is no ping; none when there is no more.
    async fn frame(&mut self) -> Option<tokio_tungstenite::tungstenite::Result<Message>> {
        // The server's pings are no reason to wait for longer.
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let frame = tokio::time::timeout_at(until, self.socket.next())
                .await
                .expect("the server says something");
            if !matches!(frame, Some(Ok(Message::Ping(_) | Message::Pong(_)))) {
                return frame;
            }
        }
    }

    /// The next message; none when the server has closed the socket. Every message must be one
    /// that the protocol knows.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        match self.frame().await {
            Some(Ok(Message::Text(text))) => {
                serde_json::from_str::<ServerMessage>(&text).expect("a known message");
                Some(serde_json::from_str(&text).expect("JSON"))
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(other)) => panic!("unexpected {other:?}"),
        }
    }

    /// The next thing said on a second connection; the code it was closed with when there is none.
    pub(crate) async fn next_copy(&mut self) -> Result<Value, u16> {
        match self.frame().await {
            Some(Ok(Message::Text(text))) => {
                serde_json::from_str::<SecondServerMessage>(&text).expect("a known message");
                Ok(serde_json::from_str(&text).expect("JSON"))
            }
            Some(Ok(Message::Close(frame))) => Err(frame.map_or(0, |f| f.code.into())),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Waits until the connection is known to be attached.
    pub(crate) async fn attached(&mut self) {
        self.say(json!({ "type": "ping", "t": 1.0 })).await;
        assert_eq!(self.next_copy().await, Ok(json!({ "type": "pong", "t": 1.0 })));
    }

    /// Waits for so many empty messages.
    pub(crate) async fn expect_pings(&mut self, count: usize) {
        let mut seen = 0;
        while seen < count {
            let message = self.socket.next().await.expect("an open socket").expect("a message");
            seen += usize::from(matches!(message, Message::Ping(_)));
        }
    }

    /// The next message of this type; others before it are skipped.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let mut skipped = Vec::new();
        while let Some(message) = self.next().await {
            if message["type"] == kind {
                return message;
            }
            skipped.push(message["type"].clone());
        }
        panic!("the socket was closed before {kind:?}; seen: {skipped:?}");
    }

    /// The reason in the bye, and then the end of the socket.
    pub(crate) async fn expect_bye(&mut self) -> Value {
        let bye = self.expect("bye").await;
        assert_eq!(self.next().await, None, "nothing comes after a bye");
        bye["reason"].clone()
    }
}

/// Two pages in a call, and what it is called.
pub(crate) struct InCall {
    pub(crate) shopper: Page,
    pub(crate) agent: Page,
    pub(crate) seat: String,
    pub(crate) session: String,
    pub(crate) call: String,
}

/// Brings a shopper and an agent together.
pub(crate) async fn in_call(server: &TestServer, link: Value) -> InCall {
    in_call_over(server, server, link).await
}

/// The same with each at an instance of their own.
pub(crate) async fn in_call_over(
    shoppers: &TestServer,
    agents: &TestServer,
    link: Value,
) -> InCall {
    let token = shoppers.link(link).await;
    let session = agents.session(json!({ "name": "Niran", "languages": ["th"] })).await;
    let (mut agent, _) = agents.agent(&session).await;
    agent.say(json!({ "type": "presence", "state": "available" })).await;
    let (mut shopper, welcome) = shoppers.shopper(&token).await;
    shopper.say(json!({ "type": "join", "media": "video" })).await;
    let offer = agent.expect("offer").await;
    agent.say(json!({ "type": "accept", "offer": offer["offer"] })).await;
    let started = shopper.expect("call_started").await;
    assert_eq!(agent.expect("call_started").await["call"], started["call"]);
    InCall {
        shopper,
        agent,
        seat: welcome["seat"].as_str().expect("a seat").to_owned(),
        session,
        call: started["call"].as_str().expect("a call").to_owned(),
    }
}
