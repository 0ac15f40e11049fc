//! The core of one worker.
//!
//! [`Core`] keeps the legs and finds the one that a datagram is for. What happens to the datagram
//! is in [`datagram`], what is fetched for it beforehand in [`glance`], TCP connections are in [`connection`], what the shell asks for in
//! [`command`], the two sides of a call in [`bridge`], legs that have moved to another worker in
//! [`moved`].

mod bridge;
mod command;
mod connection;
mod datagram;
mod glance;
mod handshakes;
mod moved;
mod paths;
mod profiles;
mod relay;
mod stats;
#[cfg(test)]
mod tests;
mod timers;

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use ahash::{AHashMap, AHashSet};
use rand::{SeedableRng, rngs::StdRng};
use slab::Slab;

use self::{
    bridge::Call, handshakes::Handshakes, moved::Moved, paths::Paths, profiles::ProfileMemory,
    timers::Timers,
};
pub use self::{
    moved::ReleasedLeg,
    stats::{CoreStats, Drops, Traffic},
};
use crate::{
    api::{
        CallId, ChannelId, CloseReason, Config, ConnectionId, Event, Hop, LegId, MAX_TRANSMIT,
        Path, Transmit,
    },
    ice::{Measure, Response, Ufrag},
    leg::{DATAGRAM_LEN, Leg, LegEvent, Queued},
    media::relay::Outlet,
};

/// Answers to connectivity checks waiting to be sent. A shell drains after each batch of
/// received datagrams, which is smaller than this.
const MAX_ANSWERS: usize = 1_024;

/// A leg that stays due, for instance because its packets have not been drained yet, comes up
/// again after this and not at once: a worker must never spin. Finer than any pacing needs.
const TIMER_GRANULARITY: Duration = Duration::from_millis(1);

/// The legs and calls of one worker.
pub struct Core {
    config: Config,
    rng: StdRng,
    /// The same moment on both clocks.
    clocks: (Instant, SystemTime),
    /// Time of the last input.
    now: Instant,
    /// How long what is being taken in had waited until then.
    waited: Duration,
    /// More comes than can be taken.
    behind: bool,
    legs: Slab<Leg>,
    by_id: AHashMap<LegId, usize>,
    by_ufrag: AHashMap<Ufrag, usize>,
    by_path: Paths,
    calls: AHashMap<CallId, Call>,
    measure: Option<Measure>,
    /// Legs whose calls lead to other nodes.
    channels: AHashMap<ChannelId, usize>,
    relay: Outlet,
    /// What each call may send over a hop that is too narrow, in bit/s.
    hop_limits: AHashMap<Hop, u64>,
    /// The ways to other nodes that stand.
    hops_up: AHashSet<Hop>,
    moved: Moved,
    handshakes: Handshakes,
    profiles: ProfileMemory,
    timers: Timers,
    /// Legs that may have something to send.
    ready: VecDeque<usize>,
    answers: VecDeque<(Path, Response)>,
    /// Last words of closed legs.
    farewells: VecDeque<(Path, Vec<u8>)>,
    /// Connections that carry no leg any more.
    abandoned: VecDeque<ConnectionId>,
    events: VecDeque<Event>,
    /// The datagram that was handed out last by [`Core::poll_transmit`].
    transmit: Option<Box<[u8; MAX_TRANSMIT]>>,
    stats: CoreStats,
}

impl Core {
    /// A core without legs. `now` and `wall` are the same moment on both clocks (RTCP sender
    /// reports carry wall-clock time).
    pub fn new(config: Config, now: Instant, wall: SystemTime) -> Self {
        let rng = StdRng::from_seed(config.seed);
        let measuring = config.measuring.as_ref();
        let measure = measuring.and_then(|credentials| Measure::new(credentials, now));
        Self {
            config,
            rng,
            clocks: (now, wall),
            now,
            waited: Duration::ZERO,
            behind: false,
            legs: Slab::new(),
            by_id: AHashMap::new(),
            by_ufrag: AHashMap::new(),
            by_path: Paths::default(),
            calls: AHashMap::new(),
            measure,
            channels: AHashMap::new(),
            relay: Outlet::default(),
            hop_limits: AHashMap::new(),
            hops_up: AHashSet::new(),
            moved: Moved::default(),
            handshakes: Handshakes::default(),
            profiles: ProfileMemory::default(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            answers: VecDeque::new(),
            farewells: VecDeque::new(),
            abandoned: VecDeque::new(),
            events: VecDeque::new(),
            transmit: None,
            stats: CoreStats::default(),
        }
    }

    /// Does what is due, and a bounded share of the handshakes that wait: while there are more,
    /// [`Core::next_timeout`] stays at the present.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.advance_handshakes(now);
        while let Some(key) = self.timers.pop_due(now) {
            let Some(leg) = self.legs.get_mut(key) else { continue };
            let event = leg.handle_timeout(now);
            let id = leg.id;
            if let Some((call, quality)) = leg.due_quality(now) {
                self.events.push_back(Event::Quality { call, leg: id, quality });
            }
            self.leg_event(key, event);
            self.advance_channel(key);
            self.touched(key);
        }
        self.moved.expire(now);
    }

    /// When to call [`Core::handle_timeout`] next, once everything is drained.
    pub fn next_timeout(&self) -> Option<Instant> {
        let at_once = (!self.handshakes.is_empty()).then_some(self.now);
        [self.timers.next(), self.moved.next_expiry(), at_once].into_iter().flatten().min()
    }

    /// The next datagram to send. Consecutive ones to the same address are adjacent, so that the
    /// shell can batch them.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        let mut buffer = self.transmit.take().unwrap_or_else(|| Box::new([0; MAX_TRANSMIT]));
        let filled = self.transmit_into(&mut buffer);
        let buffer = &**self.transmit.insert(buffer);
        filled.map(|(path, len)| Transmit { path, data: &buffer[..len] })
    }

    /// The same, written to where the shell gathers what it sends: its path and its length.
    pub fn transmit_into(&mut self, buffer: &mut [u8; MAX_TRANSMIT]) -> Option<(Path, usize)> {
        let filled = self.fill_transmit(buffer);
        if let Some((_, len)) = filled {
            self.stats.sent.add(len);
        }
        filled
    }

    fn fill_transmit(&mut self, buffer: &mut [u8; MAX_TRANSMIT]) -> Option<(Path, usize)> {
        if let Some((path, answer)) = self.answers.pop_front() {
            buffer[..answer.len()].copy_from_slice(&answer);
            return Some((path, answer.len()));
        }
        if let Some((path, datagram)) = self.farewells.pop_front() {
            buffer[..datagram.len()].copy_from_slice(&datagram);
            return Some((path, datagram.len()));
        }
        while let Some(&key) = self.ready.front() {
            if let Some(leg) = self.legs.get_mut(key).filter(|leg| leg.queued != Queued::No) {
                leg.media.set_behind(self.now, self.behind);
                let idle =
                    (leg.queued == Queued::Heard).then(|| leg.idle_until(self.now)).flatten();
                let due = match idle {
                    Some(due) => due,
                    None => {
                        let packet = leg.poll_packet(self.now, buffer, &mut self.stats.unsealed);
                        if packet.is_some() {
                            return packet;
                        }
                        self.exchange_feedback(key);
                        self.legs[key].next_timeout()
                    }
                };
                self.legs[key].queued = Queued::No;
                self.schedule(key, due);
                self.media_events(key);
            }
            self.ready.pop_front();
        }
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters and gauges.
    pub fn stats(&self) -> CoreStats {
        let mut media = self.stats.media;
        let mut tcp_legs = 0;
        for (_, leg) in &self.legs {
            media += leg.uncounted();
            let over_tcp = leg.ice.send_path().is_some_and(|path| path.connection().is_some());
            tcp_legs += u64::from(over_tcp);
        }
        CoreStats {
            legs: self.legs.len() as u64,
            tcp_legs,
            calls: self.calls.len() as u64,
            relayed_calls: self.channels.len() as u64,
            relay: self.relay.counters,
            media,
            ..self.stats
        }
    }

    /// The shell cannot follow what comes, or it can again. Meanwhile nothing lost is asked for: the load would only
    /// grow by it.
    pub fn set_behind(&mut self, behind: bool) {
        self.behind = behind;
    }

    /// Whether there is a leg whose page has not connected yet.
    pub fn is_connecting(&self) -> bool {
        self.stats.warm_legs < self.legs.len() as u64
    }

    /// Something happened to a leg: it may have to send, and it may be due earlier, which is
    /// looked at once when it has been drained and not for every packet.
    fn touched(&mut self, key: usize) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        if std::mem::replace(&mut leg.queued, Queued::Sends) == Queued::No {
            self.ready.push_back(key);
        }
    }

    /// A packet came from a leg's peer, and went to another leg.
    fn heard(&mut self, key: usize) {
        let leg = &mut self.legs[key];
        if leg.queued == Queued::No {
            leg.queued = Queued::Heard;
            self.ready.push_back(key);
        }
    }

    /// Brings a leg's deadline forward to `due`. A later one is left to be found when the earlier one
    /// fires, so that a packet that pushes deadlines back does not touch the heap.
    fn schedule(&mut self, key: usize, due: Instant) {
        let due = due.max(self.now + TIMER_GRANULARITY);
        if self.timers.get(key).is_none_or(|at| due < at) {
            self.timers.set(key, due);
        }
    }

    fn leg_event(&mut self, key: usize, event: Option<LegEvent>) {
        let (Some(event), Some(leg)) = (event, self.legs.get_mut(key)) else { return };
        let id = leg.id;
        match event {
            LegEvent::Warm(dtls, srtp) => {
                if leg.bridged.is_some() {
                    leg.media.start_forwarding(self.now);
                }
                self.stats.warm_legs += 1;
                self.events.push_back(Event::Warm { leg: id, dtls, srtp });
            }
            LegEvent::Silent => self.events.push_back(Event::Silent { leg: id }),
            LegEvent::Closed(reason) => {
                if reason == CloseReason::DtlsFailed
                    && let Some(path) = leg.ice.send_path()
                {
                    self.profiles.failed(self.now, path.remote.ip());
                }
                self.close(key, reason);
            }
        }
    }

    /// Removes a leg and tells the shell.
    fn close(&mut self, key: usize, reason: CloseReason) {
        self.unbridge_leg(key);
        let Some(mut leg) = self.detach(key) else { return };
        self.abandoned.extend(leg.ice.connections());
        if reason == CloseReason::Asked {
            leg.say_goodbye(self.now);
            let mut buffer = [0; DATAGRAM_LEN];
            while let Some((path, len)) =
                leg.poll_packet(self.now, &mut buffer, &mut self.stats.unsealed)
            {
                self.farewells.push_back((path, buffer[..len].to_vec()));
            }
        }
        self.events.push_back(Event::Closed { leg: leg.id, reason });
    }

    /// Takes a leg out of all tables.
    fn detach(&mut self, key: usize) -> Option<Leg> {
        let mut leg = self.legs.try_remove(key)?;
        leg.queued = Queued::No;
        leg.dtls_steps = 0;
        self.stats.media += leg.count();
        self.timers.remove(key);
        self.by_id.remove(&leg.id);
        for ufrag in leg.ice.ufrags() {
            self.by_ufrag.remove(&ufrag);
        }
        for path in leg.ice.paths() {
            self.by_path.remove(path);
        }
        if leg.is_warm() {
            self.stats.warm_legs -= 1;
        }
        Some(leg)
    }

    /// Puts a leg into all tables.
    fn attach(&mut self, leg: Leg) -> usize {
        if leg.is_warm() {
            self.stats.warm_legs += 1;
        }
        let key = self.legs.insert(leg);
        let leg = &self.legs[key];
        self.by_id.insert(leg.id, key);
        for ufrag in leg.ice.ufrags() {
            self.by_ufrag.insert(ufrag, key);
        }
        for path in leg.ice.paths() {
            self.by_path.insert(path, key);
        }
        self.touched(key);
        key
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("port", &self.config.port)
            .field("legs", &self.legs.len())
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}
