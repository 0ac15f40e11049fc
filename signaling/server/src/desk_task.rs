//! Runs the desk: one task owns it, feeds it inputs and time, and carries out its effects.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use signaling_desk::{
    Counters, Desk, Effect, Input, Millis, MoveCause, Moved, Seat, SocketId,
    io::Ticket,
    store::{Applied, Store, StoreError},
};
use signaling_wire::{
    browser::{ByeReason, Phase, ServerMessage},
    ids::{CallId, LegId, NodeId},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Inputs that may wait for the desk. A full channel slows the sockets that fill it.
const INPUTS: usize = 4_096;

/// How long a stopping desk waits for the store to take what is left.
const DRAIN: Duration = Duration::from_secs(3);

/// Where the desk's effects go. Every method returns at once; a message to a socket that is gone
/// goes nowhere.
pub trait Outlet: Send + 'static {
    /// Answer the hello on this socket with a welcome.
    fn admit(&self, socket: SocketId, seat: Seat, phase: Phase, leg_alive: bool);
    /// Send a message to a page.
    fn send(&self, socket: SocketId, message: ServerMessage);
    /// Say `bye` and close the socket.
    fn close(&self, socket: SocketId, reason: ByeReason);
    /// Tell the node of these legs to bridge them.
    fn bridge(&self, call: CallId, epoch: u32, legs: [LegId; 2]);
    /// Tell the node of these legs to end the call's forwarding.
    fn unbridge(&self, call: CallId, epoch: u32, legs: [LegId; 2]);
    /// Tell the node of the leg to close it.
    fn close_leg(&self, leg: LegId);
    /// The next legs of these seats must not be on this node.
    fn evade(&self, seats: [Option<Seat>; 2], node: NodeId);
    /// A call's move to another node, or a try of it, is over.
    fn moved(&self, call: CallId, cause: MoveCause, how: Moved, took: Duration);
}

/// The way to a running desk.
#[derive(Clone, Debug)]
pub struct DeskHandle {
    inputs: mpsc::Sender<Input>,
    counters: watch::Receiver<Counters>,
}

impl DeskHandle {
    /// Gives the desk an input; waits when it is busy. False when the desk has stopped.
    pub async fn send(&self, input: Input) -> bool {
        self.inputs.send(input).await.is_ok()
    }

    /// What the desk has counted, at most a second old.
    pub fn counters(&self) -> Counters {
        *self.counters.borrow()
    }
}

/// The current time.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Why a desk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was told to.
    Stopped,
    /// Another instance's desk has taken over.
    Deposed,
}

/// Starts the desk's task. It ends after [`Input::Shutdown`], when the store has taken what was
/// left (or has not within [`DRAIN`]), and when the store says that another desk has taken over.
pub fn spawn(
    desk: Desk,
    store: Arc<dyn Store>,
    outlet: impl Outlet,
) -> (DeskHandle, JoinHandle<End>) {
    let (inputs, receiver) = mpsc::channel(INPUTS);
    let (sender, counters) = watch::channel(desk.counters());
    let task = Task { desk, store, outlet, storing: None, store_is_away: false, counters: sender };
    (DeskHandle { inputs, counters }, tokio::spawn(task.run(receiver)))
}

type Storing = Pin<Box<dyn Future<Output = (Ticket, Result<Applied, StoreError>)> + Send>>;

struct Task<O> {
    desk: Desk,
    store: Arc<dyn Store>,
    outlet: O,
    storing: Option<Storing>,
    store_is_away: bool,
    counters: watch::Sender<Counters>,
}

impl<O: Outlet> Task<O> {
    async fn run(mut self, mut inputs: mpsc::Receiver<Input>) -> End {
        let mut stop_at: Option<Instant> = None;
        loop {
            self.carry_out();
            self.counters.send_replace(self.desk.counters());
            if stop_at.is_some() && self.desk.is_drained() {
                return End::Stopped;
            }
            let due = self.desk.next_timeout().map(|at| Instant::now() + at.since(now()));
            tokio::select! {
                biased;
                (ticket, result) = answer(&mut self.storing) => {
                    self.storing = None;
                    if result == Err(StoreError::Deposed) {
                        self.say_goodbye();
                        return End::Deposed;
                    }
                    self.note_store(result.as_ref().err());
                    self.desk.handle(now(), Input::Stored { ticket, result });
                }
                () = at(due) => self.desk.handle_timeout(now()),
                () = at(stop_at) => {
                    tracing::error!(backlog = self.desk.counters().backlog, "stopped before the store took everything");
                    return End::Stopped;
                }
                input = inputs.recv(), if stop_at.is_none() => {
                    let input = input.unwrap_or(Input::Shutdown);
                    if matches!(input, Input::Shutdown) {
                        stop_at = Some(Instant::now() + DRAIN);
                    }
                    self.desk.handle(now(), input);
                }
            }
        }
    }

    /// Tells the pages to come back. What else this desk would do is another's to decide now.
    fn say_goodbye(&mut self) {
        self.desk.handle(now(), Input::Shutdown);
        while let Some(effect) = self.desk.poll_effect() {
            if let Effect::Close { socket, reason } = effect {
                self.outlet.close(socket, reason);
            }
        }
    }

    /// Logs when the store goes and when it is back, not every try in between.
    fn note_store(&mut self, error: Option<&StoreError>) {
        match error {
            Some(StoreError::Damaged(what)) => tracing::error!(what, "given up a change"),
            Some(error) if !self.store_is_away => {
                self.store_is_away = true;
                tracing::error!(%error, "no new calls until the store is back");
            }
            None if self.store_is_away => {
                self.store_is_away = false;
                tracing::info!("the store is back");
            }
            Some(_) | None => {}
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.desk.poll_effect() {
            match effect {
                Effect::Admit { socket, seat, phase, leg_alive } => {
                    self.outlet.admit(socket, seat, phase, leg_alive);
                }
                Effect::Send { socket, message } => self.outlet.send(socket, message),
                Effect::Close { socket, reason } => self.outlet.close(socket, reason),
                Effect::Bridge { call, epoch, legs } => self.outlet.bridge(call, epoch, legs),
                Effect::Unbridge { call, epoch, legs } => self.outlet.unbridge(call, epoch, legs),
                Effect::CloseLeg { leg } => self.outlet.close_leg(leg),
                Effect::Evade { seats, node } => self.outlet.evade(seats, node),
                Effect::Moved { call, cause, how, took } => {
                    self.outlet.moved(call, cause, how, took);
                }
                Effect::Store { ticket, verb } => {
                    let store = Arc::clone(&self.store);
                    self.storing = Some(Box::pin(async move { (ticket, store.apply(verb).await) }));
                }
            }
        }
    }
}

async fn answer(storing: &mut Option<Storing>) -> (Ticket, Result<Applied, StoreError>) {
    match storing {
        Some(storing) => storing.await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
