//! One socket, from its first message to its end.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{StreamExt, stream::SplitStream};
use signaling_desk::SocketId;
use signaling_wire::{
    browser::{ByeReason, ClientMessage, ServerMessage},
    limits::{MAX_BROWSER_MESSAGE, MAX_MEASURED, MAX_STAGES},
    problem::{Code, Problem, Stage},
};
use tokio::{
    sync::{mpsc, watch},
    time::{timeout, timeout_at},
};
use tracing::Instrument;

use super::{
    Seated,
    budget::{Budget, Exhausted},
    hello::{self, Hello},
    order::{Came, Order},
    outbox::{Outbox, SecondWay, Writing},
    second::Said,
};
use crate::{app::App, cluster::Leader, lead::Lead};

/// From the open socket to a good hello. A page sends it at once.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a page waits for a desk. When an instance is lost another takes over within about two
/// seconds.
const DESK_PATIENCE: Duration = Duration::from_secs(5);

/// Silence after which the page's end is taken for dead: it has missed two pings.
pub(super) const SILENCE: Duration = Duration::from_secs(25);

/// How long a page may take to hear the last words and say that it has.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// Serves one socket.
pub(super) async fn serve(app: Arc<App>, stream: WebSocket, from: IpAddr, cookie: Option<String>) {
    let (sink, mut stream) = stream.split();
    let second = SecondWay::new();
    let (outbox, mut writing) = Outbox::start(sink, second.clone());
    let hello = match greet(&app, &mut stream, from, cookie.as_deref()).await {
        Ok(hello) => hello,
        Err(Unwelcome::Gone) => return,
        Err(Unwelcome::Refused(problem)) => {
            app.metrics.ws_rejected("hello");
            let reason = match problem.code {
                Code::RateLimited | Code::Unavailable => ByeReason::Restarting,
                Code::Malformed | Code::TooLarge => ByeReason::Abuse,
                _ => ByeReason::SignedOut,
            };
            outbox.send(ServerMessage::Problem(problem));
            outbox.bye(reason);
            // Dropping the stream now would reset the connection before the words have left.
            let _ = writing.wait_for(|writing| *writing == Writing::Over).await;
            heard(&mut stream).await;
            return;
        }
    };

    let Hello { visitor, leg } = hello;
    let (_admission, copies) = app.seconds.admit(second.key, second.copies);
    let span = tracing::info_span!("socket", seat = ?visitor.seat());
    let work = async {
        // A page that comes back when an instance was lost waits for the next desk here, rather
        // than trying again and again.
        let way = match app.lead.clone().wait(DESK_PATIENCE).await {
            Lead::Here(here) => {
                let seated = Seated::new(&app, &here, visitor, outbox.clone(), Some(from));
                if !seated.connected(leg).await {
                    outbox.bye(ByeReason::Restarting);
                }
                Way::Here(seated)
            }
            Lead::There(leader) => {
                let (socket, _) = app.sockets.insert(visitor.clone(), outbox.clone(), Some(from));
                leader.connected(socket, visitor, leg).await;
                Way::There(leader, socket)
            }
            Lead::Nobody | Lead::Taking(_) => {
                app.metrics.ws_rejected("no_desk");
                let problem = Problem::new(Code::Unavailable, Stage::Hello).retry_after(2);
                outbox.send(ServerMessage::Problem(problem));
                outbox.bye(ByeReason::Restarting);
                Way::Nowhere
            }
        };
        let page = Page { app: Arc::clone(&app), way, outbox };
        page.run(stream, copies, writing).await;
    };
    work.instrument(span).await;
}

enum Unwelcome {
    /// The socket closed by itself.
    Gone,
    /// Bad credentials, or none in time.
    Refused(Problem),
}

async fn greet(
    app: &App,
    stream: &mut SplitStream<WebSocket>,
    from: IpAddr,
    cookie: Option<&str>,
) -> Result<Hello, Unwelcome> {
    if let Err(wait) = app.failures.check(from, Instant::now()) {
        app.metrics.rate_limited();
        let problem = Problem::new(Code::RateLimited, Stage::Hello).retry_after(wait);
        return Err(Unwelcome::Refused(problem));
    }
    let first = match timeout(HELLO_TIMEOUT, first_text(stream)).await {
        Ok(Some(text)) => text,
        Ok(None) => return Err(Unwelcome::Gone),
        Err(_) => {
            let problem = Problem::new(Code::Unauthorized, Stage::Hello);
            return Err(Unwelcome::Refused(problem.hint("Say hello within ten seconds.")));
        }
    };
    let result = match parse(&first) {
        Ok(message) => hello::check(app, message, cookie).await,
        Err(code) => Err(Problem::new(code, Stage::Hello)),
    };
    result.map_err(|problem| {
        if problem.status == 401 {
            app.failures.count(from, Instant::now());
        }
        Unwelcome::Refused(problem)
    })
}

/// Waits until the other end closes as well. A connection that is dropped with something unread, as
/// the answer to a ping, is reset (RFC 1122 §4.2.2.13), and what was sent last may be lost with that.
async fn heard(stream: &mut SplitStream<WebSocket>) {
    let _ = timeout(HEARD_WITHIN, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}

/// The first text message. Anything else but control frames counts as an empty one.
pub(super) async fn first_text(stream: &mut SplitStream<WebSocket>) -> Option<String> {
    loop {
        match stream.next().await?.ok()? {
            Message::Text(text) => return Some(text.to_string()),
            Message::Binary(_) => return Some(String::new()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return None,
        }
    }
}

fn parse(text: &str) -> Result<ClientMessage, Code> {
    if text.len() > MAX_BROWSER_MESSAGE {
        return Err(Code::TooLarge);
    }
    let message = serde_json::from_str(text).map_err(|_| Code::Malformed)?;
    within_bounds(&message)?;
    Ok(message)
}

/// Whether the lists in a message are as short as they have to be.
pub(super) fn within_bounds(message: &ClientMessage) -> Result<(), Code> {
    match message {
        ClientMessage::Stages { marks, .. } if marks.len() > MAX_STAGES => Err(Code::TooLarge),
        ClientMessage::LegOffer { measured, .. } | ClientMessage::Measured { measured, .. }
            if measured.len() > MAX_MEASURED =>
        {
            Err(Code::TooLarge)
        }
        _ => Ok(()),
    }
}

/// Where a page's messages go.
enum Way {
    /// To the desk in this process.
    Here(Seated),
    /// To the desk of another instance, under this number.
    There(Arc<Leader>, SocketId),
    /// There is no desk; the page is told to come back.
    Nowhere,
}

/// A page that said a good hello.
struct Page {
    app: Arc<App>,
    way: Way,
    outbox: Outbox,
}

impl Page {
    async fn run(
        self,
        mut stream: SplitStream<WebSocket>,
        copies: mpsc::Receiver<Said>,
        mut writing: watch::Receiver<Writing>,
    ) {
        tokio::select! {
            () = self.read(&mut stream, copies) => {}
            // It fails when the writer is gone, which is what is waited for.
            _ = writing.wait_for(|writing| *writing == Writing::Over) => {}
            () = self.lost() => self.outbox.bye(ByeReason::Restarting),
        }
        let Self { app, way, outbox } = self;
        // The last clones of the outbox: the writer empties the queue and closes.
        drop(outbox);
        match way {
            Way::Here(seated) => seated.gone().await,
            Way::There(leader, socket) => {
                app.sockets.remove(socket);
                leader.gone(socket).await;
            }
            Way::Nowhere => {}
        }
        let _ = writing.wait_for(|writing| *writing == Writing::Over).await;
        heard(&mut stream).await;
    }

    /// Waits until the desk of the page cannot be reached any more.
    async fn lost(&self) {
        match &self.way {
            // The desk says bye itself when it ends.
            Way::Here(_) => std::future::pending().await,
            Way::There(leader, _) => leader.lost().await,
            Way::Nowhere => {}
        }
    }

    /// Handles messages, in order, until the page goes away or its budget is used up.
    async fn read(&self, stream: &mut SplitStream<WebSocket>, mut copies: mpsc::Receiver<Said>) {
        let mut budget = Budget::new(Instant::now());
        let mut order = Order::new();
        let mut heard = tokio::time::Instant::now();
        loop {
            let message = tokio::select! {
                came = timeout_at(heard + SILENCE, stream.next()) => match came {
                    Ok(Some(Ok(message))) => message,
                    Ok(Some(Err(_)) | None) | Err(_) => return,
                },
                // It ends only with this page.
                Some((number, message)) = copies.recv() => {
                    self.copied(order.copy(number, message), &mut budget).await;
                    self.overdue(&mut order, &mut budget).await;
                    continue;
                }
            };
            heard = tokio::time::Instant::now();
            let text = match message {
                Message::Text(text) => text,
                Message::Binary(_) => Default::default(),
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(_) => return,
            };
            let parsed = parse(&text);
            // Pings have no number: nobody copies one, and it does not matter when one comes.
            if !matches!(parsed, Ok(ClientMessage::Ping { .. })) && !order.original() {
                continue;
            }
            let code = match parsed {
                _ if !budget.message(Instant::now()) => Code::RateLimited,
                Ok(ClientMessage::Hello { .. }) => Code::Malformed,
                Ok(message) => {
                    self.handle(message, &mut budget).await;
                    self.overdue(&mut order, &mut budget).await;
                    continue;
                }
                Err(code) => code,
            };
            self.reject(code);
            if budget.bad_message() == Err(Exhausted) {
                self.outbox.bye(ByeReason::Abuse);
                return;
            }
            self.overdue(&mut order, &mut budget).await;
        }
    }

    /// A copy has come on the second connection.
    async fn copied(&self, came: Came<ClientMessage>, budget: &mut Budget) {
        self.app.metrics.ws_copy(match came {
            Came::First(_) => "first",
            Came::Early => "early",
            Came::Late => "late",
            Came::Refused => "refused",
        });
        if let Came::First(message) = came {
            self.handle(message, budget).await;
        }
    }

    /// Handles the copies whose turn has come.
    async fn overdue(&self, order: &mut Order<ClientMessage>, budget: &mut Budget) {
        while let Some(message) = order.due() {
            self.handle(message, budget).await;
        }
    }

    fn reject(&self, code: Code) {
        let reason = match code {
            Code::TooLarge => "too_large",
            Code::RateLimited => "rate_limited",
            _ => "malformed",
        };
        self.app.metrics.ws_rejected(reason);
        tracing::trace!(reason, "message rejected");
        self.outbox.send(ServerMessage::Problem(Problem::new(code, Stage::Call)));
    }

    async fn handle(&self, message: ClientMessage, budget: &mut Budget) {
        match &message {
            ClientMessage::Ping { t } => return self.outbox.send(ServerMessage::Pong { t: *t }),
            ClientMessage::LegOffer { attempt, .. } | ClientMessage::LegRestart { attempt, .. }
                if !budget.leg(Instant::now()) =>
            {
                let problem = Problem::new(Code::RateLimited, Stage::Leg).retry_after(2);
                return self.outbox.send(ServerMessage::LegFailed { attempt: *attempt, problem });
            }
            _ => {}
        }
        match &self.way {
            Way::Here(seated) => seated.said(message).await,
            Way::There(leader, socket) => leader.said(*socket, message).await,
            Way::Nowhere => {}
        }
    }
}
