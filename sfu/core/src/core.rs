//! The core of one worker.

use std::{net::SocketAddr, time::Instant};

use crate::api::{Command, Config, Disposition, Event, LegId, Port, Transmit};

/// The node's DTLS certificate and key.
#[derive(Debug, Clone)]
pub struct Certificate;

impl Certificate {
    /// A fresh self-signed P-256 certificate.
    pub fn generate() -> Self {
        Self
    }
}

/// A leg on its way to another worker's core.
#[derive(Debug)]
pub struct ReleasedLeg;

/// Counters since the start, copied out once a second. Cumulative, so a lost copy is harmless.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreStats {}

/// The legs and calls of one worker.
#[derive(Debug)]
pub struct Core;

impl Core {
    /// A core without legs. `now` and `wall` are the same moment on both clocks (RTCP sender
    /// reports carry wall-clock time).
    pub fn new(_config: Config, _now: Instant, _wall: std::time::SystemTime) -> Self {
        Self
    }

    /// Takes a datagram that arrived on `port` from `from`. It is decrypted and rewritten in
    /// place. Anything a stranger can send ends as a counter in [`CoreStats`].
    pub fn handle_datagram(
        &mut self,
        _now: Instant,
        _port: Port,
        _from: SocketAddr,
        _data: &mut [u8],
    ) -> Disposition {
        Disposition::Done
    }

    /// Takes a command.
    pub fn handle_command(&mut self, _now: Instant, _command: Command) {}

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When to call [`Core::handle_timeout`] next.
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next datagram to send. Consecutive ones to the same address are adjacent, so that the
    /// shell can batch them.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Gives a leg away so that both legs of a call live on one worker. Datagrams for it that
    /// still arrive here are answered with [`Disposition::Forward`] to `to`.
    pub fn release(&mut self, _now: Instant, _leg: LegId, _to: Port) -> Option<Box<ReleasedLeg>> {
        None
    }

    /// Counters and gauges.
    pub fn stats(&self) -> CoreStats {
        CoreStats::default()
    }
}
