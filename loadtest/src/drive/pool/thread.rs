//! The loop of one thread.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    io,
    sync::{Arc, atomic::Ordering, mpsc},
    time::Duration,
};

use mio::{Events as Ready, Interest, Poll, Token, Waker};

use super::{Command, Load, PoolLoad, drops, seat::Seat};
use crate::{
    drive::Clock,
    flow::Input,
    light::{Identity, Origin},
};

/// One thread.
pub(super) struct Thread {
    identity: Identity,
    clock: Clock,
    origin: Origin,
    inbox: mpsc::Receiver<Command>,
    load: Arc<Load>,
    poll: Poll,
    seats: HashMap<u64, Seat>,
    timers: BinaryHeap<Reverse<(Duration, u64)>>,
    buffer: Vec<u8>,
    /// When drops are counted next.
    count_drops: Duration,
}

/// The token of the waker; those of legs are their ids.
const WAKER: Token = Token(usize::MAX);
/// Largest datagram that is received; nodes send none that is larger than an Ethernet frame.
const BUFFER: usize = 2_048;
/// Sockets reported by one poll.
const READY: usize = 1_024;
/// How often the kernel's table of sockets is read: it is as long as there are sockets.
const COUNT_DROPS: Duration = Duration::from_secs(1);
/// Without anything to do, the thread looks around once in this long.
const IDLE: Duration = Duration::from_millis(500);

impl Thread {
    pub(super) fn new(
        identity: Identity,
        clock: Clock,
        origin: Origin,
        inbox: mpsc::Receiver<Command>,
        load: Arc<Load>,
    ) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let thread = Self {
            identity,
            clock,
            origin,
            inbox,
            load,
            poll,
            seats: HashMap::new(),
            timers: BinaryHeap::new(),
            buffer: vec![0; BUFFER],
            count_drops: Duration::ZERO,
        };
        Ok((thread, waker))
    }

    /// Runs until nobody can give commands any more.
    pub(super) fn run(mut self) {
        let mut ready = Ready::with_capacity(READY);
        while self.take_commands() {
            let now = self.clock.now();
            let wait = match self.timers.peek() {
                Some(Reverse((due, _))) => due.saturating_sub(now).min(IDLE),
                None => IDLE,
            };
            match self.poll.poll(&mut ready, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nothing of this machine's sockets works any more: the legs' silence says so.
                Err(_) => return,
            }
            for event in &ready {
                if event.token() != WAKER {
                    self.receive(event.token().0 as u64);
                }
            }
            self.run_timers();
            self.look_for_drops();
        }
    }

    fn look_for_drops(&mut self) {
        let now = self.clock.now();
        if now < self.count_drops {
            return;
        }
        self.count_drops = now + COUNT_DROPS;
        let by_port = drops::by_port();
        if by_port.is_empty() {
            return;
        }
        let dropped: u64 = self.seats.values_mut().map(|seat| seat.take_drops(&by_port)).sum();
        self.load.dropped.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Whether there may be more commands one day.
    fn take_commands(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(command) => self.obey(command),
                Err(mpsc::TryRecvError::Empty) => return true,
                Err(mpsc::TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        let id = match command {
            Command::Open { id, spec, events } => {
                match self.open(id, *spec, events.clone()) {
                    Ok(()) => {}
                    Err(error) => {
                        let reason = format!("this machine has no socket left: {error}");
                        events.tell(Input::LegFailed { reason });
                    }
                }
                id
            }
            Command::Answer { id, sdp } => {
                self.seats.entry(id).and_modify(|seat| seat.answer(now, &sdp));
                id
            }
            Command::Start { id, call } => {
                self.seats.entry(id).and_modify(|seat| seat.start(now, call));
                id
            }
            Command::Stop { id } => {
                self.seats.entry(id).and_modify(|seat| seat.stop(now));
                id
            }
            Command::Retire { id } => {
                self.seats.entry(id).and_modify(|seat| seat.retire(now));
                id
            }
            Command::Nudge { id, nudge } => {
                let Some(seat) = self.seats.get_mut(&id) else { return };
                match seat.nudge(now, nudge) {
                    Ok(true) => {
                        // Cannot fail on a socket that was just made and never registered.
                        let _ = self.poll.registry().register(
                            &mut seat.socket,
                            Token(id as usize),
                            Interest::READABLE,
                        );
                    }
                    Ok(false) => {}
                    Err(error) => {
                        let reason = format!("this machine has no socket left: {error}");
                        seat.events.tell(Input::LegFailed { reason });
                    }
                }
                id
            }
            Command::Close { id, verdict } => {
                let told = self.seats.remove(&id).and_then(|seat| seat.close(now));
                // Who does not wait for it does not want it.
                let _ = verdict.send(told);
                return;
            }
            Command::Forget { id } => {
                self.seats.remove(&id);
                return;
            }
        };
        self.turn(id, now);
    }

    fn open(&mut self, id: u64, spec: super::Spec, events: crate::drive::Events) -> io::Result<()> {
        let mut seat = Seat::new(&self.identity, self.origin, self.clock.now(), spec, events)?;
        let token = Token(id as usize);
        self.poll.registry().register(&mut seat.socket, token, Interest::READABLE)?;
        self.seats.insert(id, seat);
        Ok(())
    }

    fn receive(&mut self, id: u64) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let mut received = 0;
        let mut now = self.clock.now();
        // Until the socket is empty: it is reported again only when something new has come.
        loop {
            match seat.socket.recv_from(&mut self.buffer) {
                Ok((len, from)) => {
                    received += 1;
                    now = self.clock.now();
                    seat.receive(now, from, &mut self.buffer[..len]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A port that is unreachable for a moment: silence says it if it stays so.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
        self.load.received.fetch_add(received, Ordering::Relaxed);
        self.turn(id, now);
    }

    fn run_timers(&mut self) {
        loop {
            let now = self.clock.now();
            let Some(&Reverse((due, id))) = self.timers.peek() else { return };
            if due > now {
                return;
            }
            self.timers.pop();
            // A timer that was set earlier than another one of the same leg is no longer its timer.
            if self.seats.get(&id).is_some_and(|seat| seat.timer == due) {
                let lag = now - due;
                self.load.lag_us.fetch_max(lag.as_micros() as u64, Ordering::Relaxed);
                if lag >= PoolLoad::LATE {
                    self.load.late.fetch_add(1, Ordering::Relaxed);
                }
                self.turn(id, now);
            }
        }
    }

    fn turn(&mut self, id: u64, now: Duration) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let sent = seat.turn(now);
        self.load.sent.fetch_add(sent.sent, Ordering::Relaxed);
        self.load.unsent.fetch_add(sent.unsent, Ordering::Relaxed);
        let next = seat.next_timeout();
        if next != seat.timer || next <= now {
            seat.timer = next;
            if next != Duration::MAX {
                self.timers.push(Reverse((next, id)));
            }
        }
    }
}
