//! The way out of a socket: a bounded queue and the task that empties it.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::{SinkExt, stream::SplitSink};
use signaling_wire::browser::{ByeReason, QueuePlace, SecondKey, ServerMessage};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

use super::second::Copies;

/// Messages that may wait for a page. A call makes a few each second; a page that is a minute
/// behind reads its state afresh when it reconnects.
const QUEUE: usize = 256;

/// How often the page's end is asked for a sign of life.
pub(super) const PING_EVERY: Duration = Duration::from_secs(10);

/// A message that a person waits for is followed by so many empty ones, so far apart. A lone small
/// segment that is lost is sent again only by TCP's timer, 200 ms and more after a round trip; the
/// acknowledgements of later ones tell that it is missing: of three at once, of one a quarter of a
/// round trip later (RACK, RFC 8985). Far enough apart that what loses the one seldom takes all.
const FOLLOW_UPS: u8 = 3;
const FOLLOW_UP_AFTER: Duration = Duration::from_millis(4);

/// How long one message may take to leave. Long enough for a phone in a lift.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why the writer stopped; seen by the reader, which then stops as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// It has not.
    Open,
    /// Bye was said, or nothing can be written any more.
    Over,
}

/// Puts messages on the way to a page.
#[derive(Debug, Clone)]
pub(crate) enum Outbox {
    /// Its socket is here.
    Own(OwnOutbox),
    /// Another instance has its socket, and calls it by this number.
    Far(FarOutbox, u64),
}

impl Outbox {
    /// Starts the task that writes to `sink`. The receiver says when it has stopped.
    pub(super) fn start(
        sink: SplitSink<WebSocket, Message>,
        second: SecondWay,
    ) -> (Self, watch::Receiver<Writing>) {
        let (own, writing) = OwnOutbox::start(sink, second);
        (Self::Own(own), writing)
    }

    /// Queues a message. Whoever reads too slowly is cut off, not buffered.
    pub(crate) fn send(&self, message: ServerMessage) {
        match self {
            Self::Own(own) => own.send(message),
            Self::Far(far, socket) => far.send(*socket, message),
        }
    }

    /// Says bye; the socket closes after it.
    pub(crate) fn bye(&self, reason: ByeReason) {
        self.send(ServerMessage::Bye { reason });
    }

    /// Whether the socket is here.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }
}

/// The way to the pages of another instance.
#[derive(Debug, Clone)]
pub(crate) struct FarOutbox {
    queue: mpsc::Sender<(u64, ServerMessage)>,
    overrun: watch::Sender<bool>,
}

impl FarOutbox {
    /// What is said comes out of the other end of `queue`, with the number of its socket.
    pub(crate) fn new(queue: mpsc::Sender<(u64, ServerMessage)>) -> Self {
        Self { queue, overrun: watch::Sender::new(false) }
    }

    fn send(&self, socket: u64, message: ServerMessage) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send((socket, message)) {
            self.overrun.send_replace(true);
        }
    }

    /// Waits until something could not be queued.
    pub(crate) async fn overrun(&self) {
        // It cannot fail: this holds the sender.
        let _ = self.overrun.subscribe().wait_for(|overrun| *overrun).await;
    }
}

/// The way to a page whose socket is here.
#[derive(Debug, Clone)]
pub(crate) struct OwnOutbox {
    queue: mpsc::Sender<ServerMessage>,
    overrun: watch::Sender<bool>,
}

impl OwnOutbox {
    fn start(
        sink: SplitSink<WebSocket, Message>,
        second: SecondWay,
    ) -> (Self, watch::Receiver<Writing>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (overrun, overran) = watch::channel(false);
        let (state, writing) = watch::channel(Writing::Open);
        tokio::spawn(async move {
            write(sink, waiting, overran, second).await;
            // Nobody listens any more when the reader has stopped first.
            let _ = state.send(Writing::Over);
        });
        (Self { queue, overrun }, writing)
    }

    fn send(&self, message: ServerMessage) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(message) {
            self.overrun.send_replace(true);
        }
    }
}

/// The page's second connection: how it gets one, and where copies go.
#[derive(Debug, Clone)]
pub(super) struct SecondWay {
    pub(super) key: SecondKey,
    pub(super) copies: Copies,
}

impl SecondWay {
    /// With a key of its own.
    pub(super) fn new() -> Self {
        Self { key: SecondKey::from_bits(rand::random()), copies: Copies::default() }
    }
}

async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut waiting: mpsc::Receiver<ServerMessage>,
    mut overran: watch::Receiver<bool>,
    second: SecondWay,
) {
    let mut number: u32 = 0;
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut follow_up: Option<FollowUp> = None;
    loop {
        let message = tokio::select! {
            message = waiting.recv() => match message {
                Some(message) => Some(message),
                None => break,
            },
            () = due(follow_up) => {
                follow_up = follow_up.and_then(FollowUp::next);
                None
            }
            _ = pings.tick() => None,
        };
        let Some(mut message) = message else {
            if !sent(&mut sink, Message::Ping(Vec::new().into()), &mut overran).await {
                return;
            }
            continue;
        };
        if let ServerMessage::Welcome(welcome) = &mut message {
            welcome.second = Some(second.key);
        }
        let last = matches!(message, ServerMessage::Bye { .. });
        let Ok(text) = serde_json::to_string(&message) else {
            tracing::error!(?message, "a message cannot be written as JSON");
            continue;
        };
        if !matches!(message, ServerMessage::Pong { .. }) {
            number = number.saturating_add(1);
        }
        if is_waited_for(&message) {
            second.copies.send(number, &text);
            follow_up = Some(FollowUp { due: Instant::now() + FOLLOW_UP_AFTER, left: FOLLOW_UPS });
        }
        if !sent(&mut sink, Message::Text(text.into()), &mut overran).await {
            return;
        }
        if last {
            break;
        }
    }
    let close = CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::from_static("") };
    if sent(&mut sink, Message::Close(Some(close)), &mut overran).await {
        // The peer may be gone; there is nothing left to do for it.
        let _ = timeout(WRITE_TIMEOUT, sink.close()).await;
    }
}

/// Whether a call gets on its feet later when this message is late.
fn is_waited_for(message: &ServerMessage) -> bool {
    matches!(
        message,
        ServerMessage::Offer { .. }
            | ServerMessage::CallStarted { .. }
            | ServerMessage::LegAnswer { .. }
            | ServerMessage::Queue(QueuePlace { ringing: true, .. })
    )
}

/// Empty messages behind one that is waited for.
#[derive(Debug, Clone, Copy)]
struct FollowUp {
    due: Instant,
    left: u8,
}

impl FollowUp {
    /// What follows this one.
    fn next(self) -> Option<Self> {
        let left = self.left - 1;
        (left > 0).then_some(Self { due: self.due + FOLLOW_UP_AFTER, left })
    }
}

/// Waits until then; for ever when there is nothing to wait for.
async fn due(follow_up: Option<FollowUp>) {
    match follow_up {
        Some(FollowUp { due, .. }) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Writes one message; false when the page is gone or too far behind.
async fn sent(
    sink: &mut SplitSink<WebSocket, Message>,
    message: Message,
    overran: &mut watch::Receiver<bool>,
) -> bool {
    let too_far_behind = async {
        if overran.wait_for(|overran| *overran).await.is_err() {
            // Nothing more will be queued; what is has to leave.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        written = timeout(WRITE_TIMEOUT, sink.send(message)) => matches!(written, Ok(Ok(()))),
        () = too_far_behind => false,
    }
}
