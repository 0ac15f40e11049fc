//! One socket, from its first message to its end.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{StreamExt, stream::SplitStream};
use signaling_desk::{
    Input, Seat, SocketId,
    placement::{Measured, Wish},
};
use signaling_wire::{
    browser::{ByeReason, ClientMessage, MeasuredNode, Role, ServerMessage},
    limits::{MAX_BROWSER_MESSAGE, MAX_MEASURED, MAX_STAGES},
    problem::{Code, Problem, Stage},
    text::Name,
};
use tokio::{sync::watch, time::timeout};
use tracing::Instrument;

use super::{
    Visitor,
    budget::{Budget, Exhausted},
    hello::{self, Hello},
    outbox::{Outbox, Writing},
};
use crate::{app::App, legs};

/// From the open socket to a good hello. A page sends it at once.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence after which the page's end is taken for dead: it has missed two pings.
const SILENCE: Duration = Duration::from_secs(25);

/// Serves one socket.
pub(super) async fn serve(app: Arc<App>, stream: WebSocket, from: IpAddr, cookie: Option<String>) {
    let (sink, mut stream) = stream.split();
    let (outbox, mut writing) = Outbox::start(sink);
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
            return;
        }
    };

    let seat = match &hello.visitor {
        Visitor::Shopper(link) => Seat::Shopper(link.jti),
        Visitor::Agent(agent) => Seat::Agent(agent.id),
    };
    let (socket, admitted) = app.sockets.insert(hello.visitor.clone(), outbox.clone());
    let span = tracing::info_span!("socket", socket = socket.0, ?seat);
    let region = match &hello.visitor {
        Visitor::Shopper(link) => link.region.clone(),
        Visitor::Agent(_) => None,
    };
    let page = Page { app: Arc::clone(&app), socket, seat, region, outbox, admitted };
    page.run(hello, stream, writing).instrument(span).await;
    app.sockets.remove(socket);
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

/// The first text message. Anything else but control frames counts as an empty one.
async fn first_text(stream: &mut SplitStream<WebSocket>) -> Option<String> {
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
    match message {
        ClientMessage::Stages { marks, .. } if marks.len() > MAX_STAGES => Err(Code::TooLarge),
        ClientMessage::LegOffer { measured, .. } if measured.len() > MAX_MEASURED => {
            Err(Code::TooLarge)
        }
        message => Ok(message),
    }
}

/// A page that said a good hello.
struct Page {
    app: Arc<App>,
    socket: SocketId,
    seat: Seat,
    /// The link names a region.
    region: Option<Name>,
    outbox: Outbox,
    admitted: watch::Receiver<bool>,
}

impl Page {
    async fn run(
        self,
        hello: Hello,
        mut stream: SplitStream<WebSocket>,
        mut writing: watch::Receiver<Writing>,
    ) {
        let connected = match hello.visitor {
            Visitor::Shopper(link) => {
                Input::ShopperConnected { socket: self.socket, link, leg: hello.leg }
            }
            Visitor::Agent(agent) => {
                Input::AgentConnected { socket: self.socket, agent, leg: hello.leg }
            }
        };
        if self.app.desk.send(connected).await {
            tokio::select! {
                () = self.read(&mut stream) => {}
                // It fails when the writer is gone, which is what is waited for.
                _ = writing.wait_for(|writing| *writing == Writing::Over) => {}
            }
            self.app.desk.send(Input::Disconnected { socket: self.socket }).await;
        } else {
            self.outbox.bye(ByeReason::Restarting);
        }
        let Self { outbox, app, socket, .. } = self;
        // The last clones of the outbox: the writer empties the queue and closes.
        app.sockets.remove(socket);
        drop(outbox);
        let _ = writing.wait_for(|writing| *writing == Writing::Over).await;
    }

    /// Handles messages, in order, until the page goes away or its budget is used up.
    async fn read(&self, stream: &mut SplitStream<WebSocket>) {
        let mut budget = Budget::new(Instant::now());
        while let Ok(Some(Ok(message))) = timeout(SILENCE, stream.next()).await {
            let text = match message {
                Message::Text(text) => text,
                Message::Binary(_) => Default::default(),
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(_) => return,
            };
            let code = match parse(&text) {
                _ if !budget.message(Instant::now()) => Code::RateLimited,
                Ok(ClientMessage::Hello { .. }) => Code::Malformed,
                Ok(message) => {
                    self.handle(message, &mut budget).await;
                    continue;
                }
                Err(code) => code,
            };
            self.reject(code);
            if budget.bad_message() == Err(Exhausted) {
                self.outbox.bye(ByeReason::Abuse);
                return;
            }
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
        match message {
            ClientMessage::Ping { t } => self.outbox.send(ServerMessage::Pong { t }),
            ClientMessage::LegOffer { attempt, sdp, measured } => {
                let wish = self.wish(&measured);
                self.leg(legs::Request::Open { sdp, wish }, attempt, budget);
            }
            ClientMessage::LegRestart { attempt, leg, sdp } => {
                self.leg(legs::Request::Restart { leg, sdp }, attempt, budget);
            }
            message => {
                if let ClientMessage::Quality(report) = &message {
                    let role = match self.seat {
                        Seat::Shopper(_) => Role::Shopper,
                        Seat::Agent(_) => Role::Agent,
                    };
                    self.app.metrics.page_quality(role, report);
                }
                self.app.desk.send(Input::Page { socket: self.socket, message }).await;
            }
        }
    }

    /// What is known about where the page is.
    fn wish(&self, measured: &[MeasuredNode]) -> Wish {
        let measured =
            measured.iter().map(|&MeasuredNode { node, rtt_ms }| Measured { node, rtt_ms });
        Wish { region: self.region.clone(), measured: measured.collect(), avoid: Vec::new() }
    }

    /// Has a node answer the page's offer. It takes a while, and other messages must not wait.
    fn leg(&self, request: legs::Request, attempt: u32, budget: &mut Budget) {
        let outbox = self.outbox.clone();
        if !budget.leg(Instant::now()) {
            let problem = Problem::new(Code::RateLimited, Stage::Leg).retry_after(2);
            outbox.send(ServerMessage::LegFailed { attempt, problem });
            return;
        }
        let (app, socket, seat) = (Arc::clone(&self.app), self.socket, self.seat);
        let mut admitted = self.admitted.clone();
        let work = async move {
            let answer = legs::serve(&app, socket, seat, request).await;
            // The welcome comes first; it fails only when the socket is gone.
            if admitted.wait_for(|admitted| *admitted).await.is_err() {
                return;
            }
            outbox.send(match answer {
                Ok((leg, sdp)) => ServerMessage::LegAnswer { attempt, leg, sdp },
                Err(problem) => ServerMessage::LegFailed { attempt, problem },
            });
        };
        tokio::spawn(work.instrument(tracing::Span::current()));
    }
}
