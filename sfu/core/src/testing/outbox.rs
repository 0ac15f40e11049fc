//! What a core has sent, as a worker gathers it.

use std::net::SocketAddr;

use super::calls::{Calls, Carried};
use crate::api::MAX_TRANSMIT;

/// Room for what is sent in one step.
const ROOM: usize = 2 << 20;

/// Datagrams one after the other, as in the worker's batch: nothing is allocated for them.
#[derive(Debug)]
pub struct Outbox {
    buffer: [u8; MAX_TRANSMIT],
    bytes: Vec<u8>,
    places: Vec<(SocketAddr, usize)>,
    /// What was due without a packet.
    timed: Vec<Carried>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            buffer: [0; MAX_TRANSMIT],
            bytes: Vec::with_capacity(ROOM),
            places: Vec::with_capacity(ROOM / 64),
            timed: Vec::new(),
        }
    }
}

impl Outbox {
    /// Has the core do what is due, and take what came together.
    pub fn forward(&mut self, calls: &mut Calls, runs: &mut [Vec<Carried>]) {
        let Self { buffer, bytes, places, timed } = self;
        calls.handle_timeout(timed);
        for run in runs {
            calls.forward(run, buffer, |peer, data| {
                places.push((peer, data.len()));
                bytes.extend_from_slice(data);
            });
        }
    }

    /// What has been sent.
    pub fn take(&mut self) -> Vec<Carried> {
        let mut sent = std::mem::take(&mut self.timed);
        let mut rest = &self.bytes[..];
        for (peer, len) in self.places.drain(..) {
            let (data, behind) = rest.split_at(len);
            sent.push(Carried { peer, data: data.to_vec() });
            rest = behind;
        }
        self.bytes.clear();
        sent
    }
}
