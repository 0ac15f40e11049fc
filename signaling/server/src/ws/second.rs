//! The second connection of a page: copies of what is waited for, each way.
//!
//! It belongs to a first one, whose key it brings, and ends with it. It has no say of its own: what a
//! page says on it is taken in by the first one's task, in the order of the first one's messages
//! ([`super::order`]).

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use dashmap::DashMap;
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use signaling_wire::{
    browser::{ClientMessage, SecondClientMessage, SecondKey, SecondServerMessage},
    limits::MAX_SECOND_MESSAGE,
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at},
};

use super::{
    budget::Budget,
    outbox::{PING_EVERY, WRITE_TIMEOUT},
    socket::{HELLO_TIMEOUT, SILENCE, first_text, within_bounds},
};
use crate::app::App;

/// Copies that may wait in either direction. One is made now and then, and one that finds no room is
/// not missed: the message itself is on the first connection.
const COPIES: usize = 8;

/// Close code of a connection whose key opens nothing here: the first one has ended, or is at another
/// instance.
const NOT_HERE: u16 = 4404;

/// A copy of a page's message, and its number.
pub(super) type Said = (u32, ClientMessage);

/// The pages here that may have a second connection, by their keys.
#[derive(Debug, Default)]
pub struct Seconds {
    pages: DashMap<SecondKey, Page>,
}

#[derive(Debug)]
struct Page {
    said: mpsc::Sender<Said>,
    copies: Copies,
}

impl Seconds {
    /// Lets a page attach a second connection for as long as the answer lives. What comes on it comes
    /// out of the receiver; what goes to it goes through `copies`.
    pub(super) fn admit(
        self: &Arc<Self>,
        key: SecondKey,
        copies: Copies,
    ) -> (Admission, mpsc::Receiver<Said>) {
        let (said, copies_said) = mpsc::channel(COPIES);
        self.pages.insert(key, Page { said, copies });
        (Admission { seconds: Arc::clone(self), key }, copies_said)
    }

    /// Attaches a connection to the page of this key, in place of the one it may have. The receiver ends
    /// when the page is gone, or another connection is attached.
    fn attach(&self, key: SecondKey) -> Option<(mpsc::Sender<Said>, mpsc::Receiver<Utf8Bytes>)> {
        let page = self.pages.get(&key)?;
        let (sender, receiver) = mpsc::channel(COPIES);
        page.copies.lead(Some(sender));
        Some((page.said.clone(), receiver))
    }

    /// How many pages have one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pages.iter().filter(|page| page.copies.are_taken()).count()
    }
}

/// Ends the page's second connection when it is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    seconds: Arc<Seconds>,
    key: SecondKey,
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some((_, page)) = self.seconds.pages.remove(&self.key) {
            page.copies.lead(None);
        }
    }
}

/// Where copies of what a page is told go, if it has a second connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies(Arc<Mutex<Option<mpsc::Sender<Utf8Bytes>>>>);

impl Copies {
    /// Sends a copy of a message, already written as JSON.
    pub(super) fn send(&self, number: u32, message: &str) {
        let to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(to) = &*to {
            // One that finds no room is not missed.
            let _ = to.try_send(copy(number, message));
        }
    }

    fn lead(&self, to: Option<mpsc::Sender<Utf8Bytes>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    fn are_taken(&self) -> bool {
        let to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to.as_ref().is_some_and(|to| !to.is_closed())
    }
}

/// [`SecondServerMessage::Copy`] of a message that is JSON already.
fn copy(number: u32, message: &str) -> Utf8Bytes {
    format!(r#"{{"type":"copy","number":{number},"message":{message}}}"#).into()
}

/// Serves one second connection.
pub(super) async fn serve(app: Arc<App>, stream: WebSocket) {
    let (mut sink, mut stream) = stream.split();
    let Ok(Some(first)) = timeout(HELLO_TIMEOUT, first_text(&mut stream)).await else { return };
    let attached = match serde_json::from_str(&first) {
        Ok(SecondClientMessage::Attach { key }) => app.seconds.attach(key),
        _ => None,
    };
    let Some((said, mut copies)) = attached else {
        // There is nothing to guess in 128 bits: it does not count as a failed login, which would make
        // pages behind one address pay for a load balancer.
        app.metrics.ws_rejected("second");
        return close(sink, NOT_HERE).await;
    };
    let mut budget = Budget::new(std::time::Instant::now());
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let out = tokio::select! {
            copy = copies.recv() => match copy {
                Some(copy) => Message::Text(copy),
                None => break,
            },
            _ = pings.tick() => Message::Ping(Vec::new().into()),
            came = timeout_at(heard + SILENCE, stream.next()) => {
                heard = Instant::now();
                let text = match came {
                    Ok(Some(Ok(Message::Text(text)))) => text,
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
                    _ => return,
                };
                match take(&text, &mut budget, &said, &app) {
                    Ok(Some(pong)) => pong,
                    Ok(None) => continue,
                    Err(Nonsense) => {
                        app.metrics.ws_rejected("second");
                        break;
                    }
                }
            }
        };
        if !matches!(timeout(WRITE_TIMEOUT, sink.send(out)).await, Ok(Ok(()))) {
            return;
        }
    }
    close(sink, close_code::NORMAL).await;
}

/// Something that no page of ours says here, or too much of it.
struct Nonsense;

/// Takes in what a page says on its second connection; gives back what is to be answered.
fn take(
    text: &str,
    budget: &mut Budget,
    said: &mpsc::Sender<Said>,
    app: &App,
) -> Result<Option<Message>, Nonsense> {
    if text.len() > MAX_SECOND_MESSAGE || !budget.message(std::time::Instant::now()) {
        return Err(Nonsense);
    }
    match serde_json::from_str(text).map_err(|_| Nonsense)? {
        SecondClientMessage::Attach { .. } => Err(Nonsense),
        SecondClientMessage::Ping { t } => {
            let pong = serde_json::to_string(&SecondServerMessage::Pong { t });
            Ok(Some(Message::Text(pong.map_err(|_| Nonsense)?.into())))
        }
        SecondClientMessage::Copy { number, message } => {
            within_bounds(&message).map_err(|_| Nonsense)?;
            if said.try_send((number, *message)).is_err() {
                app.metrics.ws_copy("refused");
            }
            Ok(None)
        }
    }
}

async fn close(mut sink: SplitSink<WebSocket, Message>, code: u16) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static("") };
    // The peer may be gone; there is nothing left to do for it.
    let _ = timeout(WRITE_TIMEOUT, sink.send(Message::Close(Some(frame)))).await;
}

#[cfg(test)]
mod tests;
