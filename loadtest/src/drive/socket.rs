//! A page's WebSocket.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use signaling_wire::{
    browser::{ClientMessage, ServerMessage},
    limits::MAX_BROWSER_MESSAGE,
};
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, interval_at},
};
use tokio_tungstenite::{
    client_async_tls_with_config, connect_async_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};

use super::{Events, Target};
use crate::flow::Input;

/// An open WebSocket, or one that is being opened.
#[derive(Debug)]
pub(super) struct Socket {
    outbox: mpsc::UnboundedSender<ClientMessage>,
    task: JoinHandle<()>,
}

/// Time for the last messages and the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

impl Socket {
    /// Opens the socket of `target` after a while, from one of this machine's addresses if it is said which. What happens on it is told to `events`.
    pub(super) fn open(
        target: &Target,
        from: Option<Ipv4Addr>,
        after: Duration,
        events: Events,
    ) -> Self {
        let (outbox, messages) = mpsc::unbounded_channel();
        let (url, host) = (target.websocket(), target.host_and_port());
        let task = tokio::spawn(async move {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            let reason = run(&url, from.map(|from| (from, host)), &events, messages).await.err();
            events.tell(Input::SocketClosed {
                reason: reason.map_or_else(|| "closed".to_owned(), |error| error.to_string()),
            });
        });
        Self { outbox, task }
    }

    pub(super) fn send(&self, message: ClientMessage) {
        // A socket that is gone says so by itself.
        let _ = self.outbox.send(message);
    }

    /// Closes the socket once everything is sent.
    pub(super) async fn close(self) {
        drop(self.outbox);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.task).await.is_err() {
            abort.abort();
        }
    }
}

async fn run(
    url: &str,
    from: Option<(Ipv4Addr, String)>,
    events: &Events,
    mut messages: mpsc::UnboundedReceiver<ClientMessage>,
) -> Result<(), SocketError> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_SERVER_MESSAGE))
        .max_frame_size(Some(MAX_SERVER_MESSAGE));
    // Without delayed sending: a hello must not wait for the acknowledgement of the handshake.
    let (stream, _) = match from {
        None => connect_async_with_config(url, Some(config), true).await?,
        Some((from, host)) => {
            let stream = connect_from(from, &host).await.map_err(tungstenite::Error::Io)?;
            client_async_tls_with_config(url, stream, Some(config), None).await?
        }
    };
    events.tell(Input::SocketOpen);
    let (mut sink, mut stream) = stream.split();
    let opened = Instant::now();
    let mut pings = interval_at(opened + PING_EVERY, PING_EVERY);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(message) => sink.send(text(&message)?).await?,
                None => {
                    sink.send(Message::Close(None)).await?;
                    while let Some(Ok(_)) = stream.next().await {}
                    return Ok(());
                }
            },
            at = pings.tick() => {
                let t = at.duration_since(opened).as_secs_f64();
                sink.send(text(&ClientMessage::Ping { t })?).await?;
            }
            message = stream.next() => match message {
                None | Some(Ok(Message::Close(_))) => return Ok(()),
                Some(Ok(Message::Text(text))) => {
                    let message: ServerMessage = serde_json::from_str(&text)?;
                    tracing::debug!(side = ?events.side(), ?message, "received");
                    events.tell(Input::Message(Box::new(message)));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            },
        }
    }
}

async fn connect_from(from: Ipv4Addr, host: &str) -> io::Result<TcpStream> {
    let to = lookup_host(host).await?.find(SocketAddr::is_ipv4);
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to.ok_or(io::ErrorKind::HostUnreachable)?).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn text(message: &ClientMessage) -> Result<Message, serde_json::Error> {
    Ok(Message::text(serde_json::to_string(message)?))
}

/// How often the page says that it is still there, as the real one does. The server takes a page
/// for gone after 25 s of silence.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Largest message accepted from the server: a call's whole chat may be in one.
const MAX_SERVER_MESSAGE: usize = 64 * MAX_BROWSER_MESSAGE;

/// Why a socket ended.
#[derive(Debug, thiserror::Error)]
enum SocketError {
    #[error(transparent)]
    Transport(#[from] tungstenite::Error),
    #[error("a message that is not of this protocol: {0}")]
    Message(#[from] serde_json::Error),
}
