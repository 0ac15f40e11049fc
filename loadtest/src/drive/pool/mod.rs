//! The threads that carry light legs: each owns its legs, their sockets and one poll.
//!
//! A socket of its own for every leg, as every browser has one: a node tells pages apart by their
//! addresses. Threads and calls exchange values; nothing is shared but counters.

mod drops;
mod seat;
mod thread;

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mio::Waker;
use signaling_wire::{browser::Role, ids::CallId};
use tokio::sync::oneshot;

use self::thread::Thread;
use super::{Clock, Events};
use crate::{
    light::{Counts, Identity, Origin},
    link::Impairment,
    media::{Judge, Profile},
};

/// The threads.
#[derive(Debug)]
pub struct Pool {
    threads: Vec<Handle>,
    joins: Vec<JoinHandle<()>>,
    next: AtomicUsize,
    ids: AtomicU64,
}

#[derive(Debug, Clone)]
struct Handle {
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
    load: Arc<Load>,
}

/// What a thread counts; each figure since it was taken last.
#[derive(Debug, Default)]
struct Load {
    lag_us: AtomicU64,
    late: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    unsent: AtomicU64,
    dropped: AtomicU64,
}

/// What the threads did since they were asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolLoad {
    /// The longest that work which was due had to wait for its turn.
    pub lag: Duration,
    /// Turns that were later than [`PoolLoad::LATE`].
    pub late: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams that the kernel refused to send.
    pub unsent: u64,
    /// Datagrams that the kernel dropped because a socket's buffer was full.
    pub dropped: u64,
}

impl PoolLoad {
    /// Later than this is late: half of the time between two sounds.
    pub const LATE: Duration = Duration::from_millis(10);
}

/// What is wanted of a thread.
enum Command {
    Open { id: u64, spec: Box<Spec>, events: Events },
    Answer { id: u64, sdp: String },
    Start { id: u64, call: CallId },
    Stop { id: u64 },
    Retire { id: u64 },
    Nudge { id: u64, nudge: Nudge },
    Close { id: u64, verdict: oneshot::Sender<Option<Verdict>> },
    Forget { id: u64 },
}

/// What a leg is to be.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Whose.
    pub side: Role,
    /// The page's number for it, from 1.
    pub attempt: u32,
    /// How long it waits before it makes its offer.
    pub after: Duration,
    /// What it sends.
    pub profile: Profile,
    /// What its access network does.
    pub impair: Option<Impairment>,
    /// Makes everything that chance decides in it.
    pub seed: u64,
    /// The local address that its offer names.
    pub address: Ipv4Addr,
    /// The local address that it is bound to; none: any.
    pub from: Option<Ipv4Addr>,
}

/// Something that is done to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nudge {
    /// Its UDP is dropped, both ways, for so long.
    DropUdp(Duration),
    /// It gets another address, as when a phone goes from Wi-Fi to LTE.
    ChangeAddress,
}

/// What a leg measured in all.
#[derive(Debug)]
pub struct Verdict {
    /// Of what arrived.
    pub judge: Box<Judge>,
    /// Packets sent, of audio and of video.
    pub sent: [u32; 2],
    /// Other counts.
    pub counts: Counts,
    /// Since when nothing had come when the media should have ended, if that was long.
    pub silent_at_end: Option<Duration>,
}

/// A leg on one of the threads. It ends when this is dropped.
#[derive(Debug)]
pub struct LightLeg {
    id: u64,
    handle: Handle,
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// When this machine cannot poll, or has no certificate to offer.
    pub fn start(threads: usize, clock: Clock) -> std::io::Result<Self> {
        let identity = Identity::new().map_err(std::io::Error::other)?;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let origin = Origin { instant: clock.origin(), wall: wall.saturating_sub(clock.now()) };
        let mut pool = Self {
            threads: Vec::new(),
            joins: Vec::new(),
            next: AtomicUsize::new(0),
            ids: AtomicU64::new(0),
        };
        for number in 0..threads.max(1) {
            let (commands, inbox) = mpsc::channel();
            let load = Arc::new(Load::default());
            let (thread, waker) =
                Thread::new(identity.clone(), clock, origin, inbox, Arc::clone(&load))?;
            let name = format!("legs-{number}");
            let join = std::thread::Builder::new().name(name).spawn(move || thread.run())?;
            pool.threads.push(Handle { commands, waker: Arc::new(waker), load });
            pool.joins.push(join);
        }
        Ok(pool)
    }

    /// Opens a leg; its offer and everything that happens to it is told to `events`.
    pub fn open(&self, spec: Spec, events: Events) -> LightLeg {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let leg = LightLeg { id, handle: self.threads[number].clone() };
        leg.tell(Command::Open { id, spec: Box::new(spec), events });
        leg
    }

    /// What the threads did since this was called last.
    pub fn take_load(&self) -> PoolLoad {
        let mut sum = PoolLoad::default();
        for Handle { load, .. } in &self.threads {
            let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
            sum.lag = sum.lag.max(Duration::from_micros(take(&load.lag_us)));
            sum.late += take(&load.late);
            sum.sent += take(&load.sent);
            sum.received += take(&load.received);
            sum.unsent += take(&load.unsent);
            sum.dropped += take(&load.dropped);
        }
        sum
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // A thread ends when nobody can tell it anything any more. Legs that are still held keep
        // theirs; waiting for those would wait for ever.
        for Handle { waker, .. } in self.threads.drain(..) {
            let _ = waker.wake();
        }
        self.joins.clear();
    }
}

impl LightLeg {
    /// Takes the answer to its offer.
    pub fn answer(&self, sdp: String) {
        self.tell(Command::Answer { id: self.id, sdp });
    }

    /// Judges what arrives as media of `call`, and sends media of it.
    pub fn start(&self, call: CallId) {
        self.tell(Command::Start { id: self.id, call });
    }

    /// Sends no more. What arrives is still judged.
    pub fn stop(&self) {
        self.tell(Command::Stop { id: self.id });
    }

    /// It is not watched any more, another one is. It still sends.
    pub fn retire(&self) {
        self.tell(Command::Retire { id: self.id });
    }

    /// Does something to it.
    pub fn nudge(&self, nudge: Nudge) {
        self.tell(Command::Nudge { id: self.id, nudge });
    }

    /// Closes it; what it measured, if there was a call.
    pub async fn close(&self) -> Option<Verdict> {
        let (verdict, told) = oneshot::channel();
        self.tell(Command::Close { id: self.id, verdict });
        told.await.ok().flatten()
    }

    fn tell(&self, command: Command) {
        // A thread that is gone has ended with the program.
        let _ = self.handle.commands.send(command);
        let _ = self.handle.waker.wake();
    }
}

impl Drop for LightLeg {
    fn drop(&mut self) {
        self.tell(Command::Forget { id: self.id });
    }
}
