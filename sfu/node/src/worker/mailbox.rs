//! The queues into a worker.

use std::{
    fmt, io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use bytes::Bytes;
use mio::Waker;
use sfu_core::{
    ReleasedLeg,
    api::{ChannelId, Command, Datagram, Hop, LegId, Port},
};

use super::tcp::Connection;
use crate::relay::Way;

/// Inputs that may wait for a worker. A worker takes several thousand a second; one that lets this
/// many wait has hung for about a second, and what it is told is refused rather than hoarded.
const INPUTS: usize = 4_096;

/// Forwarded datagrams that may wait for a worker: a tenth of a second of 40 moved legs at 500
/// packets a second each. Media older than that is useless.
const DATAGRAMS: usize = 2_048;

/// Datagrams from other nodes that may wait for a worker: 50 ms of 400 relayed calls.
const RELAYED: usize = 4_096;

/// What a worker is told.
pub(crate) enum Input {
    /// A command for the core.
    Command(Command),
    /// Give a leg to another worker.
    Release {
        /// The leg.
        leg: LegId,
        /// The other worker.
        to: Port,
    },
    /// Take a leg from another worker.
    Adopt {
        /// The leg.
        leg: LegId,
        /// Everything about it.
        released: Box<ReleasedLeg>,
        /// Its connections.
        connections: Vec<Connection>,
    },
    /// Take a new connection, or one whose leg has moved here.
    Connection(Box<Connection>),
    /// The way to another node, before the first command that names it.
    Way {
        /// Its name in commands.
        hop: Hop,
        /// The way.
        way: Way,
    },
    /// Send what is left to send and end.
    Stop,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => command.fmt(f),
            Self::Release { leg, to } => write!(f, "Release({leg:?} to {to:?})"),
            Self::Adopt { leg, .. } => write!(f, "Adopt({leg:?})"),
            Self::Connection(connection) => connection.fmt(f),
            Self::Way { hop, .. } => write!(f, "Way({hop:?})"),
            Self::Stop => f.write_str("Stop"),
        }
    }
}

/// A datagram for a leg that has moved.
#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) datagram: Datagram,
    /// How many workers have passed it on.
    pub(crate) hops: usize,
}

/// The sending side of a worker's queues.
#[derive(Debug)]
pub(crate) struct Mailbox {
    inputs: SyncSender<Input>,
    datagrams: SyncSender<Forwarded>,
    relayed: SyncSender<(ChannelId, Bytes)>,
    waker: Waker,
}

/// The worker's side of its queues.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) inputs: Receiver<Input>,
    pub(super) datagrams: Receiver<Forwarded>,
    pub(super) relayed: Receiver<(ChannelId, Bytes)>,
}

/// The queues of a worker that `waker` wakes.
pub(super) fn pair(waker: Waker) -> (Mailbox, Inbox) {
    let (inputs, input_queue) = sync_channel(INPUTS);
    let (datagrams, datagram_queue) = sync_channel(DATAGRAMS);
    let (relayed, relayed_queue) = sync_channel(RELAYED);
    let inbox = Inbox { inputs: input_queue, datagrams: datagram_queue, relayed: relayed_queue };
    (Mailbox { inputs, datagrams, relayed, waker }, inbox)
}

impl Mailbox {
    /// Tells the worker something; gives it back when the worker takes nothing.
    pub(crate) fn tell(&self, input: Input) -> Result<(), Input> {
        self.inputs.try_send(input).map_err(|error| match error {
            TrySendError::Full(input) | TrySendError::Disconnected(input) => input,
        })?;
        self.wake();
        Ok(())
    }

    /// Passes a datagram on without waking the worker; whether there was room.
    pub(super) fn pass(&self, forwarded: Forwarded) -> bool {
        self.datagrams.try_send(forwarded).is_ok()
    }

    /// Passes on a datagram from another node without waking the worker; whether there was room.
    pub(crate) fn pass_relayed(&self, channel: ChannelId, data: Bytes) -> bool {
        self.relayed.try_send((channel, data)).is_ok()
    }

    /// Wakes the worker.
    pub(crate) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            // A full eventfd counter means that the worker is being woken already.
            if error.kind() != io::ErrorKind::WouldBlock {
                tracing::error!(%error, "cannot wake a worker");
            }
        }
    }
}
